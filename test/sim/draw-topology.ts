// Draws a cluster: mostly small, groups that overlap as they like, now and then the reference cluster or a group that lists
// every node.

import { type GroupId, type NodeId, toGroupId, toNodeId } from "../../proto/ids.ts";
import type { Random } from "../../proto/random.ts";
import { createReferenceTopology, plainBootstrap } from "../../server/simulation/reference-topology.ts";
import { type Topology, topologyOf } from "../../server/simulation/topology.ts";

export function drawTopology(random: Random): Topology {
  if (random.chance(0.3)) return createReferenceTopology();
  const nodes = named(drawNodeCount(random));
  const groups = drawGroups(random, nodes);
  const voters = random.shuffle(nodes).slice(0, drawVoterCount(random, nodes.length));
  return topologyOf(plainBootstrap(nodes, groups, voters));
}

function named(count: number): readonly NodeId[] {
  return Array.from({ length: count }, (_, position) => toNodeId(`n${position + 1}`));
}

function drawNodeCount(random: Random): number {
  const kind = random.between(1, 100);
  if (kind <= 85) return random.between(3, 9);
  return kind <= 97 ? random.between(10, 20) : random.between(21, 50);
}

function drawGroups(random: Random, nodes: readonly NodeId[]): (readonly [GroupId, readonly NodeId[]])[] {
  const count = random.between(1, Math.max(2, Math.ceil(nodes.length / 2)));
  const hasEverybody = random.chance(0.1);
  return Array.from({ length: count }, (_, position) => {
    const isEverybody = hasEverybody && position === 0;
    const owners = isEverybody ? nodes.length : Math.min(nodes.length, drawOwnerCount(random));
    return [toGroupId(`g${position + 1}`), random.shuffle(nodes).slice(0, owners)] as const;
  });
}

function drawOwnerCount(random: Random): number {
  return random.pick([1, 2, 3, 3, 3, 3, 4, 5, 5, 6, 7]);
}

function drawVoterCount(random: Random, nodes: number): number {
  const most = nodes >= 5 ? 5 : 3;
  return random.chance(0.1) ? 1 : random.pick([3, most]);
}
