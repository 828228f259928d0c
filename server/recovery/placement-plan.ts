// Where the application of a group with resources runs, and by which step it gets there (D2 to D5; S1 Fig. 4). The manager of a
// group that has a quorum (block 404) asks for one step at a time, has the log record it, and asks again. The rule that nobody
// is assigned while another one may act stands in placement-steps.ts.
//
//               assign              report online
//   offline ────────────> acquiring ─────────────> online
//   suspended                 │                      │     a planned move (410), a stop, the minimum not met (412)
//      ^                      └──────────┬───────────┘
//      │ report offline, or              v                 the owner is lost: its right runs out, then assign (406)
//      └─── its right is over ─── releasing               where a fence is configured, the node is fenced meanwhile
//
// The epoch grows on `assign`, and with nothing else. State `error` is left only when an operator has cleared the error.

import type { NodeId } from "../../proto/ids.ts";
import type { GroupError } from "../../proto/placement.ts";
import { countMoves } from "./anti-flap.ts";
import { eligibleOwners } from "./candidates.ts";
import { heldBack } from "./cold-start.ts";
import { planFence, unlessEnded } from "./fence-plan.ts";
import { minimumMissing } from "./minimum.ts";
import { stopAwaits } from "./neighbour-rules.ts";
import { banOf, isPresent, isRightOver, isUp, lossOf, nobodyHoldsRight, verdictText } from "./placement-facts.ts";
import { planStart } from "./placement-start.ts";
import { advance, type Decided, fail, type PlacementRule, reserveFirst, wait } from "./placement-steps.ts";
import type { OwnerReport, PlacementStep, PlacementView } from "./placement-view.ts";
import { type PlannedMove, plannedMove } from "./planned-moves.ts";
import { reasonText } from "./reason.ts";

/** The one next step. */
export function planPlacement(view: PlacementView): PlacementStep {
  return decidePlacement(view).step;
}

/** The one next step, with the rule that decided it. */
export function decidePlacement(view: PlacementView): Decided {
  const { placement, ownership } = view;
  if (placement.intent.frozen !== null) return underway(view) ?? wait("frozen", `Frozen: ${placement.intent.frozen}`);
  if (placement.error !== null) return planInError(view, placement.error);
  return ownership.currentOwner === null ? planStart(view) : planOwned(view, ownership.currentOwner);
}

function planOwned(view: PlacementView, owner: NodeId): Decided {
  switch (view.ownership.state) {
    case "acquiring":
    case "online":
      return planRunning(view, owner);
    case "releasing":
      return planReleasing(view, owner);
    case "error":
      return planCleared(view, owner);
    case "offline":
    case "suspended":
      return endOfRight(view, owner, view.ownership.state);
  }
}

/** The rules in their order: what the agent says, what operators want, what is lost, what is needed, what would be better. */
function planRunning(view: PlacementView, owner: NodeId): Decided {
  return (
    reportedError(view, owner) ??
    operatorsStop(view, owner) ??
    stoppedByItself(view, owner) ??
    planLoss(view, owner) ??
    startedUp(view, owner) ??
    neverBegun(view, owner) ??
    insufficiency(view, owner) ??
    planMove(view, owner)
  );
}

/** A failure under this epoch of which the log knows nothing yet. */
function reportedError(view: PlacementView, owner: NodeId): Decided | null {
  const { report, placement } = view;
  if (report?.state !== "error" || banOf(view, owner) !== null) return null;
  // What may still run there must not be started elsewhere: an operator has to look into it.
  return failure("report", owner, report, !report.isStopped || (placement.intent.isOnline && isLast(view, owner)));
}

/** Nobody else can take over from this owner. */
function isLast(view: PlacementView, owner: NodeId): boolean {
  return countMoves(view).isExhausted || eligibleOwners(view, "fallover").every((node) => node === owner);
}

function failure(rule: PlacementRule, node: NodeId, { resource, reason }: OwnerReport, isFinal: boolean): Decided {
  return fail(rule, { node, resource, reason, isFinal });
}

