// Writes the hard state once more when a replica has gone on since the last time: a little later, for all groups at once.
// Then both slot files hold every vote, and `acknowledged` covers the newest entries too: what is lost from a disk at rest
// shows. While writes come, each carries the table anyway, and this one merges with them.

import type { Millis } from "../../proto/ids.ts";
import { toMillis } from "../../proto/ids.ts";
import type { HardStates } from "./hard-states.ts";
import { limits } from "./limits.ts";
import { isDue } from "./millis.ts";
import type { Outbox } from "./outbox.ts";

/** A replica as far as its hard state is concerned. */
export interface Acknowledger {
  /** Brings `acknowledged` up to what is committed and durable. */
  acknowledgeStored(): void;
}

export class Settling {
  readonly #hardStates: HardStates;
  readonly #out: Outbox;
  #dueMs: Millis | null = null;

  constructor(world: { readonly hardStates: HardStates; readonly out: Outbox }) {
    this.#hardStates = world.hardStates;
    this.#out = world.out;
  }

  /** After every step. */
  settle(nowMs: Millis): void {
    if (!this.#hardStates.isSettled) this.#dueMs ??= toMillis(nowMs + limits.settleMs);
  }

  deadline(replicas: Iterable<Acknowledger>, nowMs: Millis): void {
    if (!isDue(this.#dueMs, nowMs)) return;
    this.#dueMs = null;
    // As one write with the table before it this one would leave the other slot without its votes.
    if (this.#out.hasTableUnderWay) return;
    for (const replica of replicas) replica.acknowledgeStored();
    this.#hardStates.settled();
    this.#out.writeDurably([], this.#hardStates.table());
  }

  deadlineMs(): Millis | null {
    return this.#dueMs;
  }
}
