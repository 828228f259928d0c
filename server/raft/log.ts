// The log of one member in memory, from where its prefix was compacted to its last entry, and which part of it the
// caller has not been asked to write yet. Knows nothing of roles, commit or durability.
// Invariants: entries are contiguous after `previous`; terms never fall; totals[i] counts the payload bytes up to entry i.

import { assert } from "../../proto/assert.ts";
import { type LogIndex, type Term, toLogIndex } from "../../proto/ids.ts";
import type { Entry, EntryId, LogSlice } from "../../proto/raft.ts";

/** How much one slice may hold; one entry is always allowed. */
export interface SliceLimit {
  readonly entriesMax: number;
  readonly bytesMax: number;
}

export type Acceptance =
  /** The log now equals the slice's up to `matched`; `kept` is the last entry that was there before and still is. */
  | { readonly type: "accepted"; readonly matched: LogIndex; readonly kept: LogIndex }
  /** `previous` is not in the log; the logs may agree at `hint`, and nowhere after it. */
  | { readonly type: "rejected"; readonly hint: EntryId };

export class Log {
  #previous: EntryId;
  readonly #entries: Entry[];
  readonly #totals: number[] = [];
  /** Bytes that `#totals` counts for entries since compacted. */
  #compactedBytes = 0;
  /** Entries after this index were not handed to the caller for writing; null when all were. */
  #writtenTo: LogIndex | null = null;

  /** @param image a checked slice, as read from disk; its entries count as written */
  constructor(image: LogSlice) {
    this.#previous = image.previous;
    this.#entries = [...image.entries];
    let total = 0;
    for (const entry of this.#entries) {
      total += entry.payload.byteLength;
      this.#totals.push(total);
    }
  }

  /** The end of the compacted prefix; (0, 0) when nothing was compacted. */
  get previous(): EntryId {
    return this.#previous;
  }

