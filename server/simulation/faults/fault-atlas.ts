// Which nodes have lost something of their disks, and have not been rebuilt yet. Damage must stay within what replication can
// repair: of every group, those whose disk is whole must have a quorum, or nobody is left to repair from.

import { clusterGroup, type GroupId, type NodeId } from "../../../proto/ids.ts";
import type { NoteFields } from "../../node/effects.ts";
import { hasQuorum, type Topology, votersOf } from "../topology.ts";
import type { Observer } from "../world.ts";

export class FaultAtlas implements Observer {
  readonly #topology: Topology;
  readonly #isRebuilt: (node: NodeId) => boolean;
  /** Damaged, and not started since. */
  readonly #unnoticed = new Set<NodeId>();
  /** In quarantine, or on the way out of it. */
  readonly #rebuilding = new Set<NodeId>();
  /** By group, the owners that hold its whole history: one that was rebuilt has what a snapshot brings. */
  readonly #historians: ReadonlyMap<GroupId, Set<NodeId>>;
  /** A voter of the cluster group that was in quarantine has no vote in it any more. */
  readonly #mute = new Set<NodeId>();

  /** @param isRebuilt whether a node that was quarantined counts again as a member of all groups that it owns */
  constructor(topology: Topology, isRebuilt: (node: NodeId) => boolean) {
    this.#topology = topology;
    this.#isRebuilt = isRebuilt;
    this.#historians = new Map([...topology.groups].map(([group, owners]) => [group, new Set(owners)]));
  }

  /** Whether any node's disk may be damaged, when all are whole. */
  static hasSpare(topology: Topology): boolean {
    const atlas = new FaultAtlas(topology, () => true);
    return topology.nodes.some((node) => atlas.mayDamage(node));
  }

  /**
   * Whether the disk of `node` is whole, and every group would have a quorum of whole disks without it, and somebody who can
   * tell its history: what clients were told could not be compared otherwise. A node that owns nothing is spared: nobody
   * would rebuild it.
   */
  mayDamage(node: NodeId): boolean {
    const groups = [...this.#topology.groups.keys()];
    const own = groups.filter((group) => votersOf(this.#topology, group).includes(node));
    if (own.length === 0 || !this.#isWhole(node)) return false;
    const isTold = own.every((group) => [...(this.#historians.get(group) ?? [])].some((owner) => owner !== node));
    return isTold && [clusterGroup, ...own].every((group) => this.hasQuorum(group, (voter) => voter !== node));
  }

  /** Whether those of the group's voters that are `there`, and have not lost what they were, decide. */
  hasQuorum(group: GroupId, isThere: (node: NodeId) => boolean): boolean {
    return hasQuorum(this.#topology, group, (voter) => isThere(voter) && this.counts(voter, group));
  }

  /** Whether `node` is what it was made to be in `group`. */
  counts(node: NodeId, group: GroupId): boolean {
    return this.#isWhole(node) && !(group === clusterGroup && this.#mute.has(node));
  }

  damaged(node: NodeId): void {
    this.#unnoticed.add(node);
  }

  setAside(node: NodeId): void {
    this.#rebuilding.add(node);
    this.#mute.add(node);
    for (const historians of this.#historians.values()) historians.delete(node);
  }

  noted(node: NodeId, _level: "info" | "warn", text: string, { group }: NoteFields): void {
    if (text === "Installed a snapshot") this.#historians.get(group as GroupId)?.delete(node);
  }

  /** What the start has not noticed has done no harm. */
  started(node: NodeId): void {
    this.#unnoticed.delete(node);
  }

  #isWhole(node: NodeId): boolean {
    if (this.#rebuilding.has(node) && !this.#unnoticed.has(node) && this.#isRebuilt(node))
      this.#rebuilding.delete(node);
    return !this.#unnoticed.has(node) && !this.#rebuilding.has(node);
  }
}
