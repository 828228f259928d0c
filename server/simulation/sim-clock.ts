// The clock of one start of one node in virtual time. It begins at an offset of its own, as monotonic clocks of different
// machines do: times of two nodes cannot be compared by mistake without a test noticing. It may run fast or slow.

import type { Millis } from "../../proto/ids.ts";
import type { Clock } from "../node/ports.ts";
import type { Process } from "./process.ts";
import type { Scheduled, Scheduler } from "./scheduler.ts";

/** The scheduler's smallest step. */
const microsecondMs = 0.001;

export interface ClockStart {
  /** Whole milliseconds that this clock is ahead of the world's. */
  readonly offsetMs: number;
  /** Milliseconds of this clock in one of the world's. */
  readonly rate: number;
}

/** Calls nothing any more once its process has ended. */
export class SimClock implements Clock {
  readonly #scheduler: Scheduler;
  readonly #process: Process;
  /** The last moment at which the rate changed, on both clocks. */
  #since: { readonly worldMs: number; readonly clockMs: number };
  #rate: number;
  #timer: { readonly atMs: number; readonly fire: () => void } | null = null;
  /** The event that looks after the timer: at its time or earlier, so that moving a timer back costs no event. */
  #wake: { readonly atMs: number; readonly event: Scheduled } | null = null;

  constructor(scheduler: Scheduler, process: Process, { offsetMs, rate }: ClockStart) {
    this.#scheduler = scheduler;
    this.#process = process;
    this.#since = { worldMs: 0, clockMs: offsetMs };
    this.#rate = 1;
    this.setRate(rate);
  }

  nowMs(): Millis {
    const { worldMs, clockMs } = this.#since;
    return (clockMs + (this.#scheduler.nowMs - worldMs) * this.#rate) as Millis;
  }

  /** From now on; what has passed stays as it was shown. */
  setRate(rate: number): void {
    if (rate === this.#rate) return;
    this.#since = { worldMs: this.#scheduler.nowMs, clockMs: this.nowMs() };
    this.#rate = rate;
    this.#wake?.event.cancel();
    this.#wake = null;
    this.#arm(this.#scheduler.nowMs);
  }

  setTimer(atMs: Millis | null, fire: () => void): void {
    this.#timer = atMs === null ? null : { atMs, fire };
    this.#arm(this.#scheduler.nowMs);
  }

  defer(run: () => void): void {
    this.#scheduler.after(0, () => this.#process.run("turn", run));
  }

  /** @param soonestMs of the world */
  #arm(soonestMs: number): void {
    if (this.#timer === null) return;
    if (this.#wake !== null && this.#wake.atMs <= this.#timer.atMs) return;
    this.#wake?.event.cancel();
    const atMs = this.#timer.atMs;
    const { worldMs, clockMs } = this.#since;
    const worldAtMs = Math.max(soonestMs, worldMs + (atMs - clockMs) / this.#rate);
    this.#wake = {
      atMs,
      event: this.#scheduler.at(worldAtMs, () => this.#process.run("timer", () => this.#wakeUp())),
    };
  }

  #wakeUp(): void {
    this.#wake = null;
    if (this.#timer === null) return;
    if (this.#timer.atMs > this.nowMs()) {
      // Moved back meanwhile, or rounded: a later microsecond must come, or virtual time would stand still.
      this.#arm(this.#scheduler.nowMs + microsecondMs);
      return;
    }
    const { fire } = this.#timer;
    this.#timer = null;
    fire();
  }
}
