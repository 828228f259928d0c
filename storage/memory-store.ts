// The ordered store in memory: what the simulator and the tests use as a disk. It loses nothing and never fails;
// lost, torn and failing writes are decorators around the port.

import { bytesOf, textOf } from "./bytes.ts";
import type { KeyRange, Operation, OrderedStore, PageLimits, Row, ScanOutcome, WriteOutcome } from "./ordered-store.ts";
import { SortedMap } from "./sorted-map.ts";

export interface MemoryStoreOptions {
  /** Decides when a completion is delivered: never before the call returns, and in the order of the calls. */
  readonly defer: (deliver: () => void) => void;
}

/** One page read at once. */
export interface Page {
  readonly rows: readonly Row[];
  readonly more: boolean;
}

/** Writes take effect at the call; values are copied, keys are kept as text. */
export class MemoryStore implements OrderedStore {
  #rows = new SortedMap<Uint8Array>();
  readonly #defer: (deliver: () => void) => void;
  #isClosed = false;

  constructor(options: MemoryStoreOptions) {
    this.#defer = options.defer;
  }

  /** A new handle on the same rows, as after a restart; this one is closed. */
  reopened(): MemoryStore {
    const store = new MemoryStore({ defer: this.#defer });
    store.#rows = this.#rows;
    this.#isClosed = true;
    return store;
  }

  /** Rows held, for tests and limits. */
  get size(): number {
    return this.#rows.size;
  }

  write(operations: readonly Operation[], _sync: boolean, done: (outcome: WriteOutcome) => void): void {
    if (this.#isClosed) {
      this.#defer(() => done({ type: "failed", reason: "The store is closed" }));
      return;
    }
    for (const operation of operations) {
      if (operation.type === "put") this.#rows.set(textOf(operation.key), new Uint8Array(operation.value));
      else this.#rows.delete(textOf(operation.key));
    }
    this.#defer(() => done({ type: "done" }));
  }

  scan(range: KeyRange, limits: PageLimits, done: (outcome: ScanOutcome) => void): void {
    const outcome: ScanOutcome = this.#isClosed
      ? { type: "failed", isDamage: false, reason: "The store is closed" }
      : { type: "rows", ...this.page(range, limits) };
    this.#defer(() => done(outcome));
  }

  /** What `scan` answers, at once: for a restart in the simulator, which takes no virtual time. Works on a closed store. */
  page(range: KeyRange, limits: PageLimits): Page {
    const rows: Row[] = [];
    let bytes = 0;
    for (const [text, value] of this.#rows.entries(textOf(range.start), textOf(range.end))) {
      rows.push({ key: bytesOf(text), value: value.slice() });
      bytes += text.length + value.byteLength;
      if (rows.length >= limits.rowsMax || bytes >= limits.bytesMax) return { rows, more: true };
    }
    return { rows, more: false };
  }

  /** Works on a closed store. */
  lastRow(range: KeyRange): Row | null {
    const found = this.#rows.lastBelow(textOf(range.end));
    if (found === null || found[0] < textOf(range.start)) return null;
    return { key: bytesOf(found[0]), value: found[1].slice() };
  }

  erase(range: KeyRange): void {
    if (this.#isClosed) return;
    for (const [text] of [...this.#rows.entries(textOf(range.start), textOf(range.end))]) this.#rows.delete(text);
  }

  close(done: () => void): void {
    this.#isClosed = true;
    this.#defer(done);
  }
}
