// ReadIndex: a read is answered only after a quorum has confirmed, in a round that began after the read came, that this
// member still leads. Rounds ride on beats. A read joins the newest round only while no beat has carried it; else it opens
// the next one, so no answer from before the read can ever confirm it, and no number is used twice in a term.
// Source: Raft thesis 6.4.

import type { LogIndex } from "../../proto/ids.ts";

interface PendingRead {
  readonly read: number;
  readonly index: LogIndex;
  readonly round: number;
}

export class Reads {
  #round = 1;
  #isCarried = false;
  /** In order of rounds. The caller limits how many reads it asks for. */
  #pending: PendingRead[] = [];

  /** The newest round. */
  get round(): number {
    return this.#round;
  }

  get size(): number {
    return this.#pending.length;
  }

  /** @param index what must be applied before the read is served */
  add(read: number, index: LogIndex): void {
    this.open();
    this.#pending.push({ read, index, round: this.#round });
  }

  /** The round that a beat leaving now carries. */
  carry(): number {
    this.#isCarried = true;
    return this.#round;
  }

  /** The next beat carries a new round, read or no read: a lease is counted from when a round leaves. */
  open(): void {
    if (!this.#isCarried) return;
    this.#round++;
    this.#isCarried = false;
  }

  /** Takes the reads of all rounds up to `confirmed`. */
  release(confirmed: number): readonly PendingRead[] {
    let count = 0;
    while (count < this.#pending.length && (this.#pending[count] as PendingRead).round <= confirmed) count++;
    return this.#pending.splice(0, count);
  }

  /** Takes all: leadership is lost. */
  refuse(): readonly number[] {
    return this.#pending.splice(0).map((pending) => pending.read);
  }
}
