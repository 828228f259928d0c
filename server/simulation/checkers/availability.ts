// When each group could serve: at every tenth of a second of virtual time, whether a node that manages it runs and reaches a
// quorum of its voters, both ways. It looks at the world from outside; nobody is asked.

import { clusterGroup, type GroupId, type NodeId } from "../../../proto/ids.ts";
import type { NoteFields } from "../../node/effects.ts";
import { hasQuorum, type Topology } from "../topology.ts";
import type { Observer, World } from "../world.ts";

const sampleMs = 100;

export interface GroupAvailability {
  readonly group: GroupId;
  /** Share of the time that was measured, from 0 to 1. */
  readonly availability: number;
  /** Times that it could not serve. */
  readonly interruptions: number;
  /** Interruptions after which another node managed it. */
  readonly failovers: { readonly count: number; readonly medianMs: number | null; readonly longestMs: number | null };
}

interface Sampled {
  readonly managers: Set<NodeId>;
  samples: number;
  served: number;
  /** Who served it last. */
  last: NodeId | null;
  /** Samples since it stopped being served. */
  missed: number;
  interruptions: number;
  readonly failoversMs: number[];
}

export class Availability implements Observer {
  readonly #world: World;
  readonly #topology: Topology;
  readonly #groups = new Map<GroupId, Sampled>();
  #isMeasuring = false;

  constructor(world: World, topology: Topology) {
    this.#world = world;
    this.#topology = topology;
    for (const group of [clusterGroup, ...topology.groups.keys()]) {
      const counts = { samples: 0, served: 0, missed: 0, interruptions: 0 };
      this.#groups.set(group, { managers: new Set(), last: null, failoversMs: [], ...counts });
    }
  }

  start(): void {
    this.#isMeasuring = true;
    this.#sampleLater();
  }

  /** An interruption under way counts as ended. */
  stop(): void {
    this.#isMeasuring = false;
    for (const sampled of this.#groups.values()) {
      sampled.missed = 0;
      sampled.last = null;
    }
  }

  noted(node: NodeId, _level: "info" | "warn", text: string, { group, role }: NoteFields): void {
    if (text !== "Role changed") return;
    const managers = this.#groups.get(group as GroupId)?.managers;
    if (role === "leader") managers?.add(node);
    else managers?.delete(node);
  }

  crashed(node: NodeId): void {
    for (const { managers } of this.#groups.values()) managers.delete(node);
  }

  failed(node: NodeId): void {
    this.crashed(node);
  }

  get groups(): readonly GroupAvailability[] {
    return [...this.#groups].map(([group, { samples, served, interruptions, failoversMs }]) => {
      const sorted = failoversMs.toSorted((left, right) => left - right);
      const medianMs = sorted[Math.floor((sorted.length - 1) / 2)] ?? null;
      const failovers = { count: sorted.length, medianMs, longestMs: sorted.at(-1) ?? null };
      return { group, availability: samples === 0 ? 1 : served / samples, interruptions, failovers };
    });
  }

  #sampleLater(): void {
    this.#world.scheduler.after(sampleMs, () => {
      if (!this.#isMeasuring) return;
      for (const [group, sampled] of this.#groups) this.#sample(group, sampled);
      this.#sampleLater();
    });
  }

  #sample(group: GroupId, sampled: Sampled): void {
    sampled.samples += 1;
    const manager = this.#servingManager(group, sampled.managers);
    if (manager === null) {
      if (sampled.missed === 0) sampled.interruptions += 1;
      sampled.missed += 1;
      return;
    }
    sampled.served += 1;
    if (sampled.last !== null && manager !== sampled.last) sampled.failoversMs.push(sampled.missed * sampleMs);
    sampled.last = manager;
    sampled.missed = 0;
  }

  #servingManager(group: GroupId, managers: ReadonlySet<NodeId>): NodeId | null {
    for (const manager of managers) {
      if (this.#isUp(manager) && hasQuorum(this.#topology, group, (voter) => this.#canReach(manager, voter)))
        return manager;
    }
    return null;
  }

  #isUp(node: NodeId): boolean {
    const { isRunning, isPaused } = this.#world.node(node);
    return isRunning && !isPaused;
  }

  #canReach(from: NodeId, to: NodeId): boolean {
    const { connections } = this.#world.network;
    return from === to || (this.#isUp(to) && !connections.isBlocked(from, to) && !connections.isBlocked(to, from));
  }
}
