// One write transaction before it is in force: its writes run in order, each seeing those before it, and leave at most one
// change a key, all of one revision.

import type { Revision } from "../../proto/ids.ts";
import { compareBytes, textOf } from "../bytes.ts";
import type { KeyHistory, KeyIndex } from "./key-index.ts";
import type { KeyEvent, KeySpan, KeyValue, Write } from "./types.ts";

export type Put = Write & { readonly type: "put" };

/** What the transaction does to a key. */
export interface StagedChange {
  readonly text: string;
  /** null: of a key without any version yet. */
  readonly history: KeyHistory | null;
  readonly event: KeyEvent;
}

/** A transaction that is one put: there is nothing else in it that the put could see. */
export function stagePut(put: Put, index: KeyIndex, revision: Revision): StagedChange {
  const text = textOf(put.key);
  const history = index.history(text);
  const previous = history?.versions.last?.kv ?? null;
  const kv = valueAfter(put, previous, revision);
  return { text, history, event: { key: kv.key, kv, previous, endedLease: 0 } };
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
    return [...this.#staged.values()].filter(({ event }) => event.previous !== null || event.kv !== null);
  }

  #put(put: Put): readonly KeyValue[] {
    const text = textOf(put.key);
    const staged = this.#staged.get(text);
    if (staged === undefined) {
      const change = stagePut(put, this.#index, this.#revision);
      this.#staged.set(text, change);
      return listOf(change.event.previous);
    }
    const replaced = staged.event.kv;
    const kv = valueAfter(put, replaced, this.#revision);
    this.#staged.set(text, { ...staged, event: { key: kv.key, kv, previous: staged.event.previous, endedLease: 0 } });
    return listOf(replaced);
  }

  #expire(key: Uint8Array, lease: number): readonly KeyValue[] {
    const text = textOf(key);
    const history = this.#index.history(text);
    return history === null || this.#staged.has(text) ? [] : this.#remove(history, lease);
  }

  #delete(range: KeySpan): readonly KeyValue[] {
    const removed: KeyValue[] = [];
    for (const history of this.#index.histories(range)) {
      if (!this.#staged.has(history.text)) removed.push(...this.#remove(history, 0));
    }
    return removed.concat(this.#deleteStaged(range)).sort((left, right) => compareBytes(left.key, right.key));
  }

  /** Of a key that this transaction has not touched yet. */
  #remove(history: KeyHistory, endedLease: number): readonly KeyValue[] {
    const { text } = history;
    const previous = history.versions.last?.kv ?? null;
    if (previous === null) return [];
    this.#staged.set(text, { text, history, event: { key: previous.key, kv: null, previous, endedLease } });
    return [previous];
  }

  /** Deletes keys that this transaction put before. */
  #deleteStaged(range: KeySpan): readonly KeyValue[] {
    const start = textOf(range.start);
    const end = range.end === null ? null : textOf(range.end);
    const removed: KeyValue[] = [];
    for (const change of this.#staged.values()) {
      const { text, event } = change;
      if (event.kv === null || text < start || (end !== null && text >= end)) continue;
      this.#staged.set(text, { ...change, event: { ...event, kv: null } });
      removed.push(event.kv);
    }
    return removed;
  }
}

function valueAfter({ key, value, lease }: Put, replaced: KeyValue | null, revision: Revision): KeyValue {
  return {
    key: replaced?.key ?? key,
    value,
    createRevision: replaced?.createRevision ?? revision,
    modRevision: revision,
    version: nextVersion(replaced, revision),
    lease,
  };
}

/** Puts of one transaction on one key count once. */
function nextVersion(replaced: KeyValue | null, revision: Revision): number {
  if (replaced === null) return 1;
  return replaced.modRevision === revision ? replaced.version : replaced.version + 1;
}

function listOf(kv: KeyValue | null): readonly KeyValue[] {
  return kv === null ? [] : [kv];
}
