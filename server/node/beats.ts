// Beats between pairs of nodes: one message carries what a node leads of the groups of the other. Whoever leads nothing
// sends nothing.

import { type LogIndex, type Millis, type NodeId, toMillis } from "../../proto/ids.ts";
import type { Addressed, GroupBeat } from "../../proto/messages.ts";
import type { RaftMessage } from "../../proto/raft.ts";
import { limits } from "./limits.ts";
import type { World } from "./world.ts";

/** A group that this node leads. */
export interface LedGroup {
  /** Everyone who hears its leader. */
  readonly peers: readonly NodeId[];
  addressTo(peer: NodeId): Addressed;
  beatFor(peer: NodeId): (RaftMessage & { readonly type: "beat" }) | null;
}

export class Beats {
  readonly #world: World;
  #sequence = 0;
  #nextMs: Millis | null = null;

  constructor(world: World) {
    this.#world = world;
  }

  /** Beats now: a new leader, or a read that waits for a round. */
  beat(groups: readonly LedGroup[], clusterIndex: LogIndex): void {
    this.#send(byPeer(groups), clusterIndex);
  }

  /** @param watched nodes to beat with although they share no group with this one */
  deadline(groups: readonly LedGroup[], watched: readonly NodeId[], clusterIndex: LogIndex, nowMs: Millis): void {
    const isLeading = groups.length > 0 || watched.length > 0;
    if (!isLeading) this.#nextMs = null;
    else if (this.#nextMs === null || nowMs >= this.#nextMs) {
      this.#nextMs = toMillis(nowMs + limits.beatIntervalMs);
      const beats = byPeer(groups);
      for (const node of watched) if (!beats.has(node)) beats.set(node, []);
      this.#send(beats, clusterIndex);
    }
  }

  /** This node has begun to lead something. */
  wake(nowMs: Millis): void {
    this.#nextMs ??= nowMs;
  }

  deadlineMs(): Millis | null {
    return this.#nextMs;
  }

  #send(beats: ReadonlyMap<NodeId, readonly GroupBeat[]>, clusterIndex: LogIndex): void {
    this.#sequence += 1;
    for (const [peer, groups] of beats) {
      this.#world.out.send(peer, { type: "beat", sequence: this.#sequence, clusterIndex, groups });
    }
  }
}

function byPeer(groups: readonly LedGroup[]): Map<NodeId, GroupBeat[]> {
  const beats = new Map<NodeId, GroupBeat[]>();
  for (const group of groups) {
    for (const peer of group.peers) {
      const beat = group.beatFor(peer);
      if (beat === null) continue;
      const known = beats.get(peer);
      const addressed = { ...group.addressTo(peer), beat };
      if (known === undefined) beats.set(peer, [addressed]);
      else known.push(addressed);
    }
  }
  return beats;
}
