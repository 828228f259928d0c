// The versions of one group's keys, in memory: revisions, history, compaction floor. Pure: what must be stored is returned.
// Invariants: 1 <= floor <= revision; every revision above the floor has at least one change; bytes is the sum over versions.

import { type Revision, toRevision } from "../../proto/ids.ts";
import { compareBytes, keyAfter, textOf } from "../bytes.ts";
import { type KeyHistory, KeyIndex, previousOf, type Version, versionAt } from "./key-index.ts";
import { type RevisionChanges, RevisionLog } from "./revision-log.ts";
import { type Put, type StagedChange, StagedWrites, stagePut } from "./staged-writes.ts";
import type {
  KeyEvent,
  KeySpan,
  KeyValue,
  RevisionEvents,
  RevisionFailure,
  VersionId,
  VersionRow,
  Write,
} from "./types.ts";
import { decodeVersion, encodeVersion } from "./versions.ts";

/** Counted for each version beyond its key and value. */
const versionOverheadBytes = 96;

export interface Applied {
  /** The transaction's revision, or the current one when nothing changed. */
  readonly revision: Revision;
  /** What changed, at most one event a key; empty when nothing did. */
  readonly events: readonly KeyEvent[];
  /** To be stored with the applied index, in one batch. */
  readonly rows: readonly VersionRow[];
  /** Of each write: what it replaced or removed, in key order. */
  readonly replaced: readonly (readonly KeyValue[])[];
}

export interface RangeOptions {
  /** null: newest. */
  readonly at: Revision | null;
  /** Keys of the page at most, 0 or more. */
  readonly limit: number;
  /** The page ends with the key that reaches it. */
  readonly bytesMax?: number;
  /** Go on behind this key. */
  readonly after?: Uint8Array | null;
  /** true: `count` is of the whole range, which walks all of it at a revision before the newest; false: of the page. */
  readonly countAll?: boolean;
}

export type RangeAnswer =
  | {
      readonly type: "page";
      readonly kvs: readonly KeyValue[];
      /** At least one key of the range follows the page. */
      readonly more: boolean;
      readonly count: number;
    }
  | RevisionFailure;

export type GetAnswer = { readonly type: "value"; readonly kv: KeyValue | null } | RevisionFailure;

export type ChangesAnswer =
  | {
      readonly type: "changes";
      /** Whole revisions, in order, without a gap. */
      readonly revisions: readonly RevisionEvents[];
      /** Everything up to here was given: go on with `changesSince(through)`. */
      readonly through: Revision;
      readonly more: boolean;
    }
  | RevisionFailure;

export type SnapshotAnswer =
  | {
      readonly type: "page";
      readonly rows: readonly VersionRow[];
      /** Go on behind this key; null: the snapshot is complete. */
      readonly next: Uint8Array | null;
    }
  | RevisionFailure;

/** What is stored beside the version rows, in one batch with them. */
export interface MvccImage {
  readonly revision: Revision;
  readonly floor: Revision;
  /** In order of revision and ordinal. */
  readonly rows: Iterable<VersionRow>;
}

export type RestoreAnswer =
  | { readonly type: "restored"; readonly mvcc: Mvcc }
  | { readonly type: "damaged"; readonly reason: string };

export class Mvcc {
  readonly #index = new KeyIndex();
  /** Versions that compaction has not passed yet, and so all above the floor. */
  readonly #log = new RevisionLog();
  #revision = toRevision(1);
  #floor = toRevision(1);
  #bytes = 0;

