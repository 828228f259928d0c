// Every owner of a group as a place for its application, the best first, by the group's policies (D4, D6). What excludes one, and
// what else was weighed, is said in sentences: the same that explain where the group is.

import type { NodeId } from "../../proto/ids.ts";
import type { Candidate } from "../../proto/placement.ts";
import { roomFor } from "./amounts.ts";
import { comparesLoad, factorsOf, objectionOf, type PlacementPurpose } from "./candidate-factors.ts";
import { capacityOf, freeOn, loadOf, neighboursOn } from "./capacity.ts";
import { lastOwner } from "./placement-facts.ts";
import type { PlacementView } from "./placement-view.ts";

/** Every owner, the best first; those that cannot take the application come last, in list order, with rank 0. */
export function rankCandidates(view: PlacementView, purpose: PlacementPurpose): readonly Candidate[] {
  const all = view.owners.map((node) => ({
    node,
    factors: factorsOf(view, purpose, node),
    sample: comparesLoad(view, purpose) ? (view.samples.get(node) ?? null) : null,
  }));
  const isEligible = ({ factors }: (typeof all)[number]) => !factors.some(({ excludes }) => excludes);
  const keys = new Map(view.owners.map((node) => [node, sortKey(view, purpose, node)]));
  const eligible = all
    .filter(isEligible)
    .toSorted((left, right) => compareKeys(keys.get(left.node), keys.get(right.node)));
  const ranked = eligible.map((candidate, index) => ({ ...candidate, rank: index + 1 }));
  return [
    ...ranked,
    ...all.filter((candidate) => !isEligible(candidate)).map((candidate) => ({ ...candidate, rank: 0 })),
  ];
}

/** Those of them that can take the application, the best first. */
export function eligibleOwners(view: PlacementView, purpose: PlacementPurpose): readonly NodeId[] {
  return rankCandidates(view, purpose)
    .filter(({ rank }) => rank > 0)
    .map(({ node }) => node);
}

/** Why an owner cannot take it; null: it can. */
export function exclusionOf(view: PlacementView, purpose: PlacementPurpose, node: NodeId): string | null {
  if (!view.owners.includes(node)) return `${node} is no owner`;
  return factorsOf(view, purpose, node).find(({ excludes }) => excludes)?.reason ?? null;
}

/** Why none of these owners can take it, for people; empty: there are none, or one can. */
export function exclusionsOf(view: PlacementView, purpose: PlacementPurpose, nodes: readonly NodeId[]): string {
  const reasons = nodes.map((node) => exclusionOf(view, purpose, node));
  return reasons.filter((reason) => reason !== null).join("; ");
}

/** The lower the better, the first that differs decides: what operators want, whether it fits, the policy, the list. */
type SortKey = readonly number[];

function sortKey(view: PlacementView, purpose: PlacementPurpose, node: NodeId): SortKey {
  const { move, intent } = view.placement;
  const isWanted = move?.to === node;
  const isPinned = intent.pinnedTo === node;
  const fits = objectionOf(view, node) === null;
  return [isWanted ? 0 : 1, isPinned ? 0 : 1, fits ? 0 : 1, ...policyKey(view, purpose, node)];
}

function policyKey(view: PlacementView, purpose: PlacementPurpose, node: NodeId): SortKey {
  const index = view.owners.indexOf(node);
  if (purpose === "fallback") return [index];
  return purpose === "startup" ? startupKey(view, node, index) : falloverKey(view, node);
}

function startupKey(view: PlacementView, node: NodeId, index: number): SortKey {
  switch (view.policies.startup) {
    case "highestPriority":
      return [index];
    case "firstAvailable":
      return [view.upSinceMs.get(node) ?? Number.POSITIVE_INFINITY, index];
    case "balanced":
      return [neighboursOn(view, node).length, index];
  }
}

/** Where the policy finds nothing to go by, as with the next in the list. */
function falloverKey(view: PlacementView, node: NodeId): SortKey {
  switch (view.policies.fallover) {
    case "nextInList":
      return [stepsBehind(view, node)];
    case "leastLoaded":
      return [loadOf(view, node) ?? Number.POSITIVE_INFINITY, stepsBehind(view, node)];
    case "mostFreeCapacity":
      return [-roomOn(view, node), stepsBehind(view, node)];
  }
}

/** A node of which no capacity is known comes last: nobody can say what is free there. */
function roomOn(view: PlacementView, node: NodeId): number {
  return capacityOf(view, node).size === 0 ? -1 : roomFor(view.policies.demand, freeOn(view, node));
}

/** How far behind the last owner in the list, around its end: 1 is next, the last owner itself comes last. */
function stepsBehind(view: PlacementView, node: NodeId): number {
  const { owners } = view;
  const last = lastOwner(view);
  const from = last === null ? -1 : owners.indexOf(last);
  return ((owners.indexOf(node) - from - 1 + owners.length) % owners.length) + 1;
}

function compareKeys(left: SortKey | undefined, right: SortKey | undefined): number {
  for (const [place, value] of (left ?? []).entries()) {
    const other = right?.[place] ?? value;
    if (value !== other) return value < other ? -1 : 1;
  }
  return 0;
}
