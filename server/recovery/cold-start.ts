// Groups that operators want to start themselves (`startAutomatically: false`): the first time, and after a cold start.
//
// A cold start is one that nobody has lived through. While the right to run the application is renewed, the group's log keeps in
// which starts its owners are. When later nobody runs the application, the manager has never renewed the right itself, and
// every owner that it is in touch with is in another start than the log says, then none of them was there when it ended: they
// have all started anew. One that lived through it makes it a fail-over.

import type { OwnerStart } from "../../proto/placement.ts";
import type { PlacementView } from "./placement-view.ts";

/** Why the application waits for an operator before it is started, though its group wants it online; null: it does not. */
export function heldBack(view: PlacementView): string | null {
  const { ownership, placement, policies, group } = view;
  if (policies.startsAutomatically || placement.move !== null) return null;
  if (ownership.epoch === 0 || placement.lease === null) {
    return `${group} does not start automatically: an operator has to start it`;
  }
  return isColdStart(view) ? `${group} does not start automatically, and all its owners have started anew` : null;
}

/** What the log does not know yet of the starts of owners, while the right is renewed; empty: nothing, or nobody asks for it. */
export function startsToNote(view: PlacementView): readonly OwnerStart[] {
  const { ownership, placement, policies, isRenewed, starts } = view;
  if (policies.startsAutomatically || ownership.currentOwner === null || !isRenewed) return [];
  return view.owners.flatMap((node) => {
    const boot = starts.get(node);
    const isNoted = placement.starts.some((noted) => noted.node === node && noted.boot === boot);
    return boot === undefined || isNoted ? [] : [{ node, boot }];
  });
}

function isColdStart({ placement, starts, report, isRenewed }: PlacementView): boolean {
  // Its agent has outlived the nodes, and runs it.
  if (isRenewed || placement.starts.length === 0 || (report !== null && report.state !== "offline")) return false;
  return placement.starts.every(({ node, boot }) => starts.get(node) !== boot);
}
