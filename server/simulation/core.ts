// The core: the part of a cluster that is healed first, a quorum of every group that was drawn. It has to become well while
// the rest stays down, or is cut off from it.

import { clusterGroup, type NodeId } from "../../proto/ids.ts";
import type { Random } from "../../proto/random.ts";
import type { CoreOptions } from "./run-options.ts";
import { hasQuorum, type Topology, votersOf } from "./topology.ts";
import type { World } from "./world.ts";

/** Whether a node is to be well. */
export type IsWell = (node: NodeId) => boolean;

/** @returns all nodes when everybody is to be healed */
export function chooseCore(topology: Topology, options: CoreOptions | null, random: Random): ReadonlySet<NodeId> {
  if (options === null) return new Set(topology.nodes);
  const all = [clusterGroup, ...topology.groups.keys()];
  const drawn = all.filter(() => random.chance(options.groupsShare));
  const core = new Set<NodeId>();
  for (const group of drawn.length > 0 ? drawn : [random.pick(all)]) {
    for (const voter of random.shuffle(votersOf(topology, group))) {
      if (!hasQuorum(topology, group, (node) => core.has(node))) core.add(voter);
    }
  }
  return core;
}

/** Starts the core and takes the rest away from it. */
export function isolateCore(world: World, core: ReadonlySet<NodeId>, rest: CoreOptions["rest"]): void {
  for (const node of world.nodes) {
    if (core.has(node.node)) {
      if (!node.isRunning) node.start();
    } else if (rest === "down") {
      if (node.isRunning) node.crash("process");
    } else cutOff(world, node.node, core);
  }
}

function cutOff({ network: { connections } }: World, node: NodeId, core: ReadonlySet<NodeId>): void {
  for (const member of core) {
    connections.block(node, member);
    connections.block(member, node);
  }
}

export function healEverybody(world: World): void {
  world.network.connections.unblockAll();
  for (const node of world.nodes) if (!node.isRunning) node.start();
}
