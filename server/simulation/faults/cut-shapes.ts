// Which directions a cut takes away: the ways in which networks have been seen to break apart.

import type { NodeId } from "../../../proto/ids.ts";
import type { Random } from "../../../proto/random.ts";

export type Way = readonly [from: NodeId, to: NodeId];

export const cutShapes = ["halves", "isolated", "oneWay", "mute", "deaf", "bridge", "ring", "flaky"] as const;
export type CutShape = (typeof cutShapes)[number];

/** Of flaky networks: a direction is cut. */
const flakyProbability = 0.25;

/** @param order all nodes; which of them is where in the shape, and where the halves part, goes by their order and chance */
export function waysOf(shape: CutShape, order: readonly NodeId[], random: Random): readonly Way[] {
  const middle = random.between(1, Math.max(1, order.length - 1));
  const [left, right] = [order.slice(0, middle), order.slice(middle)];
  const first = order.slice(0, 1);
  switch (shape) {
    case "halves":
      return both(left, right);
    case "isolated":
      return isolate(first, order);
    case "oneWay":
      return between(left, right);
    case "mute":
      return between(first, order);
    case "deaf":
      return between(order, first);
    case "bridge":
      // The first node of the left half hears both halves and is heard by both.
      return both(left.slice(1), right);
    case "ring":
      return between(order, order).filter(([from, to]) => !areNeighbours(order, from, to));
    case "flaky":
      return between(order, order).filter(() => random.chance(flakyProbability));
  }
}

/** Nothing comes from `nodes` to anybody, or from anybody to them. */
export function isolate(nodes: readonly NodeId[], all: readonly NodeId[]): readonly Way[] {
  return both(nodes, all);
}

function both(left: readonly NodeId[], right: readonly NodeId[]): readonly Way[] {
  return [...between(left, right), ...between(right, left)];
}

function between(sources: readonly NodeId[], targets: readonly NodeId[]): readonly Way[] {
  return sources.flatMap((from) => targets.filter((to) => to !== from).map((to): Way => [from, to]));
}

function areNeighbours(ring: readonly NodeId[], left: NodeId, right: NodeId): boolean {
  const distance = Math.abs(ring.indexOf(left) - ring.indexOf(right));
  return distance === 1 || distance === ring.length - 1;
}
