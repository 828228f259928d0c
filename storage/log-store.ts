// The log of one group's replica as rows: turns appends and compactions into operations and checks rows at a restart.
// It writes nothing itself, and knows of Raft only that entries have a term and an index.
// Invariants: boundary.index <= last.index; one mark for the boundary and for each record after it.

import { assert } from "../proto/assert.ts";
import type { LogIndex, Term } from "../proto/ids.ts";
import { emptyBytes } from "./bytes.ts";
import { Deque } from "./deque.ts";
import { type Hash64, hash64, zeroHash } from "./hash.ts";
import { logBoundaryKey, logKey, parseKey, type Slot } from "./keys.ts";
import { decodeLogRecord, encodeLogRecord, type LogEntry, type LogRecord } from "./log-record.ts";
import type { Operation, Row } from "./ordered-store.ts";

/** Rows that one call of {@link LogStore.compact} deletes at most. */
const compactRowsMax = 1024;

export interface LogPosition {
  readonly term: Term;
  readonly index: LogIndex;
}

/** Entries after `previous`, contiguous. */
export interface LogRun {
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

/** What is remembered of a stored record. */
interface Mark {
  readonly term: Term;
  readonly hash: Hash64;
}

const beforeTheLog: LogPosition = { term: 0 as Term, index: 0 as LogIndex };

export class LogStore {
  readonly #slot: Slot;
  /** Index of the first mark, which is the boundary's. */
  #boundary: LogIndex;
  readonly #marks = new Deque<Mark>();

  /** A log whose records begin after `boundary`. Use {@link LogStore.create} or {@link LogStore.load}. */
  constructor(slot: Slot, boundary: LogPosition, hash: Hash64) {
    assert((boundary.index === 0) === (boundary.term === 0), () => `boundary ${boundary.term}/${boundary.index}`);
    this.#slot = slot;
    this.#boundary = boundary.index;
    this.#marks.push({ term: boundary.term, hash });
  }

  /**
   * Begins a log in a slot that holds no log rows: at 0/0 for a new group, at the end of an installed snapshot otherwise.
   *
   * @returns the store, and the operations to write before or with anything else of the slot
   */
  static create(slot: Slot, boundary: LogPosition): { readonly store: LogStore; readonly operations: Operation[] } {
    const store = new LogStore(slot, boundary, zeroHash);
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
      const at = store === null ? beforeTheLog.index : ((store.last.index + 1) as LogIndex);
      const record = decodeLogRecord(row.value);
      if (typeof record === "string") return { type: "damaged", reason: record, at };
      if (store === null) {
        const begun = readBoundary(slot, row, record);
        if (typeof begun === "string") return { type: "damaged", reason: begun, at };
        store = begun;
      } else {
        const wrong = store.#mismatch(row, record);
        if (wrong !== null) return { type: "damaged", reason: wrong, at };
        store.#marks.push({ term: record.term, hash: hash64(row.value) });
        entries.push({ term: record.term, index: record.index, payload: record.payload });
      }
    }
    if (store === null) return { type: "damaged", reason: "the log has no boundary", at: beforeTheLog.index };
    return store.#checkEnd(entries, acknowledged);
  }

