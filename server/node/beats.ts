// Beats between pairs of nodes: one message carries what a node leads of the groups of the other. Whoever leads nothing
// sends nothing.

import type { LogIndex, Millis, NodeId } from "../../proto/ids.ts";
import type { GroupBeat, Vouch } from "../../proto/messages.ts";
import { limits } from "./limits.ts";
import { nextTick } from "./millis.ts";
import type { LedGroup } from "./party.ts";
import type { World } from "./world.ts";

export class Beats {
  readonly #world: World;
  #sequence = 0;
  #nextMs: Millis | null = null;

  constructor(world: World) {
    this.#world = world;
  }

  /** Beats now: a new leader, or a read that waits for a round. */
  beat(groups: readonly LedGroup[], clusterIndex: LogIndex, nowMs: Millis): void {
    const { vouching } = this.#world;
    vouching.review(nowMs);
    const named = new Map<NodeId, GroupBeat[]>();
    for (const group of groups) {
      for (const peer of group.peers) {
        const beats = named.get(peer) ?? [];
        named.set(peer, beats);
        beats.push(...vouching.led.beat(group, peer, nowMs));
      }
    }
    this.#sequence += 1;
    for (const [peer, beats] of named) if (beats.length > 0) this.#send(peer, beats, null, clusterIndex);
  }

  /** @param watched nodes to beat with although they share no group with this one */
  deadline(watched: readonly NodeId[], clusterIndex: LogIndex, nowMs: Millis): void {
    const { vouching } = this.#world;
    vouching.review(nowMs);
    const peers = new Set([...vouching.led.followers, ...watched]);
    if (peers.size === 0) this.#nextMs = null;
    else if (this.#nextMs === null || nowMs >= this.#nextMs) {
      this.#nextMs = nextTick(nowMs, limits.beatIntervalMs);
      this.#sequence += 1;
      for (const peer of peers) this.#sendAll(peer, clusterIndex, nowMs);
    }
  }

  /** A follower holds something else than was vouched for: it hears all groups by name at once. */
  repeat(peer: NodeId, clusterIndex: LogIndex, nowMs: Millis): void {
    this.#sequence += 1;
    this.#sendAll(peer, clusterIndex, nowMs);
  }

  /** This node has begun to lead something. */
  wake(nowMs: Millis): void {
    this.#nextMs ??= nowMs;
  }

  deadlineMs(): Millis | null {
    return this.#nextMs;
  }

  #sendAll(peer: NodeId, clusterIndex: LogIndex, nowMs: Millis): void {
    const { groups, vouch } = this.#world.vouching.led.content(peer, this.#sequence, nowMs);
    this.#send(peer, groups, vouch, clusterIndex);
  }

  #send(peer: NodeId, groups: readonly GroupBeat[], vouch: Vouch | null, clusterIndex: LogIndex): void {
    this.#world.out.send(peer, { type: "beat", sequence: this.#sequence, clusterIndex, groups, vouch });
  }
}
