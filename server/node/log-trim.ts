// Decides how much log is kept behind the applied state for followers that lag: between half of the limits and all of them,
// and several times as much for one that is sent a snapshot. Beyond that a follower needs a snapshot.

import { type LogIndex, toLogIndex } from "../../proto/ids.ts";
import { limits } from "./limits.ts";

/** How much log is kept at most, unless somebody needs more. */
export interface LogKept {
  readonly bytes: number;
  readonly entries: number;
}

export class LogTrim {
  readonly #bytesHalf: number;
  readonly #entriesHalf: number;
  #bytes = 0;
  #entries = 0;
  /** Where the newest halves began, oldest first. */
  #marks: LogIndex[] = [];

  constructor(kept: LogKept) {
    this.#bytesHalf = kept.bytes / 2;
    this.#entriesHalf = kept.entries / 2;
  }

  /**
   * Counts one applied entry.
   *
   * @param needed behind which index somebody still needs the log; null: nobody does
   * @returns the index up to which the log may go now, or null
   */
  applied(index: LogIndex, bytes: number, needed: () => LogIndex | null): LogIndex | null {
    this.#bytes += bytes;
    this.#entries += 1;
    if (this.#bytes < this.#bytesHalf && this.#entries < this.#entriesHalf) return null;
    this.#bytes = 0;
    this.#entries = 0;
    const usual = this.#marks.at(-1) ?? 0;
    const least = this.#marks.at(-limits.logHalvesHeldMax) ?? 0;
    this.#marks.push(index);
    if (this.#marks.length > limits.logHalvesHeldMax) this.#marks.shift();
    const upTo = Math.max(least, Math.min(usual, needed() ?? usual));
    return upTo > 0 ? toLogIndex(upTo) : null;
  }
}
