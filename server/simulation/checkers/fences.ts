// Fenced writes against the log (D2): each that has taken effect did so under the epoch that it carried, and whoever was told that
// its token is old carried another one than some epoch that the group had meanwhile.

import type { Epoch } from "../../../proto/ids.ts";
import { textOf } from "../../../storage/bytes.ts";
import { demand } from "../violation.ts";
import type { Operation } from "../workload/history.ts";
import type { EpochAt } from "./epoch-log.ts";
import type { Timeline } from "./replay.ts";

/**
 * @param epochs of a group, in order: before each of its entries
 * @returns how many fenced writes were compared
 */
export function checkFences(timeline: Timeline, operations: readonly Operation[], epochs: readonly EpochAt[]): number {
  const fenced = new Map<string, Operation>();
  for (const operation of operations) {
    const { request } = operation;
    if (request.type === "put" && request.fence !== null) fenced.set(textOf(request.value), operation);
  }
  for (const { kv, revision } of timeline.events) {
    const operation = kv === null ? undefined : fenced.get(textOf(kv.value));
    if (operation?.request.type !== "put") continue;
    const { fence, group } = operation.request;
    const epoch = epochAt(epochs, revision);
    demand(epoch === fence?.epoch, "fencing", () => {
      return `${group} at revision ${revision} was written under epoch ${fence?.epoch}, and is at epoch ${epoch}`;
    });
  }
  for (const { outcome, request } of fenced.values()) {
    if (outcome?.type !== "failed" || outcome.code !== "fenced" || request.type !== "put") continue;
    const isOld = epochs.some(({ epoch }) => epoch !== request.fence?.epoch);
    demand(isOld, "fencing", () => `${request.group} refused a write of epoch ${request.fence?.epoch}, its only one`);
  }
  return fenced.size;
}

/** Under which the revision was made. */
function epochAt(epochs: readonly EpochAt[], revision: number): Epoch | null {
  return epochs.find((each) => each.revision >= revision)?.epoch ?? null;
}