  /** Where the stored log begins: nothing at or below is held. */
  get previous(): LogPosition {
    return { term: this.#mark(this.#boundary).term, index: this.#boundary };
  }

  /** The newest record, or the boundary of an empty log. */
  get last(): LogPosition {
    const index = (this.#boundary + this.#marks.length - 1) as LogIndex;
    return { term: this.#mark(index).term, index };
  }

  /** @returns null when `index` is before the boundary or after the last record */
  termAt(index: LogIndex): Term | null {
    return this.#marks.at(index - this.#boundary)?.term ?? null;
  }

  /**
   * Operations that put `run.entries` after `run.previous` and remove every record behind them. Calls are to be written
   * in their order. Entries are encoded at once: payloads are copied.
   */
  append(run: LogRun): Operation[] {
    const { previous, entries } = run;
    const oldLast = this.last.index;
    assert(this.termAt(previous.index) === previous.term, () => `append after ${previous.term}/${previous.index}`);
    this.#marks.truncate(previous.index - this.#boundary + 1);
    const operations: Operation[] = entries.map((entry) => this.#push(entry));
    for (let index = previous.index + entries.length + 1; index <= oldLast; index++) {
      operations.push({ type: "delete", key: logKey(this.#slot, index as LogIndex) });
    }
    return operations;
  }

  /**
   * Operations that drop the records up to `upTo` (at most the last index), a bounded number a call: call again, after
   * each write, until `previous.index` is `upTo`.
   *
   * @returns no operations when there is nothing to drop
   */
  compact(upTo: LogIndex): Operation[] {
    assert(upTo <= this.last.index, () => `compact to ${upTo}, the log ends at ${this.last.index}`);
    const target = Math.min(upTo, this.#boundary + compactRowsMax);
    if (target <= this.#boundary) return [];
    const operations: Operation[] = [];
    while (this.#boundary < target) {
      this.#marks.shift();
      this.#boundary = (this.#boundary + 1) as LogIndex;
      operations.push({ type: "delete", key: logKey(this.#slot, this.#boundary) });
    }
    operations.push(this.#boundaryOperation());
    return operations;
  }

  #push(entry: LogEntry): Operation {
    const { term, index } = this.last;
    assert(entry.index === index + 1, () => `entry ${entry.index} after ${index}`);
    assert(entry.term >= term && entry.term > 0, () => `term ${entry.term} after ${term} at ${entry.index}`);
    const value = encodeLogRecord({ ...entry, hash: this.#mark(index).hash });
    this.#marks.push({ term: entry.term, hash: hash64(value) });
    return { type: "put", key: logKey(this.#slot, entry.index), value };
  }

  #boundaryOperation(): Operation {
    const { term, hash } = this.#mark(this.#boundary);
    const value = encodeLogRecord({ term, index: this.#boundary, hash, payload: emptyBytes });
    return { type: "put", key: logBoundaryKey(this.#slot), value };
  }

  #mark(index: LogIndex): Mark {
    const mark = this.#marks.at(index - this.#boundary);
    assert(mark !== undefined, () => `no mark of ${index} in a log after ${this.#boundary}`);
    return mark;
  }

  /** Says what keeps `record` from being the next of the chain; null when nothing does. */
  #mismatch(row: Row, record: LogRecord): string | null {
    const { term, index } = this.last;
    const key = parseKey(row.key);
    if (key.type !== "log" || key.slot !== this.#slot) return "a row that is no log record of this replica";
    if (key.index !== record.index) return `the record under index ${key.index} says that it is ${record.index}`;
    if (record.index !== index + 1) return `record ${record.index} follows record ${index}`;
    if (record.term < term || record.term === 0) return `term ${record.term} follows term ${term}`;
    const { high, low } = this.#mark(index).hash;
    if (record.hash.high !== high || record.hash.low !== low) return `record ${record.index} continues another log`;
    return null;
  }

  #checkEnd(entries: readonly LogEntry[], acknowledged: LogIndex): LogLoad {
    const { index } = this.last;
    if (index >= acknowledged) return { type: "loaded", store: this, entries, previous: this.previous };
    const reason = `the log ends at ${index}, but ${acknowledged} was acknowledged`;
    return { type: "damaged", reason, at: (index + 1) as LogIndex };
  }
}

function readBoundary(slot: Slot, row: Row, record: LogRecord): LogStore | string {
  const key = parseKey(row.key);
  if (key.type !== "logBoundary" || key.slot !== slot) return "the log has no boundary";
  if (record.payload.byteLength > 0) return "the boundary of the log has a payload";
  if ((record.index === 0) !== (record.term === 0)) return `the boundary is ${record.term}/${record.index}`;
  return new LogStore(slot, record, record.hash);
}
