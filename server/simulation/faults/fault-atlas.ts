// Which nodes have lost something of their disks. Damage must stay within what replication can repair: of every group, those
// whose disk is whole must have a quorum, or nobody is left to repair from.

import { clusterGroup, type NodeId } from "../../../proto/ids.ts";
import { hasQuorum, type Topology, votersOf } from "../topology.ts";

export class FaultAtlas {
  readonly #topology: Topology;
  readonly #damaged = new Set<NodeId>();

  constructor(topology: Topology) {
    this.#topology = topology;
  }

  /** Whether every group would have a quorum of whole disks without `node` as well. */
  mayDamage(node: NodeId): boolean {
    const isWhole = (voter: NodeId) => voter !== node && !this.#damaged.has(voter);
    const groups = [clusterGroup, ...this.#topology.groups.keys()];
    const own = groups.filter((group) => votersOf(this.#topology, group).includes(node));
    return own.every((group) => hasQuorum(this.#topology, group, isWhole));
  }

  isDamaged(node: NodeId): boolean {
    return this.#damaged.has(node);
  }

  damaged(node: NodeId): void {
    this.#damaged.add(node);
  }

  /** Everything of `node` has been rebuilt from its peers. */
  rebuilt(node: NodeId): void {
    this.#damaged.delete(node);
  }
}
