// What is told of a group without resources, whose ownership is advice: what is decided about it, where it ends up, and who could
// have it, all by the plan of placement.ts. Verdicts alone count: agents and policies matter only where there is something to run.

import type { NodeId } from "../../proto/ids.ts";
import type { Candidate } from "../../proto/placement.ts";
import { adviceFactorsOf } from "./candidate-factors.ts";
import { placeOf, withPlacement } from "./foresight.ts";
import { type OwnershipPlan, planAdvice } from "./placement.ts";
import { isUp, verdictText } from "./placement-facts.ts";
import { advance, type Decided, type PlacementRule, wait } from "./placement-steps.ts";
import type { PlacementView } from "./placement-view.ts";

/** The change that is due, or why there is none, with the rule that decided it. */
export function decideAdvice(view: PlacementView): Decided {
  const plan = planAdvice(view, view.placement);
  if (plan === null) return staying(view);
  const { currentOwner: owner, state, reason } = plan;
  return advance(ruleOf(view, plan), { owner, state, reason });
}

/** Who has it in the end; null: nobody. */
export function destinationOfAdvice(view: PlacementView): NodeId | null {
  const plan = planAdvice(view, view.placement);
  return plan === null ? placeOf(view) : plan.currentOwner;
}

/** Every owner, the best first, also while operators want it stopped or frozen; those that are not up come last, with rank 0. */
export function candidatesOfAdvice(view: PlacementView): readonly Candidate[] {
  const intent = { ...view.placement.intent, isOnline: true, frozen: null };
  const first = destinationOfAdvice(withPlacement(view, { intent }));
  const up = view.owners.filter((node) => isUp(view, node));
  const ranked = [...up.filter((node) => node === first), ...up.filter((node) => node !== first)];
  const others = view.owners.filter((node) => !ranked.includes(node));
  return [...ranked, ...others].map((node) => {
    return { node, rank: ranked.indexOf(node) + 1, factors: adviceFactorsOf(view, node), sample: null };
  });
}

function ruleOf({ placement: { intent, move } }: PlacementView, { currentOwner }: OwnershipPlan): PlacementRule {
  if (!intent.isOnline) return "stopped";
  if (currentOwner === null) return "candidates";
  return move !== null && (move.to ?? currentOwner) === currentOwner ? "move" : "precedence";
}

function staying(view: PlacementView): Decided {
  const { group, owners, ownership, placement } = view;
  const { currentOwner: owner } = ownership;
  const { frozen, isOnline } = placement.intent;
  if (frozen !== null) return wait("frozen", `Frozen: ${frozen}`);
  if (!isOnline) return wait("stopped", `${group} is stopped until an operator starts it`);
  if (owner === null) {
    return wait("candidates", `No owner is up: ${owners.map((node) => verdictText(view, node)).join("; ")}`);
  }
  if (!isUp(view, owner)) return wait("drain", `No other owner is up: it stays on ${owner} until one is`);
  return wait("precedence", `${owner} is up, and keeps it as long as it is`);
}
