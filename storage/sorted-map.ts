// A map in key order: a hash map of the values, and the keys in a directory of sorted leaves of at most `leafKeysMax` keys.
// Finding asks the hash map alone, which costs a fraction of comparing texts. A new key takes two binary searches and moves
// at most one leaf and one directory (a few thousand pointers at a million keys), which measures faster in JavaScript than
// deeper trees of small nodes. A leaf knows what its values weigh together, so that a span is weighed leaf by leaf.

import { assert } from "../proto/assert.ts";

const leafKeysMax = 512;

interface Leaf {
  readonly keys: string[];
  /** Of all that stands under the keys. */
  weight: number;
}

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
  readonly #weigh: (value: Value) => number;

  /** @param weigh what a value counts for in {@link SortedMap.weightWithin} */
  constructor(weigh: (value: Value) => number = () => 0) {
    this.#weigh = weigh;
  }

  get size(): number {
    return this.#values.size;
  }

  get(key: string): Value | undefined {
    return this.#values.get(key);
  }

  /** A value that takes the place of another one weighs as much. */
  set(key: string, value: Value): void {
    const before = this.#values.size;
    this.#values.set(key, value);
    if (this.#values.size > before) this.#insert(key, this.#weigh(value));
  }

  /** To be called at once when what stands under a key of the map weighs more or less than it did. */
  reweigh(key: string, change: number): void {
    (this.#leaves[this.#leafAt(key)] as Leaf).weight += change;
  }

  /** @returns whether the key was there */
  delete(key: string): boolean {
    const value = this.#values.get(key);
    if (value === undefined) return false;
    this.#values.delete(key);
    const at = this.#leafAt(key);
    const leaf = this.#leaves[at] as Leaf;
    const position = lowerBound(leaf.keys, key);
    assert(leaf.keys[position] === key, "a sorted map has lost the order of a key");
    leaf.keys.splice(position, 1);
    leaf.weight -= this.#weigh(value);
    if (leaf.keys.length === 0) this.#leaves.splice(at, 1);
    else this.#maybeMerge(at);
    return true;
  }

  /** What stands under the greatest key below `end`; null: there is none. */
  lastBelow(end: string): readonly [key: string, value: Value] | null {
    const at = this.#leafAt(end);
    const isWithin = lowerBound(this.#leaves[at]?.keys ?? [], end) > 0;
    const keys = this.#leaves[isWithin ? at : at - 1]?.keys;
    if (keys === undefined) return null;
    const key = keys[(isWithin ? lowerBound(keys, end) : keys.length) - 1] as string;
    return [key, this.#values.get(key) as Value];
  }

  /** Walks from `start` (included) to `end` (excluded; null: to the last key), in key order. */
  *entries(start: string, end: string | null): Generator<readonly [key: string, value: Value], void, undefined> {
    let at = this.#leafAt(start);
    let position = lowerBound(this.#leaves[at]?.keys ?? [], start);
    for (; at < this.#leaves.length; at++, position = 0) {
      const { keys } = this.#leaves[at] as Leaf;
      for (; position < keys.length; position++) {
        const key = keys[position] as string;
        if (end !== null && key >= end) return;
        yield [key, this.#values.get(key) as Value];
      }
    }
  }

  /** Of all from `start` (included) to `end` (excluded; null: to the last key), at the cost of its leaves. */
  weightWithin(start: string, end: string | null): number {
    let weight = 0;
    for (let at = this.#leafAt(start); at < this.#leaves.length; at++) {
      const leaf = this.#leaves[at] as Leaf;
      const { keys } = leaf;
      const from = lowerBound(keys, start);
      const to = end === null ? keys.length : lowerBound(keys, end);
      weight += to - from === keys.length ? leaf.weight : this.#weightOf(keys.slice(from, Math.max(from, to)));
      if (to < keys.length) break;
    }
    return weight;
  }

  #insert(key: string, weight: number): void {
    if (this.#leaves.length === 0) this.#leaves.push({ keys: [], weight: 0 });
    const at = Math.min(this.#leafAt(key), this.#leaves.length - 1);
    const leaf = this.#leaves[at] as Leaf;
    leaf.keys.splice(lowerBound(leaf.keys, key), 0, key);
    leaf.weight += weight;
    if (leaf.keys.length > leafKeysMax) this.#split(at);
  }

  #weightOf(keys: readonly string[]): number {
    return keys.reduce((sum, key) => sum + this.#weigh(this.#values.get(key) as Value), 0);
  }

  /** Position of the first leaf whose last key is not below `key`; the number of leaves when there is none. */
  #leafAt(key: string): number {
    let low = 0;
    let high = this.#leaves.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const { keys } = this.#leaves[middle] as Leaf;
      if ((keys[keys.length - 1] as string) < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #split(at: number): void {
    const leaf = this.#leaves[at] as Leaf;
    // Keys often arrive in rising order: then a full left leaf and a short right one waste nothing.
    const isLast = at === this.#leaves.length - 1;
    const from = isLast ? Math.floor(leafKeysMax * 0.9) : leafKeysMax >>> 1;
    const keys = leaf.keys.splice(from);
    const weight = this.#weightOf(keys);
    leaf.weight -= weight;
    this.#leaves.splice(at + 1, 0, { keys, weight });
  }

  /** Joins a small leaf with its right neighbour, so that deletions leave no long tail of tiny leaves. */
  #maybeMerge(at: number): void {
    const leaf = this.#leaves[at] as Leaf;
    const next = this.#leaves[at + 1];
    if (next === undefined || leaf.keys.length + next.keys.length > leafKeysMax >>> 1) return;
    assert((leaf.keys.at(-1) as string) < (next.keys[0] as string), "leaves of a sorted map overlap");
    leaf.keys.push(...next.keys);
    leaf.weight += next.weight;
    this.#leaves.splice(at + 1, 1);
  }
}
