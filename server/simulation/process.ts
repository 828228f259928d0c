// One start of a node: what ends when it crashes, and what stands still when it is paused. Whatever happens inside the
// process goes through here.
//
// After a pause the event loop goes on with the turn that it was in, then runs the timers that have come due meanwhile,
// and only then reads all that has gathered in its sockets. The clock lets some of it in before a deadline counts: how
// much, the seed says, from nothing to everything (server/adapters/system-clock.ts).

import type { NodeId } from "../../proto/ids.ts";
import type { Random } from "../../proto/random.ts";
import type { Scheduler } from "./scheduler.ts";

/** What wakes a process: a turn that it has asked for, its timer, or something from outside. */
export type Cause = "turn" | "timer" | "outside";

export class Process {
  readonly node: NodeId;
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  readonly #held: Record<Cause, (() => void)[]> = { turn: [], timer: [], outside: [] };
  #isAlive = true;
  /** World time until which nothing runs in the process. */
  #pausedUntilMs = 0;

  constructor(node: NodeId, scheduler: Scheduler, random: Random) {
    this.node = node;
    this.#scheduler = scheduler;
    this.#random = random;
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

  /** Stops the process as a stalled virtual machine or a busy event loop does: it notices nothing until it goes on. */
  pauseUntil(atMs: number): void {
    if (atMs <= this.#pausedUntilMs) return;
    this.#pausedUntilMs = atMs;
    this.#scheduler.at(atMs, () => this.#goOn());
  }

  /** Runs `run` now, at the end of a pause, or never. */
  run(cause: Cause, run: () => void): void {
    if (!this.#isAlive) return;
    // What comes from outside keeps its order even while the rest of a pause is being read.
    const isBehind = cause === "outside" && this.#held.outside.length > 0;
    if (this.#isPaused || isBehind) this.#held[cause].push(run);
    else run();
  }

  get #isPaused(): boolean {
    return this.#pausedUntilMs > this.#scheduler.nowMs;
  }

  #goOn(): void {
    if (this.#isPaused) return;
    const { turn, timer, outside } = this.#held;
    this.#runAll(turn.splice(0));
    this.#runAll(outside.splice(0, this.#random.between(0, outside.length)));
    this.#runAll(timer.splice(0));
    // Behind the turn for which the timer has asked.
    this.#scheduler.after(0, () => {
      if (!this.#isPaused) this.#runAll(outside.splice(0));
    });
  }

  #runAll(held: readonly (() => void)[]): void {
    for (const run of held) if (this.#isAlive) run();
  }
}
