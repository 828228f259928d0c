// One start of a node: what ends when it crashes, and what stands still when it is paused. Whatever happens inside the
// process goes through here.

import type { NodeId } from "../../proto/ids.ts";
import type { Scheduler } from "./scheduler.ts";

export class Process {
  readonly node: NodeId;
  readonly #scheduler: Scheduler;
  #isAlive = true;
  /** World time until which nothing runs in the process. */
  #pausedUntilMs = 0;

  constructor(node: NodeId, scheduler: Scheduler) {
    this.node = node;
    this.#scheduler = scheduler;
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  get isPaused(): boolean {
    return this.#pausedUntilMs > this.#scheduler.nowMs;
  }

  end(): void {
    this.#isAlive = false;
  }

  /** Stops the process as a stalled virtual machine is stopped: it notices nothing, and goes on with what has gathered. */
  pauseUntil(atMs: number): void {
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, atMs);
  }

  /** Runs `run` now, at the end of a pause, or never. */
  run(run: () => void): void {
    if (!this.#isAlive) return;
    if (this.#pausedUntilMs <= this.#scheduler.nowMs) run();
    else this.#scheduler.at(this.#pausedUntilMs, () => this.run(run));
  }
}
