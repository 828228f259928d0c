// Decides how much log is kept behind the applied state for followers that lag: between half of the limits and all of them.
// Beyond that a follower needs a snapshot.

import { type LogIndex, toLogIndex } from "../../proto/ids.ts";

/** How much log is kept at most. */
export interface LogKept {
  readonly bytes: number;
  readonly entries: number;
}

export class LogTrim {
  readonly #bytesHalf: number;
  readonly #entriesHalf: number;
  #bytes = 0;
  #entries = 0;
  /** Where the newest half began. */
  #mark = toLogIndex(0);

  constructor(kept: LogKept) {
    this.#bytesHalf = kept.bytes / 2;
    this.#entriesHalf = kept.entries / 2;
  }

  /**
   * Counts one applied entry.
   *
   * @returns the index up to which the log may go now, or null
   */
  applied(index: LogIndex, bytes: number): LogIndex | null {
    this.#bytes += bytes;
    this.#entries += 1;
    if (this.#bytes < this.#bytesHalf && this.#entries < this.#entriesHalf) return null;
    const upTo = this.#mark;
    this.#mark = index;
    this.#bytes = 0;
    this.#entries = 0;
    return upTo > 0 ? upTo : null;
  }
}
