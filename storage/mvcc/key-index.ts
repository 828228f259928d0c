// The versions of each key, by key, in memory.
//
// Worked example. Five transactions on an empty store, whose revision is 1:
//   revision 2: put a=A     revision 3: put b=B     revision 4: put a=A'     revision 5: delete a     revision 6: put a=A"
// The index then holds            a: [2 A] [4 A'] [5 gone] [6 A"]        b: [3 B]
// Read at 4: a=A', b=B. At 5: only b. At 2: only a=A.
// Compaction keeps of each key the newest version at or below the floor, unless that is a deletion, and all above it:
//   compact(3)    a: [2 A] [4 A'] [5 gone] [6 A"]        b: [3 B]        nothing was superseded at 3
//   compact(4)    a: [4 A'] [5 gone] [6 A"]              b: [3 B]        2 was superseded by 4
//   compact(5)    a: [6 A"]                              b: [3 B]        4 was superseded, and 5 is a deletion
// Had 6 not been written, compact(5) would have removed the key a from the index altogether.

import { assert } from "../../proto/assert.ts";
import type { Revision } from "../../proto/ids.ts";
import { textOf } from "../bytes.ts";
import { Deque } from "../deque.ts";
import { SortedMap } from "../sorted-map.ts";
import type { KeySpan, KeyValue, VersionId } from "./types.ts";

/** What one revision left a key as. */
export interface Version extends VersionId {
  readonly history: KeyHistory;
  /** null: the revision deleted the key. */
  readonly kv: KeyValue | null;
  /** Of a deletion: the lease whose end it was; 0: none. */
  readonly endedLease: number;
}

/** The versions of one key, oldest first, at most one a revision. */
export interface KeyHistory {
  readonly text: string;
  readonly key: Uint8Array;
  readonly versions: Deque<Version>;
}

export class KeyIndex {
  /** A key that exists now weighs 1. */
  readonly #histories = new SortedMap<KeyHistory>(({ versions }) => ((versions.last?.kv ?? null) === null ? 0 : 1));
  #present = 0;

  /** Keys with any version, deleted ones included. */
  get size(): number {
    return this.#histories.size;
  }

  history(text: string): KeyHistory | null {
    return this.#histories.get(text) ?? null;
  }

  /** Makes the history of a key when it has none yet; the caller adds a version at once. */
  historyOf(key: Uint8Array, text: string): KeyHistory {
    const found = this.#histories.get(text);
    if (found !== undefined) return found;
    const history: KeyHistory = { text, key, versions: new Deque() };
    this.#histories.set(text, history);
    return history;
  }

  /** Takes in the newest version of its key. */
  add(version: Version): void {
    const { versions, text } = version.history;
    const before = versions.last;
    assert(before === undefined || before.revision < version.revision, () => `two versions of ${version.revision}`);
    versions.push(version);
    const change = (version.kv === null ? 0 : 1) - ((before?.kv ?? null) === null ? 0 : 1);
    if (change !== 0) this.#histories.reweigh(text, change);
    this.#present += change;
  }

  /** Keys that exist now. */
  get present(): number {
    return this.#present;
  }

  presentIn(span: KeySpan): number {
    return this.#histories.weightWithin(textOf(span.start), span.end === null ? null : textOf(span.end));
  }

  /** Walks the histories in key order. The index must not change meanwhile. */
  *histories(span: KeySpan): Generator<KeyHistory, void, undefined> {
    const end = span.end === null ? null : textOf(span.end);
    for (const [, history] of this.#histories.entries(textOf(span.start), end)) yield history;
  }

  /**
   * Drops what compaction to `version.revision` no longer needs of its key. To be called for every version up to the
   * floor, in order: then at most one older version of the key is left, and it is superseded.
   *
   * @returns the dropped versions: the older one, and `version` itself when it is a deletion
   */
  supersede(version: Version): readonly Version[] {
    const { versions, text } = version.history;
    const dropped: Version[] = [];
    const oldest = versions.first;
    if (oldest !== undefined && oldest.revision < version.revision) {
      dropped.push(oldest);
      versions.shift();
    }
    assert(versions.first === version, () => `compaction reached revision ${version.revision} out of order`);
    if (version.kv !== null) return dropped;
    dropped.push(version);
    versions.shift();
    if (versions.length === 0) this.#histories.delete(text);
    return dropped;
  }
}

/** The version of a key that was in force at `at`; null: newest. @returns null when there was none */
export function versionAt(history: KeyHistory, at: Revision | null): Version | null {
  const { versions } = history;
  if (at === null) return versions.last ?? null;
  return versions.at(countUpTo(versions, at) - 1) ?? null;
}

/** What the key held just before `version`; null when it did not exist. */
export function previousOf(version: Version): KeyValue | null {
  const { versions } = version.history;
  return versions.at(countUpTo(versions, (version.revision - 1) as Revision) - 1)?.kv ?? null;
}

/** Number of versions at or below `revision`. */
function countUpTo(versions: Deque<Version>, revision: Revision): number {
  let low = 0;
  let high = versions.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((versions.at(middle) as Version).revision <= revision) low = middle + 1;
    else high = middle;
  }
  return low;
}
