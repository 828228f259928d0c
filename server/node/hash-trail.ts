// The state hashes of a replica at the indexes that it has applied last: replicas are compared at one exact index, and are
// seldom there at one moment. A replica that is put back, by a restart or a snapshot, begins a new trail.

import { assert } from "../../proto/assert.ts";
import type { LogIndex } from "../../proto/ids.ts";
import type { Hash64 } from "../../storage/hash.ts";
import { limits } from "./limits.ts";

const { hashTrailMax } = limits;

export class HashTrail {
  /** High and low half by index, the oldest overwritten. */
  readonly #halves = new Uint32Array(2 * hashTrailMax);
  readonly #first: number;
  #last: number;

  constructor(index: LogIndex, hash: Hash64) {
    this.#first = index;
    this.#last = index;
    this.#set(index, hash);
  }

  /** @param index the one after the last */
  add(index: LogIndex, hash: Hash64): void {
    assert(index === this.#last + 1, () => `State hash at ${index} after that at ${this.#last}`);
    this.#last = index;
    this.#set(index, hash);
  }

  /** @returns null: not there yet, or too long ago */
  at(index: LogIndex): Hash64 | null {
    if (index > this.#last || index < Math.max(this.#first, this.#last - hashTrailMax + 1)) return null;
    const at = 2 * (index % hashTrailMax);
    return { high: this.#halves[at] as number, low: this.#halves[at + 1] as number };
  }

  #set(index: LogIndex, { high, low }: Hash64): void {
    const at = 2 * (index % hashTrailMax);
    this.#halves[at] = high;
    this.#halves[at + 1] = low;
  }
}
