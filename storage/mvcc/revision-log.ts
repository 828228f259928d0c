// The versions of all keys by revision: what a watch reads forwards and compaction consumes from the oldest end.
// Above the floor no revision is missing; at or below it only revisions that still have rows are here.

import { assert } from "../../proto/assert.ts";
import type { Revision } from "../../proto/ids.ts";
import { Deque } from "../deque.ts";
import type { Version } from "./key-index.ts";
import type { VersionId } from "./types.ts";

/** One revision's versions, in order of their ordinals. */
export interface RevisionChanges {
  readonly revision: Revision;
  readonly versions: readonly Version[];
  /** Of keys and values. */
  readonly bytes: number;
}

interface Entry extends RevisionChanges {
  readonly versions: Version[];
  bytes: number;
}

export class RevisionLog {
  readonly #entries = new Deque<Entry>();
  /** How many versions of the oldest entry compaction has taken. */
  #taken = 0;

  /** The newest revision with a change; 0 when there is none. */
  get newest(): Revision {
    return this.#entries.last?.revision ?? (0 as Revision);
  }

  /** @param revision above the floor and not above the newest */
  at(revision: Revision): RevisionChanges {
    const entry = this.#entries.at(this.#entries.length - 1 - (this.newest - revision));
    assert(entry?.revision === revision, () => `no changes of revision ${revision}, the newest is ${this.newest}`);
    return entry;
  }

  /** Adds a version of the newest revision or of the next. */
  push(version: Version): void {
    const last = this.#entries.last;
    const bytes = version.history.key.byteLength + (version.kv?.value.byteLength ?? 0);
    if (last?.revision !== version.revision) {
      this.#entries.push({ revision: version.revision, versions: [version], bytes });
      return;
    }
    last.versions.push(version);
    last.bytes += bytes;
  }

  /** Says what keeps a stored version from being the next one of a log with this floor; null when nothing does. */
  mismatch({ revision, ordinal }: VersionId, floor: Revision): string | null {
    const last = this.#entries.last;
    if (last?.revision === revision) {
      const before = last.versions.at(-1)?.ordinal ?? 0;
      const fits = revision > floor ? ordinal === before + 1 : ordinal > before;
      return fits ? null : `follows ordinal ${before}`;
    }
    if (last !== undefined && revision < last.revision) return `follows revision ${last.revision}`;
    // At or below the floor rows were deleted here and there; above it none may be missing.
    if (revision <= floor) return null;
    if (revision !== Math.max(this.newest, floor) + 1) return `follows revision ${Math.max(this.newest, floor)}`;
    return ordinal === 0 ? null : "ordinal 0 is missing";
  }

  /** Takes the oldest version when its revision is at or below `floor`; null otherwise. */
  takeUpTo(floor: Revision): Version | null {
    const oldest = this.#entries.first;
    if (oldest === undefined || oldest.revision > floor) return null;
    const version = oldest.versions[this.#taken] as Version;
    this.#taken += 1;
    if (this.#taken === oldest.versions.length) {
      this.#entries.shift();
      this.#taken = 0;
    }
    return version;
  }

  hasUpTo(floor: Revision): boolean {
    const oldest = this.#entries.first;
    return oldest !== undefined && oldest.revision <= floor;
  }
}
