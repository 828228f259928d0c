// How long a start waits for an owner of higher precedence (D4), so that where a group starts does not depend on which machine
// boots faster.

import { type NodeId, toMillis } from "../../proto/ids.ts";
import type { Hindrance } from "./neighbour-rules.ts";
import { banOf, isDrained, statusOf } from "./placement-facts.ts";
import type { PlacementView } from "./placement-view.ts";

/** For whom a start on this owner still waits; null: for nobody. */
export function settlingFor(view: PlacementView, choice: NodeId): Hindrance | null {
  if (view.policies.startup === "firstAvailable") return null;
  const before = view.owners.slice(0, view.owners.indexOf(choice));
  return awaitedOne(view, before) ?? settlingTime(view, before);
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

/** It is not known already that it will not take the application. */
function mayComeUp(view: PlacementView, node: NodeId): boolean {
  return statusOf(view, node) !== "left" && !isDrained(view, node) && banOf(view, node) === null;
}
