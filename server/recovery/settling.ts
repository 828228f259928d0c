// How long a start waits for an owner of higher precedence (D4), so that where a group starts does not depend on which machine
// boots faster.

import { type NodeId, toMillis } from "../../proto/ids.ts";
import type { Hindrance } from "./neighbour-rules.ts";
import { banOf, isDrained, isUp, statusOf } from "./placement-facts.ts";
import type { PlacementView } from "./placement-view.ts";

/** For whom a start on this owner still waits; null: for nobody. */
export function settlingFor(view: PlacementView, choice: NodeId): Hindrance | null {
  if (view.policies.startup === "firstAvailable" || isDecided(view, choice)) return null;
  const before = view.owners.slice(0, view.owners.indexOf(choice));
  return awaitedOne(view, before) ?? settlingTime(view, before);
}

/** It is under way from one owner to another, or this is where an operator wants it, or where it was advised to be. */
function isDecided({ placement, ownership }: PlacementView, choice: NodeId): boolean {
  return placement.target !== null || choice === placement.move?.to || choice === ownership.currentOwner;
}

/** The very first owner does not depend on who of them was heard first. */
function awaitedOne(view: PlacementView, before: readonly NodeId[]): Hindrance | null {
  if (view.ownership.epoch !== 0) return null;
  const node = before.find((each) => isUndecided(view, each) && view.awaited(each));
  return node === undefined ? null : { reason: `${node} of higher precedence is awaited`, untilMs: null };
}

function settlingTime(view: PlacementView, before: readonly NodeId[]): Hindrance | null {
  const { startup, settlingMs } = view.policies;
  const untilMs = toMillis(view.managesSinceMs + settlingMs);
  if (startup !== "highestPriority" || view.nowMs >= untilMs) return null;
  const node = before.find((each) => mayComeUp(view, each));
  if (node === undefined) return null;
  return { reason: `${node} of higher precedence may come up within the settling time of ${settlingMs} ms`, untilMs };
}

function isUndecided(view: PlacementView, node: NodeId): boolean {
  const status = statusOf(view, node);
  return status === null || status === "joining";
}

/** It is not there yet, and not known already to take no application. */
function mayComeUp(view: PlacementView, node: NodeId): boolean {
  if (isUp(view, node) && view.agents.has(node)) return false;
  return statusOf(view, node) !== "left" && !isDrained(view, node) && banOf(view, node) === null;
}
