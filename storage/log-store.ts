// The log of one group's replica as rows: turns appends and compactions into operations and checks rows at a restart.
// It writes nothing itself, and knows of Raft only that entries have a term and an index.
// A row holds a run of entries under the index of the first. A truncation within a run writes its beginning anew; a compaction
// drops whole runs only.
// Invariants: runs are contiguous behind the boundary; what is remembered of each is what its row holds.

import { assert } from "../proto/assert.ts";
import type { LogIndex, Term } from "../proto/ids.ts";
import { Deque } from "./deque.ts";
import { type Hash64, hash64, zeroHash } from "./hash.ts";
import { logBoundaryKey, logKey, parseKey, type Slot } from "./keys.ts";
import {
  decodeLogBoundary,
  decodeLogRun,
  encodeLogBoundary,
  encodeLogRun,
  type LogBoundary,
  type LogEntry,
  type LogPosition,
  type LogRun,
} from "./log-rows.ts";
import type { Operation, Row } from "./ordered-store.ts";

/** Rows that one call of {@link LogStore.compact} deletes at most. */
const compactRowsMax = 1024;
/**
 * Bounds of a run; one entry is always allowed. A truncation writes up to as much again, a compaction keeps up to as much
 * more, and damage puts all behind the first of them in doubt; another row for this many costs nothing that can be measured.
 */
const runEntriesMax = 256;
const runBytesMax = 256 * 1024;

/** Entries after `previous`, contiguous. */
export interface LogTail {
  readonly previous: LogPosition;
  readonly entries: readonly LogEntry[];
}

export type LogLoad =
  | {
      readonly type: "loaded";
      readonly store: LogStore;
      readonly entries: readonly LogEntry[];
      readonly previous: LogPosition;
    }
  /** The replica must not vote or acknowledge: it is quarantined. `at` is the first index in doubt. */
  | { readonly type: "damaged"; readonly reason: string; readonly at: LogIndex };

/** What is remembered of a row. The entries are those that the Raft core holds too. */
interface StoredRun {
  readonly first: LogIndex;
  readonly last: LogPosition;
  readonly entries: readonly LogEntry[];
  readonly hash: Hash64;
}

const beforeTheLog: LogPosition = { term: 0 as Term, index: 0 as LogIndex };

export class LogStore {
  readonly #slot: Slot;
  #boundary: LogBoundary;
  readonly #runs = new Deque<StoredRun>();

  /** A log whose entries begin after `boundary`. Use {@link LogStore.create} or {@link LogStore.load}. */
  constructor(slot: Slot, boundary: LogBoundary) {
    assert((boundary.index === 0) === (boundary.term === 0), () => `boundary ${boundary.term}/${boundary.index}`);
    this.#slot = slot;
    this.#boundary = boundary;
  }

