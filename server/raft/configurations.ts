// What a member's log says of the log itself: the membership, which is in force as soon as its entry is in the log, and the
// sub-term of the log's end. Follows the log: what is truncated there is forgotten here.
// Source: Ongaro's thesis 4.1: a server always uses the latest configuration in its log.

import { assert } from "../../proto/assert.ts";
import { decodeControl } from "../../proto/codec/control.ts";
import { type LogIndex, toLogIndex } from "../../proto/ids.ts";
import type { Configuration, Mark, Membership } from "../../proto/membership.ts";
import { type Entry, type EntryId, isControl } from "../../proto/raft.ts";

export class Configurations {
  /** Oldest first; the first is committed, and each of the others stands at the entry that brought it. */
  readonly #history: { readonly at: LogIndex; readonly configuration: Configuration }[];

  /** @param applied what was in force at that index, which is committed; `entries` are those behind it */
  constructor(configuration: Configuration, applied: LogIndex, entries: readonly Entry[]) {
    this.#history = [{ at: applied, configuration }];
    this.appended(entries);
  }

  get current(): Configuration {
    return this.#newest.configuration;
  }

  /** All that may still turn out to be in force: the newest that is known to be committed, and each behind it. */
  get possible(): readonly Membership[] {
    return this.#history.map(({ configuration }) => configuration.membership);
  }

  /** Where the newest change stands in the log, committed or not. */
  get changedAt(): LogIndex {
    return this.current.index;
  }

  /** The mark of a log that ends with `last`. */
  markOf(last: EntryId): Mark {
    const { mark } = this.current;
    return mark.term === last.term ? mark : { term: last.term, subterm: 0 };
  }

  /** @returns whether the membership changed */
  appended(entries: readonly Entry[]): boolean {
    const before = this.current;
    for (const entry of entries) if (isControl(entry.payload)) this.#append(entry);
    return this.current.index !== before.index;
  }

  /** @returns whether the membership changed */
  truncatedAfter(index: LogIndex): boolean {
    const before = this.current;
    while (this.#newest.at > index) {
      this.#history.pop();
      assert(this.#history.length > 0, () => `Configuration of index ${before.index} is committed, cut after ${index}`);
    }
    return this.current.index !== before.index;
  }

  /** Entries up to `index` are committed: what was in force before them is history. */
  committed(index: LogIndex): void {
    while (this.#history.length > 1 && (this.#history[1]?.at ?? 0) <= index) this.#history.shift();
  }

  /** A snapshot that ends at `last` has replaced the log. */
  restart(configuration: Configuration, last: LogIndex): void {
    this.#history.splice(0, this.#history.length, { at: last, configuration });
  }

  get #newest(): { readonly at: LogIndex; readonly configuration: Configuration } {
    return this.#history.at(-1) as never;
  }

  #append(entry: Entry): void {
    const configuration = configurationAfter(this.current, entry);
    this.#history.push({ at: entry.index, configuration });
  }
}

/** What is in force once `entry`, a control entry, is in the log. */
export function configurationAfter(before: Configuration, entry: Entry): Configuration {
  const control = decodeControl(entry.payload);
  if (control.type === "subterm") return { ...before, mark: { term: entry.term, subterm: control.subterm } };
  return { ...before, index: toLogIndex(entry.index), membership: control.membership };
}

/** Negative when `left` is the earlier one. */
export function compareMarks(left: Mark, right: Mark): number {
  return left.term - right.term || left.subterm - right.subterm;
}
