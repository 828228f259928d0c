// Whose turn it is among peers that are visited a few at a time: each once in every round, in an order drawn for the round, so
// that a pair which alone can repair something meets within a bounded time.

import type { NodeId } from "../../proto/ids.ts";
import type { Random } from "../../proto/random.ts";

export class Rota {
  readonly #random: Random;
  #peers: ReadonlySet<NodeId> = new Set();
  /** Those whose turn is still to come in this round, in order. */
  #waiting: NodeId[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  /** From now on these take turns; those that are new have theirs in the next round, unless they are moved up. */
  assign(peers: readonly NodeId[]): void {
    this.#peers = new Set(peers);
    this.#waiting = this.#waiting.filter((peer) => this.#peers.has(peer));
  }

  /** Their turn comes before that of all others. */
  moveUp(peers: readonly NodeId[]): void {
    const urgent = new Set(peers.filter((peer) => this.#peers.has(peer)));
    this.#waiting = [...urgent, ...this.#waiting.filter((peer) => !urgent.has(peer))];
  }

  /**
   * Those who are not present lose their turn.
   *
   * @returns up to `count` peers, each once
   */
  next(count: number, isPresent: (peer: NodeId) => boolean): readonly NodeId[] {
    const chosen = new Set<NodeId>();
    this.#take(chosen, count, isPresent);
    if (this.#waiting.length > 0) return [...chosen];
    this.#waiting = this.#random.shuffle([...this.#peers]);
    this.#take(chosen, count, isPresent);
    return [...chosen];
  }

  #take(chosen: Set<NodeId>, count: number, isPresent: (peer: NodeId) => boolean): void {
    while (chosen.size < count) {
      const peer = this.#waiting.shift();
      if (peer === undefined) return;
      if (isPresent(peer)) chosen.add(peer);
    }
  }
}