function operatorsStop(view: PlacementView, owner: NodeId): Decided | null {
  return view.placement.intent.isOnline ? null : release(owner, "stopped", "An operator wants it stopped");
}

/** It is about to leave, or it could not renew its right: then the group had no quorum (block 412). */
function stoppedByItself({ report, isRenewed, fence }: PlacementView, owner: NodeId): Decided | null {
  if (report?.state !== "offline") return null;
  const state = isRenewed || fence !== null ? "offline" : "suspended";
  return advance("report", { owner: null, state, reason: `The agent of ${owner} has stopped it` });
}

/** Until it is over by time, or the owner is fenced: whatever comes first. */
function awaitRight(view: PlacementView, owner: NodeId, loss: string | null = null): Decided {
  const why = loss === null ? `The right of ${owner} is not over yet` : `${loss}: its right is not over yet`;
  return (
    planFence(view, owner, loss ?? verdictText(view, owner)) ??
    wait("right", `${why}${unlessEnded(view)}`, view.rightEndsMs)
  );
}

/** While its right lasts the owner may come back and go on; then another one takes over (406), or none can (412). */
function planLoss(view: PlacementView, owner: NodeId): Decided | null {
  const { placement } = view;
  const loss = lossOf(view, owner) ?? heldBack(view);
  // Who owns the group no more, but whose agent is heard, is asked to stop.
  const isStranger = !view.owners.includes(owner) && view.agents.has(owner) && view.fence === null;
  if (loss === null || (isStranger && !isRightOver(view))) return null;
  if (!nobodyHoldsRight(view)) return awaitRight(view, owner, loss);
  if (keepsWithoutMinimum(view)) return planFreeze(view);
  const next = planStart(view);
  if (next.step.type !== "wait") return next;
  const state = placement.lease !== null && isSuspending(view, next.rule) ? "suspended" : "offline";
  return advance(next.rule, { owner: null, state, reason: `${loss}; ${next.step.reason}` });
}

/** No owner is there, or not enough: services are suspended. Whatever else they wait for, as a ledger's answer, it is not that. */
function isSuspending(view: PlacementView, rule: PlacementRule): boolean {
  if (rule === "candidates") return !view.owners.some((node) => isUp(view, node));
  return rule === "minimum" || rule === "resumeAutomatically";
}

function startedUp({ ownership, report }: PlacementView, owner: NodeId): Decided | null {
  if (ownership.state !== "acquiring" || report?.state !== "online") return null;
  return advance("report", { owner, state: "online", reason: ownership.reason });
}

/** Its agent renews the right, and cannot say whether it begins: it may be full, or unable to read what it is to run. */
function neverBegun(view: PlacementView, owner: NodeId): Decided | null {
  const { report, beginsUntilMs, nowMs } = view;
  if (report !== null || beginsUntilMs === null || nowMs < beginsUntilMs) return null;
  if (banOf(view, owner) !== null || isLast(view, owner)) return null;
  return fail("report", {
    node: owner,
    resource: "",
    reason: `The agent of ${owner} has not begun it`,
    isFinal: false,
  });
}

/** S1's "sufficient resources" are not there (404): treated as if the quorum were lost (412). */
function insufficiency(view: PlacementView, owner: NodeId): Decided | null {
  const missing = minimumMissing(view);
  if (missing === null) return null;
  return keepsWithoutMinimum(view) ? planFreeze(view) : release(owner, "minimum", missing);
}

function keepsWithoutMinimum(view: PlacementView): boolean {
  return view.policies.lostQuorum === "freeze" && minimumMissing(view) !== null;
}

function planFreeze(view: PlacementView): Decided {
  return wait("lostQuorum", `${minimumMissing(view)}: by lostQuorum freeze nothing is changed`);
}

function planMove(view: PlacementView, owner: NodeId): Decided {
  const move = plannedMove(view, owner);
  if (move === null) return steady(view, owner);
  if (move.to === null && !move.isForced) return wait(move.rule, `${owner} keeps it: ${move.reason}`, move.untilMs);
  return makeRoom(view, move) ?? release(owner, move.rule, move.reason, move.to);
}