  get first(): LogIndex {
    return toLogIndex(this.#previous.index + 1);
  }

  get lastIndex(): LogIndex {
    return toLogIndex(this.#previous.index + this.#entries.length);
  }

  get last(): EntryId {
    return this.idAt(this.lastIndex);
  }

  /** @returns null below `previous` and beyond the last entry */
  termAt(index: LogIndex): Term | null {
    if (index === this.#previous.index) return this.#previous.term;
    return this.#entries[index - this.#previous.index - 1]?.term ?? null;
  }

  holds(id: EntryId): boolean {
    return this.termAt(id.index) === id.term;
  }

  /** @param index `previous.index <= index <= lastIndex` */
  idAt(index: LogIndex): EntryId {
    const term = this.termAt(index);
    assert(term !== null, () => `Entry ${index} is outside of (${this.#previous.index}, ${this.lastIndex}]`);
    return { term, index };
  }

  /** Payload bytes of the entries after `after` up to and with `last`; compacted ones count nothing. */
  bytesBetween(after: LogIndex, last: LogIndex): number {
    assert(last <= this.lastIndex, () => `Entry ${last} is beyond ${this.lastIndex}`);
    return Math.max(0, this.#bytesUpTo(last) - this.#bytesUpTo(after));
  }

  /** The entries from `first` up to and with `last`; both in the log. */
  slice(first: LogIndex, last: LogIndex): LogSlice {
    const previous = this.idAt(toLogIndex(first - 1));
    assert(last <= this.lastIndex, () => `Entry ${last} is beyond ${this.lastIndex}`);
    const start = first - this.#previous.index - 1;
    return { previous, entries: this.#entries.slice(start, start + (last - first + 1)) };
  }

  /** Those behind `index`, which is in the log or its compacted end. */
  entriesAfter(index: LogIndex): readonly Entry[] {
    return this.#entries.slice(Math.max(0, index - this.#previous.index));
  }

  /** The last entry of the longest slice from `first` that keeps to `limit`: at least `first` itself. */
  endWithin(first: LogIndex, limit: SliceLimit): LogIndex {
    const end = toLogIndex(Math.min(this.lastIndex, first + limit.entriesMax - 1));
    const before = toLogIndex(first - 1);
    if (end <= first || this.bytesBetween(before, end) <= limit.bytesMax) return toLogIndex(Math.max(first, end));
    return lastWhere(first, end, (index) => this.bytesBetween(before, index) <= limit.bytesMax);
  }

  /**
   * The last entry not after `index` whose term is not above `term`: where a log with `term` at `index` may agree.
   *
   * @returns null when that lies in the compacted prefix
   */
  lastNotAbove(index: LogIndex, term: Term): EntryId | null {
    if (index < this.#previous.index || this.#previous.term > term) return null;
    const end = toLogIndex(Math.min(index, this.lastIndex));
    return this.idAt(lastWhere(this.#previous.index, end, (at) => (this.termAt(at) as Term) <= term));
  }

  append(entries: readonly Entry[]): void {
    this.#markUnwritten(this.lastIndex);
    let total = this.#bytesUpTo(this.lastIndex);
    for (const entry of entries) {
      assert(entry.index === this.lastIndex + 1, () => `Entry ${entry.index} follows ${this.lastIndex}`);
      assert(entry.term >= this.last.term, () => `Term ${entry.term} follows ${this.last.term} at ${entry.index}`);
      total += entry.payload.byteLength;
      this.#entries.push(entry);
      this.#totals.push(total);
    }
  }

  /**
   * Takes over what a leader sent. Entries that are already there stay untouched, also those behind the slice: an old or
   * reordered slice must not erase what a newer one brought. Only an entry that differs removes itself and all after it.
   *
   * @source Raft paper figure 2, AppendEntries 2 to 4
   */
  accept(slice: LogSlice): Acceptance {
    const hint = this.#mismatch(slice.previous);
    if (hint !== null) return { type: "rejected", hint };
    const matched = toLogIndex(slice.previous.index + slice.entries.length);
    const skipped = this.#countHeld(slice);
    if (skipped >= slice.entries.length) return { type: "accepted", matched, kept: this.lastIndex };
    const kept = toLogIndex(slice.previous.index + skipped);
    this.#truncateAfter(kept);
    this.append(skipped === 0 ? slice.entries : slice.entries.slice(skipped));
    return { type: "accepted", matched, kept };
  }

  /** Forgets the entries up to and with `upTo`, which must be in the log. */
  compact(upTo: LogIndex): void {
    if (upTo <= this.#previous.index) return;
    const previous = this.idAt(upTo);
    const count = upTo - this.#previous.index;
    this.#compactedBytes = this.#totals[count - 1] ?? 0;
    this.#entries.splice(0, count);
    this.#totals.splice(0, count);
    this.#previous = previous;
  }

  /** Begins behind an installed snapshot. Keeps the entries after `last` only if the log holds `last` itself. */
  restartAfter(last: EntryId): void {
    if (this.holds(last)) this.compact(last.index);
    else {
      this.#entries.length = 0;
      this.#totals.length = 0;
      this.#compactedBytes = 0;
      this.#previous = last;
    }
    this.#writtenTo = last.index;
  }

  /** What has to be written since the last call; null for nothing. Everything stored behind it is to be replaced. */
  takeUnwritten(): LogSlice | null {
    if (this.#writtenTo === null) return null;
    const slice = this.slice(toLogIndex(this.#writtenTo + 1), this.lastIndex);
    this.#writtenTo = null;
    return slice;
  }

  #bytesUpTo(index: LogIndex): number {
    return this.#totals[index - this.#previous.index - 1] ?? this.#compactedBytes;
  }

  #markUnwritten(after: LogIndex): void {
    this.#writtenTo = toLogIndex(Math.min(this.#writtenTo ?? after, after));
  }

  #truncateAfter(index: LogIndex): void {
    assert(index >= this.#previous.index, () => `Entry ${index + 1} was compacted, to ${this.#previous.index}`);
    if (index >= this.lastIndex) return;
    this.#markUnwritten(index);
    this.#entries.length = index - this.#previous.index;
    this.#totals.length = this.#entries.length;
  }

  /** Null when `previous` is in the log, or in the compacted prefix, which is committed and so equals every leader's. */
  #mismatch(previous: EntryId): EntryId | null {
    if (previous.index < this.#previous.index || this.holds(previous)) return null;
    if (previous.index > this.lastIndex) return this.last;
    return this.lastNotAbove(toLogIndex(previous.index - 1), previous.term) ?? this.#previous;
  }

  /** How many entries of the slice, from its beginning, are in the log or compacted. */
  #countHeld(slice: LogSlice): number {
    const compacted = this.#previous.index - slice.previous.index;
    const boundary = slice.entries[compacted - 1];
    assert(boundary === undefined || this.holds(boundary), () => `Compacted entry ${boundary?.index} differs`);
    let count = Math.max(0, compacted);
    for (let entry = slice.entries[count]; entry !== undefined && this.holds(entry); entry = slice.entries[count]) {
      count++;
    }
    return count;
  }
}

/** The last index from `low` to `high` that fits; `low` is taken to fit, and those that do come before those that do not. */
function lastWhere(low: LogIndex, high: LogIndex, fits: (index: LogIndex) => boolean): LogIndex {
  let known: number = low;
  let beyond = high + 1;
  while (beyond - known > 1) {
    const middle = Math.floor((known + beyond) / 2);
    if (fits(toLogIndex(middle))) known = middle;
    else beyond = middle;
  }
  return toLogIndex(known);
}
