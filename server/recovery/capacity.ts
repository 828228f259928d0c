// What a node has for this group's application, by configuration, by its samples, and by what its neighbours say they use there:
// a hint for planning. Whether it really fits the node's ledger decides (D5).

import type { NodeId } from "../../proto/ids.ts";
import type { PerformanceSample } from "../../proto/placement.ts";
import type { Amounts } from "../../proto/policies.ts";
import { sumOf, without } from "./amounts.ts";
import type { Neighbour, PlacementView } from "./placement-view.ts";

type CapacityView = Pick<PlacementView, "capacities" | "samples">;

/** Where a neighbour may be running; null: nowhere. */
export function placeOf({ ownership: { currentOwner, state } }: Neighbour): NodeId | null {
  return state === "offline" ? null : currentOwner;
}

export function neighboursOn({ neighbours }: Pick<PlacementView, "neighbours">, node: NodeId): readonly Neighbour[] {
  return neighbours.filter((neighbour) => placeOf(neighbour) === node);
}

/** Of what is configured and measured the configured value holds. */
export function capacityOf({ capacities, samples }: CapacityView, node: NodeId): Amounts {
  return new Map([...(samples.get(node)?.capacity ?? []), ...(capacities.get(node) ?? [])]);
}

export function freeOn(view: CapacityView & Pick<PlacementView, "neighbours">, node: NodeId): Amounts {
  const whole = capacityOf(view, node);
  if (whole.size === 0) return whole;
  return without(whole, sumOf(neighboursOn(view, node).map(({ policies }) => policies.demand)));
}

/**
 * The share in use of the dimension that is scarcest. A dimension without a capacity counts as percent.
 *
 * @returns null without a fresh sample
 */
export function loadOf(view: PlacementView, node: NodeId): number | null {
  const sample = view.samples.get(node);
  return sample === undefined ? null : Math.max(0, ...sharesOf(sample, capacityOf(view, node)));
}

function sharesOf({ load }: PerformanceSample, capacity: Amounts): number[] {
  const percent = 100;
  return [...load].map(([dimension, used]) => used / Math.max(1, capacity.get(dimension) ?? percent));
}
