// Recognises a call that a peer has forwarded before: a write must not be proposed twice because the network repeated it.
// Call numbers of a peer grow, so the newest ones are remembered and anything older is taken for a repeat. No two starts of a
// node share a number: an answer to a call of the start before would be taken for that of another call.

import type { BootNumber, NodeId } from "../../proto/ids.ts";

interface Seen {
  readonly boot: BootNumber;
  /** Numbers above `floor` that have come. */
  readonly numbers: Set<number>;
  floor: number;
}

/** Call numbers of a node's start lie above this one, and below those of its next start. */
export function callsBefore(boot: BootNumber): number {
  return (boot % startsDistinct) * callsPerStart;
}

export const callsPerStart = 2 ** 32;
/** Their product is 2^53. */
const startsDistinct = 2 ** 21;

export class Once {
  readonly #windowMax: number;
  readonly #peers = new Map<NodeId, Seen>();

  /** @param windowMax numbers remembered of each peer; one that comes later than so many others is refused */
  constructor(windowMax: number) {
    this.#windowMax = windowMax;
  }

  /** @returns false for a call that has come before, or may have */
  admit(peer: NodeId, boot: BootNumber, call: number): boolean {
    const seen = this.#seenOf(peer, boot);
    if (call <= seen.floor || seen.numbers.has(call)) return false;
    seen.numbers.add(call);
    this.#forgetOld(seen);
    return true;
  }

  /** A peer's new start has numbers of its own. */
  #seenOf(peer: NodeId, boot: BootNumber): Seen {
    const known = this.#peers.get(peer);
    if (known?.boot === boot) return known;
    const fresh = { boot, numbers: new Set<number>(), floor: callsBefore(boot) };
    this.#peers.set(peer, fresh);
    return fresh;
  }

  #forgetOld(seen: Seen): void {
    for (let steps = 0; seen.numbers.size > this.#windowMax; steps++) {
      // Numbers mostly follow each other; across a wide gap the next one is looked for among those that are remembered.
      seen.floor = steps < this.#windowMax ? seen.floor + 1 : Math.min(...seen.numbers);
      seen.numbers.delete(seen.floor);
    }
  }
}