function makeRoom(view: PlacementView, { to, reason }: PlannedMove): Decided | null {
  return to === null ? null : reserveFirst(view, to, reason);
}

/** Nothing is lost, and nothing would be better. */
function steady(view: PlacementView, owner: NodeId): Decided {
  const index = view.owners.indexOf(owner);
  if (view.ownership.state === "acquiring") return starting(view, owner);
  if (index === 0) return wait("precedence", `${owner} is up, and the first in the owner list`);
  return wait("precedence", `${owner} is up, and none of the ${index} before it in the owner list can take it`);
}

function starting({ report, beginsUntilMs, nowMs }: PlacementView, owner: NodeId): Decided {
  if (report !== null) return wait("report", `The agent of ${owner} is starting it`);
  const untilMs = beginsUntilMs !== null && beginsUntilMs > nowMs ? beginsUntilMs : null;
  return wait("report", `The agent of ${owner} has yet to begin it`, untilMs);
}

function planReleasing(view: PlacementView, owner: NodeId): Decided {
  const { report, placement, policies } = view;
  if (nobodyHoldsRight(view)) {
    const isSuspended = placement.intent.isOnline && policies.lostQuorum !== "freeze" && minimumMissing(view) !== null;
    return endOfRight(view, owner, isSuspended ? "suspended" : "offline");
  }
  // Whether a stop that failed left something running nobody knows: an operator has to look into it. What runs no more may go on.
  const isNews = report?.state === "error" && !(report.isStopped && isKnown(view, owner, report));
  if (isNews) return failure("report", owner, report, !report.isStopped);
  const fence = planFence(view, owner, verdictText(view, owner));
  if (fence !== null) return fence;
  const order = stopAwaits(view);
  if (order !== null) return wait("stopOrder", order.reason, order.untilMs);
  return wait("right", `The agent of ${owner} is to stop it${unlessEnded(view)}`, view.rightEndsMs);
}

/** Said before the agent could hear that it is to stop: the failure for which it is. */
function isKnown(view: PlacementView, owner: NodeId, { resource, reason }: OwnerReport): boolean {
  const ban = banOf(view, owner);
  return ban !== null && ban.resource === resource && ban.reason === reasonText(reason);
}

function planInError(view: PlacementView, error: GroupError): Decided {
  const what = error.resource === "" ? "" : `${error.resource} `;
  const { ownership, report } = view;
  if (ownership.currentOwner !== null && report?.state === "offline")
    return endOfRight(view, ownership.currentOwner, "error");
  return wait("error", `In error: ${what}on ${error.node}: ${error.reason}`);
}

/** The operator has cleared the error: what may still run there is stopped before anything is started. */
function planCleared(view: PlacementView, owner: NodeId): Decided {
  const { report } = view;
  const isRunning = report?.state === "online" || report?.state === "acquiring";
  if (isRunning && isPresent(view, owner))
    return release(owner, "error", "An operator cleared its error: it starts anew");
  return endOfRight(view, owner, "error");
}

/** What has begun is brought to its end, also when hands are off: nothing is started or stopped by it. */
function underway(view: PlacementView): Decided | null {
  const { ownership, report } = view;
  const { currentOwner: owner, state } = ownership;
  if (owner === null) return null;
  if (state === "releasing" && report?.state === "offline") return endOfRight(view, owner, "offline");
  return startedUp(view, owner);
}

function endOfRight(view: PlacementView, owner: NodeId, state: "offline" | "suspended" | "error"): Decided {
  if (!nobodyHoldsRight(view)) return awaitRight(view, owner);
  const how = howEnded(view, owner);
  return advance("right", { owner: null, state, reason: `${how}: ${view.ownership.reason}` });
}

function howEnded({ report, fence }: PlacementView, owner: NodeId): string {
  if (report?.state === "offline") return `${owner} has stopped it`;
  return fence?.type === "done" ? `${owner} was fenced by ${fence.by}` : `The right of ${owner} is over`;
}

function release(owner: NodeId, rule: PlacementRule, reason: string, to: NodeId | null = null): Decided {
  return advance(rule, { owner, to, state: "releasing", reason });
}
