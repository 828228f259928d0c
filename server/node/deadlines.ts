// Many deadlines, of which most are withdrawn before they pass: a binary heap in which withdrawn ones stay until they surface
// or outnumber the others.

import type { Millis } from "../../proto/ids.ts";
import { limits } from "./limits.ts";

interface Item<Key> {
  readonly atMs: Millis;
  readonly key: Key;
}

export class Deadlines<Key> {
  #heap: Item<Key>[] = [];
  readonly #current = new Map<Key, Millis>();

  /** Sets or moves the deadline of `key`. */
  set(key: Key, atMs: Millis): void {
    this.#current.set(key, atMs);
    this.#heap.push({ atMs, key });
    this.#rise(this.#heap.length - 1);
    if (this.#heap.length > 2 * this.#current.size + limits.staleDeadlinesMax) this.#sweep();
  }

  has(key: Key): boolean {
    return this.#current.has(key);
  }

  delete(key: Key): void {
    this.#current.delete(key);
  }

  /** What is held, withdrawn ones included. */
  get heldCount(): number {
    return this.#heap.length;
  }

  /** The earliest, or null. */
  next(): Millis | null {
    this.#dropStale();
    return this.#heap[0]?.atMs ?? null;
  }

  /** Removes and returns what is due, earliest first, up to so many. */
  takeDue(nowMs: Millis, countMax = Number.POSITIVE_INFINITY): Key[] {
    const due: Key[] = [];
    for (let next = this.next(); next !== null && next <= nowMs && due.length < countMax; next = this.next()) {
      const { key } = this.#heap[0] as Item<Key>;
      this.#current.delete(key);
      due.push(key);
    }
    return due;
  }

  /** A sorted array is a heap. */
  #sweep(): void {
    const kept = this.#heap.filter(({ key, atMs }) => this.#current.get(key) === atMs);
    this.#heap = kept.sort((left, right) => left.atMs - right.atMs);
  }

  #dropStale(): void {
    for (let top = this.#heap[0]; top !== undefined; top = this.#heap[0]) {
      if (this.#current.get(top.key) === top.atMs) return;
      this.#removeTop();
    }
  }

  #removeTop(): void {
    const last = this.#heap.pop() as Item<Key>;
    if (this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#sink(0);
  }

  #rise(position: number): void {
    for (let at = position; at > 0; ) {
      const parent = (at - 1) >> 1;
      if (this.#time(parent) <= this.#time(at)) return;
      this.#swap(parent, at);
      at = parent;
    }
  }

  #sink(position: number): void {
    for (let at = position; ; ) {
      const left = 2 * at + 1;
      const least = [left, left + 1].reduce((best, child) => (this.#time(child) < this.#time(best) ? child : best), at);
      if (least === at) return;
      this.#swap(least, at);
      at = least;
    }
  }

  #time(position: number): number {
    return this.#heap[position]?.atMs ?? Number.POSITIVE_INFINITY;
  }

  #swap(left: number, right: number): void {
    const item = this.#heap[left] as Item<Key>;
    this.#heap[left] = this.#heap[right] as Item<Key>;
    this.#heap[right] = item;
  }
}
