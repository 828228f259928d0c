// One write transaction before it is in force: its writes run in order, each seeing those before it, and leave at most one
// change a key, all of one revision.

import type { Revision } from "../../proto/ids.ts";
import { compareBytes, textOf } from "../bytes.ts";
import type { KeyIndex } from "./key-index.ts";
import type { KeySpan, KeyValue, Write } from "./types.ts";

/** What the transaction does to a key. */
export interface StagedChange {
  readonly key: Uint8Array;
  readonly text: string;
  /** What the key held before the transaction; null when it did not exist. */
  readonly before: KeyValue | null;
  readonly after: KeyValue | null;
  /** Whose end deletes it; 0: no lease's. */
  readonly endedLease: number;
}

export class StagedWrites {
  readonly #index: KeyIndex;
  readonly #revision: Revision;
  /** By key text; in the order in which keys were first touched, which decides the ordinals. */
  readonly #staged = new Map<string, StagedChange>();

  /** @param revision the one that the changes will have */
  constructor(index: KeyIndex, revision: Revision) {
    this.#index = index;
    this.#revision = revision;
  }

  /** @returns what the write replaced or removed, in key order */
  add(write: Write): readonly KeyValue[] {
    if (write.type === "expire") return write.keys.flatMap((key) => this.#expire(key, write.lease));
    return write.type === "put" ? this.#put(write) : this.#delete(write.range);
  }

  /** Keys that end up as they were, put and deleted again, are left out. */
  changes(): StagedChange[] {
    return [...this.#staged.values()].filter(({ before, after }) => before !== null || after !== null);
  }

  #put(write: Write & { type: "put" }): readonly KeyValue[] {
    const { key, value, lease } = write;
    const text = textOf(key);
    const staged = this.#staged.get(text);
    const before = staged === undefined ? this.#live(text) : staged.before;
    const replaced = staged === undefined ? before : staged.after;
    const after: KeyValue = {
      key: replaced?.key ?? key,
      value,
      createRevision: replaced?.createRevision ?? this.#revision,
      modRevision: this.#revision,
      version: nextVersion(replaced, this.#revision),
      lease,
    };
    this.#staged.set(text, { key: after.key, text, before, after, endedLease: 0 });
    return replaced === null ? [] : [replaced];
  }

  #expire(key: Uint8Array, lease: number): readonly KeyValue[] {
    const text = textOf(key);
    const before = this.#live(text);
    if (before === null || this.#staged.has(text)) return [];
    this.#staged.set(text, { key: before.key, text, before, after: null, endedLease: lease });
    return [before];
  }

  #delete(range: KeySpan): readonly KeyValue[] {
    const removed: KeyValue[] = [];
    for (const { text, versions } of this.#index.histories(range)) {
      const before = versions.last?.kv ?? null;
      if (this.#staged.has(text) || before === null) continue;
      this.#staged.set(text, { key: before.key, text, before, after: null, endedLease: 0 });
      removed.push(before);
    }
    return removed.concat(this.#deleteStaged(range)).sort((left, right) => compareBytes(left.key, right.key));
  }

  /** Deletes keys that this transaction put before. */
  #deleteStaged(range: KeySpan): readonly KeyValue[] {
    const start = textOf(range.start);
    const end = range.end === null ? null : textOf(range.end);
    const removed: KeyValue[] = [];
    for (const change of this.#staged.values()) {
      const { text, after } = change;
      if (after === null || text < start || (end !== null && text >= end)) continue;
      this.#staged.set(text, { ...change, after: null });
      removed.push(after);
    }
    return removed;
  }

  #live(text: string): KeyValue | null {
    return this.#index.history(text)?.versions.last?.kv ?? null;
  }
}

/** Puts of one transaction on one key count once. */
function nextVersion(replaced: KeyValue | null, revision: Revision): number {
  if (replaced === null) return 1;
  return replaced.modRevision === revision ? replaced.version : replaced.version + 1;
}
