// The newest entries of the cluster's log, for nodes that missed some: so many, and so many bytes in one answer.

import type { LogIndex } from "../../proto/ids.ts";
import type { Entry } from "../../proto/raft.ts";

export class RecentEntries {
  readonly #entriesMax: number;
  /** Oldest first. */
  #entries: Entry[] = [];

  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax;
  }

  keep(entry: Entry): void {
    this.#entries.push(entry);
    if (this.#entries.length > this.#entriesMax) this.#entries.shift();
  }

  /** The log does not continue what is kept. */
  clear(): void {
    this.#entries = [];
  }

  /** Those that follow `after`, at least one and as many as hold `bytesMax` together; null: they are not all kept. */
  after(after: LogIndex, bytesMax: number): readonly Entry[] | null {
    const first = this.#entries[0];
    if (first === undefined || first.index > after + 1) return null;
    return firstWithin(
      this.#entries.filter((entry) => entry.index > after),
      bytesMax,
    );
  }
}

function firstWithin(entries: readonly Entry[], bytesMax: number): readonly Entry[] {
  let bytes = 0;
  const end = entries.findIndex(({ payload }, position) => {
    bytes += payload.byteLength;
    return position > 0 && bytes > bytesMax;
  });
  return end < 0 ? entries : entries.slice(0, end);
}
