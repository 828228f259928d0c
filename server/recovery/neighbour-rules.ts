// Rules between groups that share a node: same node, different node, and start and stop order (D4). They go by what neighbours
// last told of themselves; the ledger of the node has the last word (D5).

import type { GroupId, Millis, NodeId } from "../../proto/ids.ts";
import { toMillis } from "../../proto/ids.ts";
import type { GroupDependency } from "../../proto/policies.ts";
import { placeOf } from "./capacity.ts";
import { earliestMs } from "./placement-facts.ts";
import type { Neighbour, PlacementView } from "./placement-view.ts";

/** Something that stands in the way, until then where time alone ends it. */
export interface Hindrance {
  readonly reason: string;
  readonly untilMs: Millis | null;
}

/**
 * Groups after which this one goes to be on their node. Of two that name each other the one with the smaller name leads, and
 * goes where it likes: were each to wait for the other, neither would start.
 */
export function groupsFollowed(view: Pick<PlacementView, "group" | "policies" | "neighbours">): readonly GroupId[] {
  return view.policies.sameNode.filter((other) => {
    const isMutual = neighbourOf(view, other)?.policies.sameNode.includes(view.group) ?? false;
    return other !== view.group && !(isMutual && view.group < other);
  });
}

/** Why a same-node rule keeps the application from this node; null: none does. */
export function sameNodeConflict(view: PlacementView, node: NodeId): string | null {
  for (const other of groupsFollowed(view)) {
    const neighbour = neighbourOf(view, other);
    const place = neighbour === null ? null : placeOf(neighbour);
    if (neighbour === null) return `${view.group} runs where ${other} does, which no node here is known to own`;
    if (place === null) return `${view.group} runs where ${other} does, which has no owner`;
    if (place !== node) return `${view.group} runs where ${other} does, which is on ${place}`;
  }
  return null;
}

/**
 * Why a different-node rule speaks against this node, whichever group has it; null: none does. The word of a group without quorum
 * may be old for ever.
 */
export function differentNodeConflict(view: PlacementView, node: NodeId): string | null {
  const other = strangersOn(view, node)[0];
  return other === undefined
    ? null
    : `${other.group} says that it is on ${node}, and ${view.group} must run on a different node`;
}

/** A same-node rule that is broken where the application runs; while the other has no owner there is nothing to follow. */
export function brokenSameNode(view: PlacementView, owner: NodeId): string | null {
  for (const other of groupsFollowed(view)) {
    const neighbour = neighbourOf(view, other);
    const place = neighbour === null ? null : placeOf(neighbour);
    if (place !== null && place !== owner) return `${view.group} runs where ${other} does, which is on ${place}`;
  }
  return null;
}

/** A different-node rule that is broken where the application runs, if it is for this group to give way: only one of two does. */
export function brokenDifferentNode(view: PlacementView, owner: NodeId): string | null {
  const { group, policies } = view;
  const other = strangersOn(view, owner).find(
    (each) =>
      policies.differentNode.includes(each.group) &&
      !(each.policies.differentNode.includes(group) && group < each.group),
  );
  return other === undefined
    ? null
    : `${other.group} is on ${owner} as well, and ${group} must run on a different node`;
}

/** A hard dependency that is not met where the application runs, by the word of the group it depends on. */
export function lostDependency(view: PlacementView, owner: NodeId): string | null {
  for (const dependency of view.policies.dependencies) {
    if (dependency.isSoft || neighbourOf(view, dependency.group) === null) continue;
    const lack = lackOf(view, dependency, owner);
    if (lack !== null) return lack;
  }
  return null;
}

/** A hard dependency that is not met on this node. */
export function missingDependency(view: PlacementView, node: NodeId): string | null {
  const hard = view.policies.dependencies.filter(({ isSoft }) => !isSoft);
  return hard.map((dependency) => lackOf(view, dependency, node)).find((lack) => lack !== null) ?? null;
}

export type DependencyState =
  | { readonly type: "met" }
  | ({ readonly type: "awaited" } & Hindrance)
  /** A hard one has not come online in time. */
  | { readonly type: "overdue"; readonly reason: string };

/** Whether the groups that this one depends on are online anywhere, and how long it still waits for those that are not. */
export function dependencyState(view: PlacementView): DependencyState {
  const missing = view.policies.dependencies
    .map((dependency) => ({
      ...dependency,
      reason: lackOf(view, dependency, null),
      untilMs: waitsUntil(view, dependency),
    }))
    .filter(({ reason, untilMs, isSoft }) => reason !== null && !(isSoft && untilMs <= view.nowMs));
  const overdue = missing.find(({ isSoft, untilMs }) => !isSoft && untilMs <= view.nowMs);
  if (overdue !== undefined) {
    return { type: "overdue", reason: `${overdue.reason}: waited ${overdue.timeoutMs} ms for it` };
  }
  const reason = missing[0]?.reason ?? null;
  if (reason === null) return { type: "met" };
  return { type: "awaited", reason, untilMs: earliestMs(missing.map(({ untilMs }) => untilMs)) };
}

/**
 * Groups that have to stop before this one does: they depend on it, and run. While this one is `releasing` they see that it is
 * about to stop; its agent is told to stop only when this is null.
 */
export function stopAwaits(view: PlacementView): Hindrance | null {
  const dependents = view.neighbours.flatMap((neighbour) => {
    const dependency = neighbour.policies.dependencies.find(({ group, isSoft }) => group === view.group && !isSoft);
    if (dependency === undefined || placeOf(neighbour) === null) return [];
    return [{ group: neighbour.group, untilMs: toMillis(view.decidedSinceMs + dependency.timeoutMs) }];
  });
  const awaited = dependents.filter(({ untilMs }) => untilMs > view.nowMs);
  if (awaited.length === 0) return null;
  const names = awaited.map(({ group }) => group).join(", ");
  return {
    reason: `${names} must stop before ${view.group}`,
    untilMs: earliestMs(awaited.map(({ untilMs }) => untilMs)),
  };
}

function neighbourOf({ neighbours }: Pick<PlacementView, "neighbours">, group: GroupId): Neighbour | null {
  return neighbours.find((neighbour) => neighbour.group === group) ?? null;
}

function strangersOn({ group, policies, neighbours }: PlacementView, node: NodeId): readonly Neighbour[] {
  return neighbours.filter(
    (other) =>
      placeOf(other) === node &&
      (policies.differentNode.includes(other.group) || other.policies.differentNode.includes(group)),
  );
}

/** @param node where it is needed, if anywhere in particular */
function lackOf(view: PlacementView, { group, isSameNode }: GroupDependency, node: NodeId | null): string | null {
  const needed = neighbourOf(view, group);
  if (needed === null) return `${view.group} depends on ${group}, which has not told of itself`;
  const { state, currentOwner } = needed.ownership;
  if (state !== "online") return `${view.group} depends on ${group}, which is ${state}`;
  if (!isSameNode || node === null || currentOwner === node) return null;
  return `${view.group} depends on ${group} on the same node, which is on ${currentOwner}`;
}

function waitsUntil(view: PlacementView, { timeoutMs }: GroupDependency): Millis {
  const wantedSinceMs = Math.max(
    view.managesSinceMs,
    view.decidedSinceMs,
    view.startableSinceMs ?? view.nowMs,
    view.ownership.currentOwner === null ? 0 : (view.rightEndsMs ?? 0),
  );
  return toMillis(wantedSinceMs + timeoutMs);
}
