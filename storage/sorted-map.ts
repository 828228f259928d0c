// A map in key order: a two-level B+tree, that is, a directory of sorted leaves of at most `leafKeysMax` keys.
// Finding is two binary searches; inserting moves at most one leaf and one directory (a few thousand pointers at a
// million keys), which measures faster in JavaScript than deeper trees of small nodes.

import { assert } from "../proto/assert.ts";

const leafKeysMax = 512;

interface Leaf<Value> {
  readonly keys: string[];
  readonly values: Value[];
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
  /** No leaf is empty; the keys of a leaf are all below those of the next one. */
  readonly #leaves: Leaf<Value>[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(key: string): Value | undefined {
    const leaf = this.#leaves[this.#leafAt(key)];
    if (leaf === undefined) return undefined;
    const position = lowerBound(leaf.keys, key);
    return leaf.keys[position] === key ? leaf.values[position] : undefined;
  }

  set(key: string, value: Value): void {
    if (this.#leaves.length === 0) this.#leaves.push({ keys: [], values: [] });
    const at = Math.min(this.#leafAt(key), this.#leaves.length - 1);
    const leaf = this.#leaves[at] as Leaf<Value>;
    const position = lowerBound(leaf.keys, key);
    if (leaf.keys[position] === key) {
      leaf.values[position] = value;
      return;
    }
    leaf.keys.splice(position, 0, key);
    leaf.values.splice(position, 0, value);
    this.#size += 1;
    if (leaf.keys.length > leafKeysMax) this.#split(at);
  }

  /** @returns whether the key was there */
  delete(key: string): boolean {
    const at = this.#leafAt(key);
    const leaf = this.#leaves[at];
    if (leaf === undefined) return false;
    const position = lowerBound(leaf.keys, key);
    if (leaf.keys[position] !== key) return false;
    leaf.keys.splice(position, 1);
    leaf.values.splice(position, 1);
    this.#size -= 1;
    if (leaf.keys.length === 0) this.#leaves.splice(at, 1);
    else this.#maybeMerge(at);
    return true;
  }

  /** Walks from `start` (included) to `end` (excluded; null: to the last key), in key order. */
  *entries(start: string, end: string | null): Generator<readonly [key: string, value: Value], void, undefined> {
    let at = this.#leafAt(start);
    let position = at < this.#leaves.length ? lowerBound((this.#leaves[at] as Leaf<Value>).keys, start) : 0;
    for (; at < this.#leaves.length; at++, position = 0) {
      const { keys, values } = this.#leaves[at] as Leaf<Value>;
      for (; position < keys.length; position++) {
        const key = keys[position] as string;
        if (end !== null && key >= end) return;
        yield [key, values[position] as Value];
      }
    }
  }

  /** Position of the first leaf whose last key is not below `key`; the number of leaves when there is none. */
  #leafAt(key: string): number {
    let low = 0;
    let high = this.#leaves.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const keys = (this.#leaves[middle] as Leaf<Value>).keys;
      if ((keys[keys.length - 1] as string) < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #split(at: number): void {
    const leaf = this.#leaves[at] as Leaf<Value>;
    // Keys often arrive in rising order: then a full left leaf and a short right one waste nothing.
    const isLast = at === this.#leaves.length - 1;
    const from = isLast ? Math.floor(leafKeysMax * 0.9) : leafKeysMax >>> 1;
    this.#leaves.splice(at + 1, 0, { keys: leaf.keys.splice(from), values: leaf.values.splice(from) });
  }

  /** Joins a small leaf with its right neighbour, so that deletions leave no long tail of tiny leaves. */
  #maybeMerge(at: number): void {
    const leaf = this.#leaves[at] as Leaf<Value>;
    const next = this.#leaves[at + 1];
    if (next === undefined || leaf.keys.length + next.keys.length > leafKeysMax >>> 1) return;
    assert((leaf.keys.at(-1) as string) < (next.keys[0] as string), "leaves of a sorted map overlap");
    leaf.keys.push(...next.keys);
    leaf.values.push(...next.values);
    this.#leaves.splice(at + 1, 1);
  }
}