  /**
   * Rebuilds the state. Numbers that the rows do not bear out are damage: a missing or surplus revision, a gap of
   * ordinals, a version that does not continue its key. Keys and values stay views into the rows.
   */
  static restore(image: MvccImage): RestoreAnswer {
    const mvcc = new Mvcc();
    if (image.floor < 1 || image.floor > image.revision) {
      return { type: "damaged", reason: `floor ${image.floor} of revision ${image.revision}` };
    }
    mvcc.#revision = image.revision;
    mvcc.#floor = image.floor;
    for (const row of image.rows) {
      const wrong = mvcc.#restoreRow(row);
      if (wrong !== null) return { type: "damaged", reason: `version ${row.revision}/${row.ordinal}: ${wrong}` };
    }
    const reached = Math.max(mvcc.#log.newest, image.floor);
    if (reached === image.revision) return { type: "restored", mvcc };
    return { type: "damaged", reason: `versions end at ${reached}, the revision is ${image.revision}` };
  }

  /** 1 when nothing was ever written. */
  get revision(): Revision {
    return this.#revision;
  }

  /** The oldest revision that can be read. */
  get floor(): Revision {
    return this.#floor;
  }

  /** Keys that exist now. */
  get keyCount(): number {
    return this.#index.present;
  }

  /**
   * Bytes held, history and deletions included, for the quota. Falls as `sweep` proceeds, so replicas may differ for a
   * while: the manager compares it when a write is proposed, never when it is applied.
   */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether all that the floor has made unreachable is gone. */
  get isSwept(): boolean {
    return !this.#log.hasUpTo(this.#floor);
  }

  /** Carries out one write transaction. Nothing changes, the revision included, when no write changes anything. */
  apply(writes: readonly Write[]): Applied {
    const revision = toRevision(this.#revision + 1);
    const [first] = writes;
    if (writes.length === 1 && first?.type === "put") return this.#put(first, revision);
    const staged = new StagedWrites(this.#index, revision);
    const replaced = writes.map((write) => staged.add(write));
    const changes = staged.changes();
    if (changes.length === 0) return { revision: this.#revision, events: [], rows: [], replaced };
    this.#revision = revision;
    const rows = changes.map((change, ordinal) => this.#change(change, { revision, ordinal }));
    return { revision, events: changes.map(({ event }) => event), rows, replaced };
  }

  get(key: Uint8Array, at: Revision | null): GetAnswer {
    const unreadable = this.#unreadable(at);
    if (unreadable !== null) return unreadable;
    const history = this.#index.history(textOf(key));
    return { type: "value", kv: history === null ? null : (versionAt(history, at)?.kv ?? null) };
  }

  range(span: KeySpan, options: RangeOptions): RangeAnswer {
    const unreadable = this.#unreadable(options.at);
    if (unreadable !== null) return unreadable;
    const kvs: KeyValue[] = [];
    let bytesLeft = options.bytesMax ?? Number.POSITIVE_INFINITY;
    let more = false;
    for (const { kv } of this.#visible(spanAfter(span, options.after ?? null), options.at)) {
      more = kvs.length >= options.limit || bytesLeft <= 0;
      if (more) break;
      kvs.push(kv);
      bytesLeft -= kv.key.byteLength + kv.value.byteLength;
    }
    return { type: "page", kvs, more, count: options.countAll ? this.#count(span, options.at) : kvs.length };
  }

  /**
   * Events of the revisions above `revision`, for a watch that has seen everything up to it; 0 is as good as 1, the empty
   * store. The first revision is given whole whatever the limits.
   *
   * @returns `compacted` when a revision above `revision` is at or below the floor; go on from the floor
   */
  changesSince(revision: Revision, limits: { readonly eventsMax: number; readonly bytesMax: number }): ChangesAnswer {
    const seen = toRevision(Math.max(revision, 1));
    const unreadable = this.#unreadable(seen);
    if (unreadable !== null) return unreadable;
    const revisions: RevisionEvents[] = [];
    let events = 0;
    let bytes = 0;
    let through = seen;
    while (through < this.#revision) {
      const changes = this.#log.at(toRevision(through + 1));
      events += changes.versions.length;
      bytes += changes.bytes;
      if (revisions.length > 0 && (events > limits.eventsMax || bytes > limits.bytesMax)) break;
      revisions.push(toEvents(changes));
      through = changes.revision;
    }
    return { type: "changes", revisions, through, more: through < this.#revision };
  }

  /**
   * Raises the floor: from now on nothing below is read. The rows go by {@link Mvcc.sweep}. The new floor is to be stored
   * with or before the deletions.
   *
   * @returns null when done; `compacted` when the floor is there or above already
   */
  compact(revision: Revision): RevisionFailure | null {
    if (revision > this.#revision) return { type: "futureRevision", newest: this.#revision };
    if (revision <= this.#floor) return { type: "compacted", floor: this.#floor };
    this.#floor = revision;
    return null;
  }

  /**
   * Forgets versions that the floor has made unreachable, after looking at `versionsMax` of them at most.
   *
   * @returns rows to delete, at most two for each version looked at; `more`: call again
   */
  sweep(versionsMax: number): { readonly rows: readonly VersionId[]; readonly more: boolean } {
    const rows: VersionId[] = [];
    for (let looked = 0; looked < versionsMax; looked++) {
      const version = this.#log.takeUpTo(this.#floor);
      if (version === null) return { rows, more: false };
      for (const dropped of this.#index.supersede(version)) {
        this.#bytes -= bytesOfVersion(dropped);
        rows.push({ revision: dropped.revision, ordinal: dropped.ordinal });
      }
    }
    return { rows, more: this.#log.hasUpTo(this.#floor) };
  }

  /**
   * A page of the rows that make up the state at `at`, in key order: stored elsewhere and read back in order of revision,
   * they restore it with `revision` and `floor` equal to `at`.
   *
   * @param options.after where the page before ended; null: from the first key
   */
  snapshot(
    at: Revision,
    options: { readonly after: Uint8Array | null; readonly rowsMax: number; readonly bytesMax: number },
  ): SnapshotAnswer {
    const unreadable = this.#unreadable(at);
    if (unreadable !== null) return unreadable;
    const rows: VersionRow[] = [];
    let bytes = 0;
    for (const version of this.#visible(spanAfter(wholeSpan, options.after), at)) {
      const value = encodeVersion(version.kv.key, version.kv);
      rows.push({ revision: version.revision, ordinal: version.ordinal, value });
      bytes += value.byteLength;
      if (rows.length >= options.rowsMax || bytes >= options.bytesMax) {
        return { type: "page", rows, next: version.kv.key };
      }
    }
    return { type: "page", rows, next: null };
  }

  #unreadable(at: Revision | null): RevisionFailure | null {
    if (at === null) return null;
    if (at > this.#revision) return { type: "futureRevision", newest: this.#revision };
    return at < this.#floor ? { type: "compacted", floor: this.#floor } : null;
  }

  #count(span: KeySpan, at: Revision | null): number {
    if (at === null || at === this.#revision) return this.#index.presentIn(span);
    let count = 0;
    for (const history of this.#index.histories(span)) if ((versionAt(history, at)?.kv ?? null) !== null) count += 1;
    return count;
  }

  *#visible(span: KeySpan, at: Revision | null): Generator<Version & { kv: KeyValue }, void, undefined> {
    for (const history of this.#index.histories(span)) {
      const version = versionAt(history, at);
      if (version !== null && version.kv !== null) yield version as Version & { kv: KeyValue };
    }
  }

  /** What most transactions are. */
  #put(put: Put, revision: Revision): Applied {
    const change = stagePut(put, this.#index, revision);
    this.#revision = revision;
    const rows = [this.#change(change, { revision, ordinal: 0 })];
    const { previous } = change.event;
    return { revision, events: [change.event], rows, replaced: [previous === null ? [] : [previous]] };
  }

  #change({ text, history, event }: StagedChange, { revision, ordinal }: VersionId): VersionRow {
    const { key, kv, endedLease } = event;
    this.#insert({ revision, ordinal, history: history ?? this.#index.historyOf(key, text), kv, endedLease });
    return { revision, ordinal, value: encodeVersion(key, kv, endedLease) };
  }

  #insert(version: Version): void {
    this.#index.add(version);
    this.#bytes += bytesOfVersion(version);
    this.#log.push(version);
  }

  /** @returns what is wrong with the row; null when it was taken in */
  #restoreRow(row: VersionRow): string | null {
    if (row.revision < 2 || row.revision > this.#revision) return `the revision is ${this.#revision}`;
    const decoded = decodeVersion(row);
    if (typeof decoded === "string") return decoded;
    const outOfOrder = this.#log.mismatch(row, this.#floor);
    if (outOfOrder !== null) return outOfOrder;
    const history = this.#index.historyOf(decoded.key, textOf(decoded.key));
    const broken = this.#discontinuity(history, row, decoded.kv);
    if (broken !== null) return broken;
    const { kv, endedLease } = decoded;
    this.#insert({ revision: row.revision, ordinal: row.ordinal, history, kv, endedLease });
    return null;
  }

  #discontinuity(history: KeyHistory, row: VersionRow, kv: KeyValue | null): string | null {
    const last = history.versions.last;
    if (last?.revision === row.revision) return "the key changes twice in one revision";
    // What came before the first version at or below the floor may have been swept.
    if (last === undefined && row.revision <= this.#floor) return null;
    const before = last?.kv ?? null;
    if (kv === null) return before === null ? "deletes a key that does not exist" : null;
    const isCreation = kv.version === 1 && kv.createRevision === row.revision;
    const continues =
      before !== null && kv.createRevision === before.createRevision && kv.version === before.version + 1;
    return isCreation || continues ? null : "does not continue its key";
  }
}

const wholeSpan: KeySpan = { start: new Uint8Array(0), end: null };

function bytesOfVersion({ history, kv }: Version): number {
  return history.key.byteLength + (kv?.value.byteLength ?? 0) + versionOverheadBytes;
}

function spanAfter(span: KeySpan, after: Uint8Array | null): KeySpan {
  if (after === null || compareBytes(after, span.start) < 0) return span;
  return { start: keyAfter(after), end: span.end };
}

function toEvents({ revision, versions }: RevisionChanges): RevisionEvents {
  const events = versions.map((version) => ({
    key: version.history.key,
    kv: version.kv,
    previous: previousOf(version),
    endedLease: version.endedLease,
  }));
  return { revision, events };
}
