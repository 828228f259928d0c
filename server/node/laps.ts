// A node's own starts, and the laps of the present one. An image that is taken of a running node's disk shows the very start
// that its peers remember; that it is old shows only in its lap. Raised while the node makes promises, durably here before
// anybody hears of it, so that no peer ever remembers a lap that this disk could miss.

import { type Millis, toMillis } from "../../proto/ids.ts";
import type { Start } from "../../proto/messages.ts";
import { startOperations } from "./genesis.ts";
import type { WriteId } from "./inputs.ts";
import { limits } from "./limits.ts";
import { presentOf } from "./lineage.ts";
import { isDue } from "./millis.ts";
import type { Outbox } from "./outbox.ts";

export class Laps {
  readonly #out: Outbox;
  #lineage: readonly Start[];
  /** null: nothing was promised since the last lap. */
  #dueMs: Millis | null = null;
  #writing: { readonly write: WriteId; readonly start: Start } | null = null;

  /** @param lineage as it is on disk */
  constructor(lineage: readonly Start[], out: Outbox) {
    this.#lineage = lineage;
    this.#out = out;
  }

  /** Durable; this start is the last. */
  get lineage(): readonly Start[] {
    return this.#lineage;
  }

  get start(): Start {
    return presentOf(this.#lineage);
  }

  /** The node has promised something: an image from before it will have to be told apart. */
  promised(nowMs: Millis): void {
    this.#dueMs ??= toMillis(nowMs + limits.lapIntervalMs);
  }

  deadline(nowMs: Millis): void {
    if (!isDue(this.#dueMs, nowMs) || this.#writing !== null) return;
    this.#dueMs = null;
    const start = { ...this.start, lap: this.start.lap + 1 };
    this.#writing = { write: this.#out.nextWrite, start };
    this.#out.writeDurably(startOperations(start), null);
  }

  deadlineMs(): Millis | null {
    return this.#writing === null ? this.#dueMs : null;
  }

  /** @returns whether the start has come further: peers are to hear of it */
  durable(write: WriteId): boolean {
    if (this.#writing === null || this.#writing.write > write) return false;
    this.#lineage = [...this.#lineage.slice(0, -1), this.#writing.start];
    this.#writing = null;
    return true;
  }
}
