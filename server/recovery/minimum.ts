// What must be up beside a quorum for the application to run: S1's "sufficient resources" (Fig. 4, block 404; C2).

import type { NodeId } from "../../proto/ids.ts";
import { freeOn } from "./capacity.ts";
import { isPresent } from "./placement-facts.ts";
import type { PlacementView } from "./placement-view.ts";

/** What of the minimum is not there; null: it is met. */
export function minimumMissing(view: PlacementView): string | null {
  return missingOwners(view) ?? missingCapacity(view) ?? missingResource(view);
}

function missingOwners(view: PlacementView): string | null {
  const { owners } = view.policies.minimum;
  const present = view.owners.filter((node) => isPresent(view, node)).length;
  return present >= owners ? null : `${present} of at least ${owners} owners are up`;
}

/** An owner that does not name a dimension is not limited in it. */
function missingCapacity(view: PlacementView): string | null {
  const free = view.owners.filter((node) => isPresent(view, node)).map((node) => freeOn(view, node));
  for (const [dimension, needed] of view.policies.minimum.capacity) {
    const amount = free.reduce((sum, each) => sum + (each.get(dimension) ?? Number.POSITIVE_INFINITY), 0);
    if (amount < needed) return `The owners that are up have ${amount} of the ${needed} ${dimension} needed`;
  }
  return null;
}

function missingResource(view: PlacementView): string | null {
  const { minimum, resources } = view.policies;
  const isAvailable = (nodes: readonly NodeId[] | null) => (nodes ?? view.owners).some((node) => isPresent(view, node));
  const missing = minimum.resources.find(
    (name) => !resources.some((resource) => resource.name === name && isAvailable(resource.nodes)),
  );
  return missing === undefined ? null : `The resource ${missing} is available on no owner that is up`;
}
