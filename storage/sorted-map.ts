// A map in key order: a hash map of the values, and the keys in a directory of sorted leaves of at most `leafKeysMax` keys.
// Finding asks the hash map alone, which costs a fraction of comparing texts. A new key takes two binary searches and moves
// at most one leaf and one directory (a few thousand pointers at a million keys), which measures faster in JavaScript than
// deeper trees of small nodes.

import { assert } from "../proto/assert.ts";

const leafKeysMax = 512;

type Leaf = string[];

/** Position of the first of `keys` that is not below `key`; `keys.length` when all are. */
function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Keys are compared by code unit; with the text of `textOf` this is byte order. A value of `undefined` is not allowed.
 * The map must not change while {@link SortedMap.entries} is being walked.
 */
export class SortedMap<Value extends NonNullable<unknown> | null> {
  readonly #values = new Map<string, Value>();
  /** The keys of `#values`. No leaf is empty; the keys of a leaf are all below those of the next one. */
  readonly #leaves: Leaf[] = [];

  get size(): number {
    return this.#values.size;
  }

  get(key: string): Value | undefined {
    return this.#values.get(key);
  }

  set(key: string, value: Value): void {
    const before = this.#values.size;
    this.#values.set(key, value);
    if (this.#values.size > before) this.#insert(key);
  }

  /** @returns whether the key was there */
  delete(key: string): boolean {
    if (!this.#values.delete(key)) return false;
    const at = this.#leafAt(key);
    const leaf = this.#leaves[at] as Leaf;
    const position = lowerBound(leaf, key);
    assert(leaf[position] === key, "a sorted map has lost the order of a key");
    leaf.splice(position, 1);
    if (leaf.length === 0) this.#leaves.splice(at, 1);
    else this.#maybeMerge(at);
    return true;
  }

  /** What stands under the greatest key below `end`; null: there is none. */
  lastBelow(end: string): readonly [key: string, value: Value] | null {
    const at = this.#leafAt(end);
    const isWithin = lowerBound(this.#leaves[at] ?? [], end) > 0;
    const leaf = this.#leaves[isWithin ? at : at - 1];
    if (leaf === undefined) return null;
    const key = leaf[(isWithin ? lowerBound(leaf, end) : leaf.length) - 1] as string;
    return [key, this.#values.get(key) as Value];
  }

  /** Walks from `start` (included) to `end` (excluded; null: to the last key), in key order. */
  *entries(start: string, end: string | null): Generator<readonly [key: string, value: Value], void, undefined> {
    let at = this.#leafAt(start);
    let position = at < this.#leaves.length ? lowerBound(this.#leaves[at] as Leaf, start) : 0;
    for (; at < this.#leaves.length; at++, position = 0) {
      const leaf = this.#leaves[at] as Leaf;
      for (; position < leaf.length; position++) {
        const key = leaf[position] as string;
        if (end !== null && key >= end) return;
        yield [key, this.#values.get(key) as Value];
      }
    }
  }

  #insert(key: string): void {
    if (this.#leaves.length === 0) this.#leaves.push([]);
    const at = Math.min(this.#leafAt(key), this.#leaves.length - 1);
    const leaf = this.#leaves[at] as Leaf;
    leaf.splice(lowerBound(leaf, key), 0, key);
    if (leaf.length > leafKeysMax) this.#split(at);
  }

  /** Position of the first leaf whose last key is not below `key`; the number of leaves when there is none. */
  #leafAt(key: string): number {
    let low = 0;
    let high = this.#leaves.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const leaf = this.#leaves[middle] as Leaf;
      if ((leaf[leaf.length - 1] as string) < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #split(at: number): void {
    const leaf = this.#leaves[at] as Leaf;
    // Keys often arrive in rising order: then a full left leaf and a short right one waste nothing.
    const isLast = at === this.#leaves.length - 1;
    const from = isLast ? Math.floor(leafKeysMax * 0.9) : leafKeysMax >>> 1;
    this.#leaves.splice(at + 1, 0, leaf.splice(from));
  }

  /** Joins a small leaf with its right neighbour, so that deletions leave no long tail of tiny leaves. */
  #maybeMerge(at: number): void {
    const leaf = this.#leaves[at] as Leaf;
    const next = this.#leaves[at + 1];
    if (next === undefined || leaf.length + next.length > leafKeysMax >>> 1) return;
    assert((leaf.at(-1) as string) < (next[0] as string), "leaves of a sorted map overlap");
    leaf.push(...next);
    this.#leaves.splice(at + 1, 1);
  }
}
