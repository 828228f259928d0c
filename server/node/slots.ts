// Hands out slots (storage/keys.ts): never one that a row on disk may still carry.

import { assert } from "../../proto/assert.ts";
import type { Slot } from "../../storage/keys.ts";

export class Slots {
  #next: Slot;

  /** @param next above every slot on disk */
  constructor(next: Slot) {
    this.#next = next;
  }

  take(): Slot {
    assert(this.#next < 2 ** 32, "The node has used up its slots");
    this.#next += 1;
    return this.#next - 1;
  }
}
