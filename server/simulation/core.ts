// The core: the part of a cluster that is healed first, a quorum of every group that was drawn. It has to become well while
// the rest stays down, or is cut off from it.

import { clusterGroup, type NodeId } from "../../proto/ids.ts";
import type { Voter } from "../../proto/membership.ts";
import type { Random } from "../../proto/random.ts";
import { type Memberships, ownersDecide } from "./checkers/memberships.ts";
import type { FaultAtlas } from "./faults/fault-atlas.ts";
import type { CoreOptions } from "./run-options.ts";
import type { Topology } from "./topology.ts";
import type { World } from "./world.ts";

/** Whether a node is to be well. */
export type IsWell = (node: NodeId) => boolean;

interface Drawn {
  readonly topology: Topology;
  readonly memberships: Memberships;
  /** Nodes that have to be rebuilt are no part of a core that may lack who rebuilds them. */
  readonly atlas: FaultAtlas;
  readonly random: Random;
}

/** @returns all nodes when everybody is to be healed */
export function chooseCore(
  { topology, memberships, atlas, random }: Drawn,
  options: CoreOptions | null,
): ReadonlySet<NodeId> {
  if (options === null) return new Set(topology.nodes);
  const all = [clusterGroup, ...topology.groups.keys()];
  const drawn = all.filter(() => random.chance(options.groupsShare));
  const core = new Set<NodeId>();
  for (const group of drawn.length > 0 ? drawn : [random.pick(all)]) {
    // Whatever may turn out to be in force: nobody knows it yet.
    const possible = memberships.possible(group, () => true);
    for (const { value } of possible) {
      for (const voters of [value.voters, value.outgoing]) {
        const whole = random.shuffle(voters).filter(({ node }) => atlas.counts(node, group));
        addQuorum(core, voters, whole);
      }
    }
  }
  return core;
}

/** @param candidates in the order in which they are taken */
function addQuorum(core: Set<NodeId>, voters: readonly Voter[], candidates: readonly Voter[]): void {
  const isTaken = (node: NodeId) => core.has(node) && candidates.some((candidate) => candidate.node === node);
  for (const { node, isWitness } of candidates) {
    if (!isWitness && !ownersDecide(voters, isTaken)) core.add(node);
  }
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
