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

export class RevisionLog {
  /** In order of revision and ordinal. */
  readonly #versions = new Deque<Version>();

  /** The newest revision with a change; 0 when there is none. */
  get newest(): Revision {
    return this.#versions.last?.revision ?? (0 as Revision);
  }

  /** @param revision above the floor and not above the newest */
  at(revision: Revision): RevisionChanges {
    const versions: Version[] = [];
    let bytes = 0;
    for (let position = this.#firstOf(revision); ; position++) {
      const version = this.#versions.at(position);
      if (version?.revision !== revision) break;
      versions.push(version);
      bytes += version.history.key.byteLength + (version.kv?.value.byteLength ?? 0);
    }
    assert(versions.length > 0, () => `no changes of revision ${revision}, the newest is ${this.newest}`);
    return { revision, versions, bytes };
  }

  /** Adds a version of the newest revision or of the next. */
  push(version: Version): void {
    this.#versions.push(version);
  }

  /** Says what keeps a stored version from being the next one of a log with this floor; null when nothing does. */
  mismatch({ revision, ordinal }: VersionId, floor: Revision): string | null {
    const { last } = this.#versions;
    if (last?.revision === revision) {
      const fits = revision > floor ? ordinal === last.ordinal + 1 : ordinal > last.ordinal;
      return fits ? null : `follows ordinal ${last.ordinal}`;
    }
    if (last !== undefined && revision < last.revision) return `follows revision ${last.revision}`;
    // At or below the floor rows were deleted here and there; above it none may be missing.
    if (revision <= floor) return null;
    if (revision !== Math.max(this.newest, floor) + 1) return `follows revision ${Math.max(this.newest, floor)}`;
    return ordinal === 0 ? null : "ordinal 0 is missing";
  }

  /** Takes the oldest version when its revision is at or below `floor`; null otherwise. */
  takeUpTo(floor: Revision): Version | null {
    const oldest = this.#versions.first;
    if (oldest === undefined || oldest.revision > floor) return null;
    this.#versions.shift();
    return oldest;
  }

  hasUpTo(floor: Revision): boolean {
    const oldest = this.#versions.first;
    return oldest !== undefined && oldest.revision <= floor;
  }

  /** Position of the first version that is not older than `revision`. */
  #firstOf(revision: Revision): number {
    let low = 0;
    // Each revision behind it has one version at least.
    let high = this.#versions.length - (this.newest - revision);
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#versions.at(middle) as Version).revision < revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
