// What must be up beside a quorum for the application to run: S1's "sufficient resources" (Fig. 4, block 404; C2).

import type { NodeId } from "../../proto/ids.ts";
import { capacityOf } from "./capacity.ts";
import { isPresent } from "./placement-facts.ts";
import type { PlacementView } from "./placement-view.ts";

/** What a view says of what the minimum asks for. */
export type MinimumView = Pick<PlacementView, "owners" | "verdicts" | "policies" | "samples" | "capacities">;

/** What of the minimum is not there, the first of it; null: it is met. */
export function minimumMissing(view: MinimumView): string | null {
  return minimumLacks(view)[0] ?? null;
}

/** All of the minimum that is not there, one sentence each; empty: it is met. */
export function minimumLacks(view: MinimumView): readonly string[] {
  return [...missingOwners(view), ...missingCapacity(view), ...missingResources(view)];
}

function missingOwners(view: MinimumView): readonly string[] {
  const { owners } = view.policies.minimum;
  const present = view.owners.filter((node) => isPresent(view, node)).length;
  return present >= owners ? [] : [`${present} of at least ${owners} owners are up`];
}

/**
 * An owner that does not name a dimension is not limited in it. What others use counts only in the ledger of the node that is to
 * run it: the word of a group without quorum may be old for ever.
 */
function missingCapacity(view: MinimumView): readonly string[] {
  const { capacity } = view.policies.minimum;
  if (capacity.size === 0) return [];
  const there = view.owners.filter((node) => isPresent(view, node)).map((node) => capacityOf(view, node));
  return [...capacity].flatMap(([dimension, needed]) => {
    const amount = there.reduce((sum, each) => sum + (each.get(dimension) ?? Number.POSITIVE_INFINITY), 0);
    return amount >= needed ? [] : [`The owners that are up have ${amount} of the ${needed} ${dimension} needed`];
  });
}

function missingResources(view: MinimumView): readonly string[] {
  const { minimum, resources } = view.policies;
  const isAvailable = (nodes: readonly NodeId[] | null) => (nodes ?? view.owners).some((node) => isPresent(view, node));
  return minimum.resources
    .filter((name) => !resources.some((resource) => resource.name === name && isAvailable(resource.nodes)))
    .map((name) => `The resource ${name} is available on no owner that is up`);
}
