// Which promises the disk already backs: the end of the log and the term and vote that are known to be durable.
// Writes are asked for in order and become durable in order. A write that is under way loses its claim on entries that
// are truncated meanwhile. Example: (1, 5) is asked for, replaced by (2, 5), then by (1, 5) again. When the first write
// reports back, entry 5 is not durable, although its term and index are those of the log: a crash now may leave (2, 5).

import { assert } from "../../proto/assert.ts";
import { type LogIndex, type Millis, type Term, toLogIndex } from "../../proto/ids.ts";
import type { HardState, StandIn } from "../../proto/raft.ts";
import type { PersistToken } from "./types.ts";

interface Write {
  readonly sequence: number;
  readonly askedMs: Millis;
  readonly hardState: HardState | null;
  /** Falls when the log is truncated: the write says nothing about the entries that took the place. */
  last: LogIndex;
}

export class Durability {
  #last: LogIndex;
  #hardState: HardState;
  #sequence = 0;
  /** Asked for and not yet reported; as many as the caller lets be under way. */
  #pending: Write[] = [];

  /** What was read from disk at the start. */
  constructor(hardState: HardState, last: LogIndex) {
    this.#hardState = hardState;
    this.#last = last;
  }

  /** The log is durable up to here. */
  get last(): LogIndex {
    return this.#last;
  }

  /** The term whose record is durable; at most the member's own. */
  get term(): Term {
    return this.#hardState.term;
  }

  /** Of a witness: the promise whose record is durable. */
  get standIn(): StandIn | null {
    return this.#hardState.standIn;
  }

  /** When the oldest of the writes under way was asked for; null: none is. */
  get waitingSinceMs(): Millis | null {
    return this.#pending[0]?.askedMs ?? null;
  }

  /** Registers a write that the caller is asked for. `last` is the newest entry it makes durable. */
  begin({ hardState, last }: Omit<PersistToken, "sequence">, askedMs: Millis): PersistToken {
    this.#sequence++;
    this.#pending.push({ sequence: this.#sequence, askedMs, hardState, last: last?.index ?? toLogIndex(0) });
    return { sequence: this.#sequence, hardState, last };
  }

  /** The entries after `index` were replaced in the log. */
  truncatedAfter(index: LogIndex): void {
    this.#last = toLogIndex(Math.min(this.#last, index));
    for (const write of this.#pending) write.last = toLogIndex(Math.min(write.last, index));
  }

  /** The write of `token` is durable, and so is every earlier one. Reporting twice changes nothing. */
  finish(token: PersistToken): void {
    assert(token.sequence <= this.#sequence, () => `Write ${token.sequence} of ${this.#sequence} was never asked for`);
    let count = 0;
    for (const write of this.#pending) {
      if (write.sequence > token.sequence) break;
      this.#last = toLogIndex(Math.max(this.#last, write.last));
      this.#hardState = write.hardState ?? this.#hardState;
      count++;
    }
    this.#pending.splice(0, count);
  }
}
