// The clock of one start of one node in virtual time. It begins at an offset of its own, as monotonic clocks of different
// machines do: times of two nodes cannot be compared by mistake without a test noticing.

import type { Millis } from "../../proto/ids.ts";
import type { Clock } from "../node/ports.ts";
import type { Process } from "./process.ts";
import type { Scheduled, Scheduler } from "./scheduler.ts";

/** Calls nothing any more once its process has ended. */
export class SimClock implements Clock {
  readonly #scheduler: Scheduler;
  readonly #process: Process;
  readonly #offsetMs: number;
  #timer: { readonly atMs: number; readonly fire: () => void } | null = null;
  /** The event that looks after the timer: at its time or earlier, so that moving a timer back costs no event. */
  #wake: { readonly atMs: number; readonly event: Scheduled } | null = null;

  /** @param offsetMs whole milliseconds that this clock is ahead of the world's */
  constructor(scheduler: Scheduler, process: Process, offsetMs: number) {
    this.#scheduler = scheduler;
    this.#process = process;
    this.#offsetMs = offsetMs;
  }

  nowMs(): Millis {
    return (this.#scheduler.nowMs + this.#offsetMs) as Millis;
  }

  setTimer(atMs: Millis | null, fire: () => void): void {
    this.#timer = atMs === null ? null : { atMs, fire };
    this.#arm();
  }

  defer(run: () => void): void {
    this.#scheduler.after(0, () => this.#process.run(run));
  }

  #arm(): void {
    if (this.#timer === null) return;
    if (this.#wake !== null && this.#wake.atMs <= this.#timer.atMs) return;
    this.#wake?.event.cancel();
    const atMs = this.#timer.atMs;
    this.#wake = {
      atMs,
      event: this.#scheduler.at(atMs - this.#offsetMs, () => this.#process.run(() => this.#wakeUp())),
    };
  }

  #wakeUp(): void {
    this.#wake = null;
    if (this.#timer === null) return;
    if (this.#timer.atMs > this.nowMs()) {
      this.#arm();
      return;
    }
    const { fire } = this.#timer;
    this.#timer = null;
    fire();
  }
}
