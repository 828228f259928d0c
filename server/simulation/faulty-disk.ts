// A disk that refuses writes, or takes for ever over them: a decorator on the port, the simulated disk itself being honest.
// A write that fails is failed for good on its handle, and nobody knows what became of it (invariant 4): the seed decides.

import type { Random } from "../../proto/random.ts";
import type { WriteOutcome } from "../../storage/ordered-store.ts";
import type { WriteBatch } from "../node/effects.ts";
import type { Disk } from "../node/ports.ts";
import type { Scheduler } from "./scheduler.ts";

/** `full`: what was written before stays. `broken`: what was not synced before may go with the write that failed. */
export type DiskFailure = "full" | "broken";

const reasons: Readonly<Record<DiskFailure, string>> = {
  full: "ENOSPC: no space left on device",
  broken: "EIO: input/output error",
};

/** Until a write is told to have failed. */
const refusalMs = 1;

export class DiskCondition {
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  #failure: DiskFailure | null = null;
  #stuckUntilMs = 0;
  /** A stuck write may be on the medium long before it is acknowledged, or not at all until then. */
  #sticksAfterWrite = false;
  #refused = 0;
  #stuck = 0;

  constructor(scheduler: Scheduler, random: Random) {
    this.#scheduler = scheduler;
    this.#random = random;
  }

  /** null: writes succeed. */
  get failure(): DiskFailure | null {
    return this.#failure;
  }

  /** Writes that were told to have failed, those after the first on a handle left out. */
  get refused(): number {
    return this.#refused;
  }

  /** Writes that had to wait. */
  get stuck(): number {
    return this.#stuck;
  }

  fail(failure: DiskFailure): void {
    this.#failure = failure;
  }

  /** Handles opened from now on work. */
  repair(): void {
    this.#failure = null;
  }

  stickFor(durationMs: number): void {
    const { nowMs } = this.#scheduler;
    if (this.#stuckUntilMs <= nowMs) this.#sticksAfterWrite = this.#random.chance(0.5);
    this.#stuckUntilMs = Math.max(this.#stuckUntilMs, nowMs + durationMs);
  }

  /** @param failed called once, before whoever wrote hears of it */
  decorate(disk: Disk, failed: (failure: DiskFailure) => void): Disk {
    let refusal: WriteOutcome | null = null;
    /** null: the handle works. */
    const refused = (): WriteOutcome | null => {
      if (refusal !== null || this.#failure === null) return refusal;
      this.#refused += 1;
      failed(this.#failure);
      refusal = { type: "failed", reason: reasons[this.#failure] };
      return refusal;
    };
    return {
      write: (batch, done) => {
        const isFirst = refusal === null;
        const outcome = refused();
        if (outcome === null) {
          this.#writeInTime(disk, batch, (written) => done(refused() ?? written));
          return;
        }
        if (isFirst) this.#writePart(disk, batch);
        this.#scheduler.after(refusalMs, () => done(outcome));
      },
      erase: (range) => {
        if (refusal === null) disk.erase(range);
      },
    };
  }

  #writeInTime(disk: Disk, batch: WriteBatch, done: (outcome: WriteOutcome) => void): void {
    const untilMs = this.#stuckUntilMs;
    if (untilMs <= this.#scheduler.nowMs) {
      disk.write(batch, done);
      return;
    }
    this.#stuck += 1;
    if (this.#sticksAfterWrite) disk.write(batch, (outcome) => this.#scheduler.at(untilMs, () => done(outcome)));
    else this.#scheduler.at(untilMs, () => disk.write(batch, done));
  }

  /** Rows, hard states, both or neither. */
  #writePart(disk: Disk, { operations, hardStates, sync }: WriteBatch): void {
    const kept = this.#random.chance(0.5) ? operations : [];
    const table = this.#random.chance(0.5) ? hardStates : null;
    if (kept.length > 0 || table !== null) disk.write({ operations: kept, hardStates: table, sync }, () => {});
  }
}
