// The steps that placement is made of, each with the rule that decided it.
//
// THE SAFETY RULE (D2). A new epoch is assigned only when nobody can hold the right of the present one any more: nobody has it,
// or its agent has confirmed under it that it stopped, or a fence of its node, ordered under it by this very manager, has
// succeeded, or its time is over by both clocks. A right without end (`lostQuorum: freeze`) is never over by time. That an
// operator has made sure that the owner runs nothing is the log's word: then nobody has it. `take` is the only place that makes an
// `assign`, and asserts it.

import { assert } from "../../proto/assert.ts";
import type { Millis, NodeId } from "../../proto/ids.ts";
import { countMoves } from "./anti-flap.ts";
import { exclusionOf } from "./candidates.ts";
import { banOf, isDrained, isUp, lastOwner, nextEpoch, nobodyHoldsRight } from "./placement-facts.ts";
import type { PlacementStep, PlacementView } from "./placement-view.ts";
import { reasonText } from "./reason.ts";

/** What decided a step, for people. */
export const placementRules = {
  frozen: "frozen by an operator",
  error: "in error until an operator clears it",
  stopped: "stopped by an operator",
  startAutomatically: "startAutomatically is false",
  resumeAutomatically: "resumeAutomatically is false",
  minimum: "minimum of resources",
  lostQuorum: "policy for lost quorum",
  dependency: "dependency",
  startup: "startup policy",
  settling: "settling time",
  fallover: "fallover policy",
  fallback: "fallback policy",
  right: "right of the last owner",
  fence: "fence of the last owner",
  report: "report of the agent",
  candidates: "no owner can take it",
  move: "move by an operator",
  pin: "owner that an operator chose",
  drain: "drained node",
  owners: "owner list",
  sameNode: "same-node rule",
  differentNode: "different-node rule",
  antiFlap: "anti-flap limit",
  reservation: "reservation on the node",
  precedence: "precedence in the owner list",
  stopOrder: "stop order",
} as const;
export type PlacementRule = keyof typeof placementRules;

export interface Decided {
  readonly rule: PlacementRule;
  readonly step: PlacementStep;
}

export function wait(rule: PlacementRule, reason: string, untilMs: Millis | null = null): Decided {
  return { rule, step: { type: "wait", untilMs, reason: reasonText(reason) } };
}

type Advance = Extract<PlacementStep, { readonly type: "advance" }>;

export function advance(
  rule: PlacementRule,
  fields: Omit<Advance, "type" | "to"> & Partial<Pick<Advance, "to">>,
): Decided {
  return { rule, step: { to: null, ...fields, type: "advance", reason: reasonText(fields.reason) } };
}

type Fail = Extract<PlacementStep, { readonly type: "fail" }>;

export function fail(rule: PlacementRule, fields: Omit<Fail, "type">): Decided {
  return { rule, step: { ...fields, type: "fail", reason: reasonText(fields.reason) } };
}

/** The node's ledger has admitted that the next epoch begins there. */
export function isPromised(view: PlacementView, node: NodeId): boolean {
  const answer = view.reservations.get(node);
  return answer?.type === "admitted" && answer.epoch === nextEpoch(view);
}

/** The node's ledger is asked first, under the next epoch (D5); null: it has admitted that. */
export function reserveFirst(view: PlacementView, node: NodeId, reason: string): Decided | null {
  if (isPromised(view, node)) return null;
  return { rule: "reservation", step: { type: "reserve", node, reason: reasonText(reason) } };
}

/** The application begins on this owner under the next epoch: within the anti-flap limit, with a reservation, and safely. */
export function take(
  view: PlacementView,
  owner: NodeId,
  { rule, reason }: { rule: PlacementRule; reason: string },
): Decided {
  assert(
    nobodyHoldsRight(view),
    () =>
      `${view.ownership.currentOwner} may hold epoch ${view.ownership.epoch}: ${view.nowMs} < ${view.rightEndsMs}, fence ${view.fence?.type}`,
  );
  const isMove = isUnplanned(view, owner);
  if (isMove && countMoves(view).isExhausted) return failByMoves(view, owner);
  const reserve = reserveFirst(view, owner, reason);
  if (reserve !== null) return reserve;
  assert(exclusionOf(view, "startup", owner) === null, () => `${owner} cannot take ${view.group}`);
  return { rule, step: { type: "assign", owner, reason: reasonText(reason), isMove } };
}

/** Nobody asked for it: the last owner is lost, the application has failed there, or its services were suspended. */
function isUnplanned(view: PlacementView, owner: NodeId): boolean {
  const { ownership, placement } = view;
  if (ownership.epoch === 0 || placement.lease === null || placement.move?.to === owner) return false;
  if (ownership.currentOwner !== null) return true;
  // An operator wants it to move, or has cleared an error.
  if (placement.move !== null || ownership.state === "error") return false;
  const last = lastOwner(view);
  return ownership.state === "suspended" || (last !== null && hasFailed(view, last));
}

function hasFailed(view: PlacementView, node: NodeId): boolean {
  return banOf(view, node) !== null || !(isUp(view, node) || isDrained(view, node));
}

/** One more move than the limit allows. */
function failByMoves(view: PlacementView, owner: NodeId): Decided {
  const reason = `${countMoves(view).text}: ${view.group} is not moved to ${owner} without an operator`;
  return fail("antiFlap", { node: lastOwner(view) ?? owner, resource: "", reason, isFinal: true });
}
