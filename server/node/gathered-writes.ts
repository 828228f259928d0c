// Writes of the steps that the disk has not been given yet, as one batch with the effect of all in their order: one sync for all
// groups of the node (group commit). What somebody waits for is ready at once. Rows that nobody waits for, because the log can
// rebuild them, go with the next such write, or by themselves when none comes for a moment: a write of its own for them would
// keep the next one waiting.

import type { Millis } from "../../proto/ids.ts";
import { toMillis } from "../../proto/ids.ts";
import type { HardStateTable } from "../../storage/hard-state.ts";
import type { Operation } from "../../storage/ordered-store.ts";
import type { Effect, WriteBatch } from "./effects.ts";
import type { WriteId } from "./inputs.ts";
import { limits } from "./limits.ts";
import { isDue } from "./millis.ts";

type Write = Effect & { readonly type: "write" };

export class GatheredWrites {
  #newest: WriteId = 0;
  #operations: Operation[] = [];
  #hardStates: HardStateTable | null = null;
  #sync = false;
  #bytes = 0;
  /** Until then they wait for company; null: there are none. */
  #dueMs: Millis | null = null;

  add({ write, batch }: Write, nowMs: Millis): void {
    this.#newest = write;
    for (const operation of batch.operations) {
      this.#operations.push(operation);
      this.#bytes += bytesOf(operation);
    }
    if (batch.hardStates !== null) this.#hardStates = batch.hardStates;
    this.#sync ||= batch.sync;
    this.#dueMs ??= toMillis(nowMs + limits.gatherWritesMs);
  }

  /** @param isAwaited something is held back until they are durable */
  isReady(isAwaited: boolean, nowMs: Millis): boolean {
    if (this.#dueMs === null) return false;
    const isPromised = isAwaited || this.#sync || this.#hardStates !== null;
    return isPromised || this.#bytes >= limits.gatherWritesBytesMax || isDue(this.#dueMs, nowMs);
  }

  deadlineMs(): Millis | null {
    return this.#dueMs;
  }

  /** @returns the batch, and the newest of the writes in it */
  take(): { readonly write: WriteId; readonly batch: WriteBatch } {
    const batch = { operations: this.#operations, hardStates: this.#hardStates, sync: this.#sync };
    this.#operations = [];
    this.#hardStates = null;
    this.#sync = false;
    this.#bytes = 0;
    this.#dueMs = null;
    return { write: this.#newest, batch };
  }
}

function bytesOf(operation: Operation): number {
  return operation.key.byteLength + (operation.type === "put" ? operation.value.byteLength : 0);
}
