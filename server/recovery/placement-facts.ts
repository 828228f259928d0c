// What a manager's view says of owners and of the right to act: small questions that every rule of placement asks.

import { type Epoch, type Millis, type NodeId, toEpoch, toMillis } from "../../proto/ids.ts";
import type { RecoveryStatus } from "../../proto/model.ts";
import type { GroupError } from "../../proto/placement.ts";
import type { PlacementView } from "./placement-view.ts";

/** With these an owner keeps what it runs; only one that is `up` is given something. */
const keeping: ReadonlySet<RecoveryStatus> = new Set(["up", "suspect", "partial", "draining", "maintenance"]);
const drained: ReadonlySet<RecoveryStatus> = new Set(["draining", "maintenance"]);

/**
 * Nobody can act under the present epoch, nor ever will: nobody has it any more (also by an operator's word), the agent has
 * confirmed that it stopped, its node was fenced by order of this very manager, or the time of the right is over by both clocks.
 */
export function nobodyHoldsRight({ ownership, report, fence, rightEndsMs, nowMs }: PlacementView): boolean {
  if (ownership.currentOwner === null || report?.state === "offline" || fence?.type === "done") return true;
  return isRightOver({ rightEndsMs, nowMs });
}

/** A right of which nothing is known (null) counts as held. */
export function isRightOver({ rightEndsMs, nowMs }: Pick<PlacementView, "rightEndsMs" | "nowMs">): boolean {
  return rightEndsMs !== null && nowMs >= rightEndsMs;
}

export function statusOf(view: Pick<PlacementView, "verdicts">, node: NodeId): RecoveryStatus | null {
  return view.verdicts.find((verdict) => verdict.node === node)?.status ?? null;
}

/** It can be given the application, as far as the group's verdict goes. */
export function isUp(view: PlacementView, node: NodeId): boolean {
  return view.owners.includes(node) && statusOf(view, node) === "up";
}

/** An owner that has not failed, drained or not. */
export function isPresent(view: Pick<PlacementView, "owners" | "verdicts">, node: NodeId): boolean {
  const status = statusOf(view, node);
  return view.owners.includes(node) && status !== null && keeping.has(status);
}

export function isDrained(view: PlacementView, node: NodeId): boolean {
  const status = statusOf(view, node);
  return status !== null && drained.has(status);
}

/** For example `n208 is down (Not heard by n210 for 2000 ms)`. */
export function verdictText({ owners, verdicts }: PlacementView, node: NodeId): string {
  if (!owners.includes(node)) return `${node} is no longer an owner`;
  const verdict = verdicts.find((each) => each.node === node);
  if (verdict === undefined) return `${node} has no verdict`;
  return `${node} is ${verdict.status}${verdict.reason === "" ? "" : ` (${verdict.reason})`}`;
}

/** Why an owner is not there, with what was made of that: `n208 is down (...), fenced by n210`. */
export function absenceText(view: PlacementView, node: NodeId): string {
  const { fence } = view;
  const fenced = fence?.type === "done" && fence.node === node ? `, fenced by ${fence.by}` : "";
  return `${verdictText(view, node)}${fenced}`;
}

export function banOf({ placement }: PlacementView, node: NodeId): GroupError | null {
  return placement.bans.find((ban) => ban.node === node) ?? null;
}

export function nextEpoch({ ownership }: PlacementView): Epoch {
  return toEpoch(ownership.epoch + 1);
}

/** Who has, or last had, the right of the present epoch; null: nobody ever had one, or it is not remembered. */
export function lastOwner({ ownership, placement }: Pick<PlacementView, "ownership" | "placement">): NodeId | null {
  if (ownership.currentOwner !== null || ownership.epoch === 0) return ownership.currentOwner;
  return placement.decisions.findLast(({ epoch }) => epoch === ownership.epoch)?.to ?? null;
}

/** What the owner has lost that it needs to go on; null: nothing. */
export function lossOf(view: PlacementView, owner: NodeId): string | null {
  if (!isPresent(view, owner)) return absenceText(view, owner);
  if (!view.agents.has(owner)) return `The agent of ${owner} is silent`;
  // It is told that its right is lost, and has to stop before anything else is done.
  if (view.fence !== null) return `A fence of ${owner} was ordered while it was down`;
  return isRightOver(view) ? `${owner} did not renew its right in time` : null;
}

/** The earliest of these moments; null: none is known. */
export function earliestMs(moments: readonly (Millis | null)[]): Millis | null {
  const known = moments.filter((moment) => moment !== null);
  return known.length === 0 ? null : toMillis(Math.min(...known));
}
