// Why an application that runs well enough is to leave its owner, and for where (S1 Fig. 4, block 410: "reallocating resources as
// necessary"). The ledger of the new node has the place reserved before the application is stopped on the old one.

import type { Millis, NodeId } from "../../proto/ids.ts";
import { eligibleOwners, exclusionOf, exclusionsOf } from "./candidates.ts";
import { fallbackDueMs, fallbackText } from "./fallback.ts";
import { brokenDifferentNode, brokenSameNode, lostDependency } from "./neighbour-rules.ts";
import { banOf, earliestMs, isDrained, statusOf } from "./placement-facts.ts";
import type { PlacementRule } from "./placement-steps.ts";
import type { PlacementView } from "./placement-view.ts";

export interface PlannedMove {
  readonly rule: PlacementRule;
  readonly reason: string;
  /** null: it leaves and goes nowhere yet if `isForced`, else it stays. */
  readonly to: NodeId | null;
  /** It may not go on where it is, wherever it may go then. */
  readonly isForced: boolean;
  /** When time alone brings the move about; null: that cannot be told. */
  readonly untilMs: Millis | null;
}

/** The most urgent move of those that can be made now; else of those that cannot; null: there is no reason for any. */
export function plannedMove(view: PlacementView, owner: NodeId): PlannedMove | null {
  const moves = causes.map((cause) => cause(view, owner)).filter((move) => move !== null);
  return moves.find(({ to, isForced }) => to !== null || isForced) ?? moves[0] ?? null;
}

type Cause = (view: PlacementView, owner: NodeId) => PlannedMove | null;

/** The most urgent first. */
const causes: readonly Cause[] = [
  afterError,
  byWish,
  offTheList,
  byDrain,
  byDependency,
  byPin,
  bySameNode,
  byDifferentNode,
  byFallback,
];

function afterError(view: PlacementView, owner: NodeId): PlannedMove | null {
  const ban = banOf(view, owner);
  return ban === null ? null : forced("report", `${view.group} has failed on ${owner}: ${ban.reason}`);
}

function byWish(view: PlacementView, owner: NodeId): PlannedMove | null {
  const { move } = view.placement;
  if (move === null || move.to === owner) return null;
  if (move.to === null) return toBest(view, "move", `An operator wants ${view.group} to leave ${owner}`);
  return toOne(view, move.to, { rule: "move", reason: `An operator wants ${view.group} on ${move.to}` });
}

function offTheList(view: PlacementView, owner: NodeId): PlannedMove | null {
  return view.owners.includes(owner) ? null : toBest(view, "owners", `${owner} is no longer an owner`);
}

function byDrain(view: PlacementView, owner: NodeId): PlannedMove | null {
  return isDrained(view, owner) ? toBest(view, "drain", `${owner} is ${statusOf(view, owner)}`) : null;
}

function byDependency(view: PlacementView, owner: NodeId): PlannedMove | null {
  const lost = lostDependency(view, owner);
  return lost === null ? null : forced("dependency", lost);
}

function byPin(view: PlacementView, owner: NodeId): PlannedMove | null {
  const { pinnedTo } = view.placement.intent;
  if (pinnedTo === null || pinnedTo === owner) return null;
  return toOne(view, pinnedTo, { rule: "pin", reason: `An operator moved ${view.group} to ${pinnedTo}` });
}

function bySameNode(view: PlacementView, owner: NodeId): PlannedMove | null {
  const broken = brokenSameNode(view, owner);
  if (broken === null) return null;
  const move = toBest(view, "sameNode", broken);
  return move.to === null ? forced("sameNode", `${broken}, and it cannot go there now`) : move;
}

function byDifferentNode(view: PlacementView, owner: NodeId): PlannedMove | null {
  const broken = brokenDifferentNode(view, owner);
  return broken === null ? null : toBest(view, "differentNode", broken);
}

function byFallback(view: PlacementView, owner: NodeId): PlannedMove | null {
  const better = eligibleOwners(view, "fallback");
  const first = better[0];
  // It has to run before it can return.
  if (first === undefined || view.ownership.state !== "online") return null;
  if (view.placement.intent.pinnedTo === owner)
    return stays("pin", `An operator moved ${view.group} to ${owner}: no fallback while it is up`);
  const dueMs = better.map((node) => fallbackDueMs(view, node));
  const to = better.find((_, index) => dueMs[index] === view.nowMs) ?? null;
  const reason = `${to ?? first} is before ${owner} in the owner list, and ${fallbackText(view)}`;
  return { rule: "fallback", reason, to, isForced: false, untilMs: to === null ? earliestMs(dueMs) : null };
}

function forced(rule: PlacementRule, reason: string): PlannedMove {
  return { rule, reason, to: null, isForced: true, untilMs: null };
}

function stays(rule: PlacementRule, reason: string): PlannedMove {
  return { rule, reason, to: null, isForced: false, untilMs: null };
}

function toBest(view: PlacementView, rule: PlacementRule, reason: string): PlannedMove {
  const to = eligibleOwners(view, "move")[0] ?? null;
  if (to === null) return stays(rule, `${reason}, but no other owner can take it: ${othersText(view)}`);
  return {
    rule,
    reason: `${reason}; ${to} is chosen by fallover ${view.policies.fallover}`,
    to,
    isForced: false,
    untilMs: null,
  };
}

function othersText(view: PlacementView): string {
  const others = view.owners.filter((node) => node !== view.ownership.currentOwner);
  return exclusionsOf(view, "move", others) || "there is none";
}

function toOne(view: PlacementView, to: NodeId, { rule, reason }: Pick<PlannedMove, "rule" | "reason">): PlannedMove {
  const exclusion = exclusionOf(view, "move", to);
  if (exclusion !== null) return stays(rule, `${reason}, but it stays: ${exclusion}`);
  return { rule, reason, to, isForced: false, untilMs: null };
}