  /**
   * Begins a log in a slot that holds no log rows: at 0/0 for a new group, at the end of an installed snapshot otherwise.
   *
   * @returns the store, and the operations to write before or with anything else of the slot
   */
  static create(
    slot: Slot,
    { term, index }: LogPosition,
  ): { readonly store: LogStore; readonly operations: Operation[] } {
    const store = new LogStore(slot, { term, index, hash: zeroHash });
    return { store, operations: [store.#boundaryOperation()] };
  }

  /**
   * Reads a log back and proves that it is whole: boundary first, indexes contiguous, checksums and chain right, terms
   * never falling, nothing missing up to `acknowledged`.
   *
   * @param rows those of `logRange(slot)`, in order; payloads stay views into their values
   * @param acknowledged highest index that this replica ever promised to hold (from the hard state); 0 for none
   */
  static load(slot: Slot, rows: Iterable<Row>, acknowledged: LogIndex): LogLoad {
    const entries: LogEntry[] = [];
    let store: LogStore | null = null;
    for (const row of rows) {
      if (store === null) {
        const boundary = readBoundary(slot, row);
        if (typeof boundary === "string") return { type: "damaged", reason: boundary, at: beforeTheLog.index };
        store = new LogStore(slot, boundary);
      } else {
        const run = store.#read(row);
        if (typeof run === "string") return { type: "damaged", reason: run, at: (store.last.index + 1) as LogIndex };
        store.#hold(run.entries, row.value);
        for (const entry of run.entries) entries.push(entry);
      }
    }
    if (store === null) return { type: "damaged", reason: "the log has no boundary", at: beforeTheLog.index };
    return store.#checkEnd(entries, acknowledged);
  }

  /** Where the stored log begins: nothing at or below is held. */
  get previous(): LogPosition {
    return { term: this.#boundary.term, index: this.#boundary.index };
  }

  /** The newest entry, or the boundary of an empty log. */
  get last(): LogPosition {
    return this.#runs.last?.last ?? this.previous;
  }

  /**
   * Operations that put `entries` after `previous` and remove every entry behind that. Calls are to be written in their
   * order, the operations of a call in one batch. Entries are encoded at once, and held: neither they nor their list change.
   */
  append({ previous, entries }: LogTail): Operation[] {
    const operations = this.#truncate(previous.index);
    const { term, index } = this.last;
    const isThere = term === previous.term && index === previous.index;
    assert(isThere, () => `append after ${previous.term}/${previous.index} in a log that ends at ${term}/${index}`);
    for (const run of cutIntoRuns(entries)) operations.push(this.#push(run));
    return operations;
  }

  /**
   * Operations that drop the runs that end at or before `upTo` (at most the last index), a bounded number a call: call again,
   * after each write, until there are none.
   */
  compact(upTo: LogIndex): Operation[] {
    assert(upTo <= this.last.index, () => `compact to ${upTo}, the log ends at ${this.last.index}`);
    const operations: Operation[] = [];
    for (let run = this.#runs.first; run !== undefined && run.last.index <= upTo; run = this.#runs.first) {
      if (operations.length === compactRowsMax) break;
      this.#runs.shift();
      this.#boundary = { ...run.last, hash: run.hash };
      operations.push({ type: "delete", key: logKey(this.#slot, run.first) });
    }
    if (operations.length > 0) operations.push(this.#boundaryOperation());
    return operations;
  }

  /** Operations that remove every entry behind `index`. */
  #truncate(index: LogIndex): Operation[] {
    const operations: Operation[] = [];
    for (let run = this.#runs.last; run !== undefined && run.last.index > index; run = this.#runs.last) {
      this.#runs.truncate(this.#runs.length - 1);
      const kept = run.entries.slice(0, Math.max(0, index - run.first + 1));
      operations.push(kept.length > 0 ? this.#push(kept) : { type: "delete", key: logKey(this.#slot, run.first) });
    }
    return operations;
  }

  #push(entries: readonly LogEntry[]): Operation {
    const wrong = misfit(this.last, entries);
    assert(wrong === null, () => `append: ${wrong}`);
    const value = encodeLogRun({ entries, hash: this.#hash });
    return { type: "put", key: logKey(this.#slot, this.#hold(entries, value).first), value };
  }

  #hold(entries: readonly LogEntry[], value: Uint8Array): StoredRun {
    const { index: first } = entries[0] as LogEntry;
    const { term, index } = entries[entries.length - 1] as LogEntry;
    const run = { first, last: { term, index }, entries, hash: hash64(value) };
    this.#runs.push(run);
    return run;
  }

  /** Of the newest row. */
  get #hash(): Hash64 {
    return (this.#runs.last ?? this.#boundary).hash;
  }

  #boundaryOperation(): Operation {
    return { type: "put", key: logBoundaryKey(this.#slot), value: encodeLogBoundary(this.#boundary) };
  }

  /** @returns what keeps the row from being the next of the chain, as text */
  #read(row: Row): LogRun | string {
    const run = decodeLogRun(row.value);
    if (typeof run === "string") return run;
    const key = parseKey(row.key);
    const { index } = run.entries[0] as LogEntry;
    if (key.type !== "log" || key.slot !== this.#slot) return "a row that is no log record of this replica";
    if (key.index !== index) return `the record under index ${key.index} says that it is ${index}`;
    const wrong = misfit(this.last, run.entries);
    if (wrong !== null) return wrong;
    const { high, low } = this.#hash;
    return run.hash.high === high && run.hash.low === low ? run : `record ${index} continues another log`;
  }

  #checkEnd(entries: readonly LogEntry[], acknowledged: LogIndex): LogLoad {
    const { index } = this.last;
    if (index >= acknowledged) return { type: "loaded", store: this, entries, previous: this.previous };
    const reason = `the log ends at ${index}, but ${acknowledged} was acknowledged`;
    return { type: "damaged", reason, at: (index + 1) as LogIndex };
  }
}

/** Says what keeps the entries from being the next of a log that ends at `last`; null when nothing does. */
function misfit(last: LogPosition, entries: readonly LogEntry[]): string | null {
  let { term, index } = last;
  for (const entry of entries) {
    if (entry.index !== index + 1) return `record ${entry.index} follows record ${index}`;
    if (entry.term < term || entry.term === 0)
      return `term ${entry.term} follows term ${term} at record ${entry.index}`;
    ({ term, index } = entry);
  }
  return null;
}

function cutIntoRuns(entries: readonly LogEntry[]): readonly (readonly LogEntry[])[] {
  const runs: (readonly LogEntry[])[] = [];
  let start = 0;
  let bytes = 0;
  for (const [at, { payload }] of entries.entries()) {
    const isFull = at - start === runEntriesMax || bytes + payload.byteLength > runBytesMax;
    if (isFull && at > start) {
      runs.push(entries.slice(start, at));
      start = at;
      bytes = 0;
    }
    bytes += payload.byteLength;
  }
  if (start < entries.length) runs.push(start === 0 ? entries : entries.slice(start));
  return runs;
}

function readBoundary(slot: Slot, row: Row): LogBoundary | string {
  const key = parseKey(row.key);
  if (key.type !== "logBoundary" || key.slot !== slot) return "the log has no boundary";
  const boundary = decodeLogBoundary(row.value);
  if (typeof boundary === "string") return boundary;
  const { term, index } = boundary;
  return (index === 0) === (term === 0) ? boundary : `the boundary is ${term}/${index}`;
}
