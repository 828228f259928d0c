// A list that grows at its end and shrinks at both: the log's tail, a key's versions, the changes not yet compacted.

import { assert } from "../proto/assert.ts";

/** Positions count from the oldest item held. All operations take amortised constant time. */
export class Deque<Item> {
  #items: (Item | undefined)[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  at(position: number): Item | undefined {
    return position < 0 ? undefined : this.#items[this.#head + position];
  }

  get first(): Item | undefined {
    return this.at(0);
  }

  get last(): Item | undefined {
    return this.at(this.length - 1);
  }

  push(item: Item): void {
    this.#items.push(item);
  }

  /** Drops the oldest item. */
  shift(): void {
    assert(this.length > 0, "shift of an empty deque");
    this.#items[this.#head] = undefined;
    this.#head += 1;
    if (this.#head * 2 <= this.#items.length) return;
    this.#items = this.#items.slice(this.#head);
    this.#head = 0;
  }

  /** Drops the newest items, keeping `length` of them. */
  truncate(length: number): void {
    assert(length >= 0 && length <= this.length, () => `truncate to ${length} of ${this.length}`);
    this.#items.length = this.#head + length;
  }
}
