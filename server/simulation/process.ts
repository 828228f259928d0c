// One start of a node: what ends when it crashes, and what stands still when it is paused. Whatever happens inside the
// process goes through here.
//
// After a pause the event loop goes on with the turn that it was in, then runs the timers that have come due meanwhile,
// and only then reads all that has gathered in its sockets. The clock lets some of it in before a deadline counts: how
// much, the seed says, from nothing to everything (server/adapters/system-clock.ts). Sockets are read one after the other: each
// keeps its order, but a call may be read before a message of a peer that was there long before it.

import type { NodeId } from "../../proto/ids.ts";
import type { Random } from "../../proto/random.ts";
import type { Scheduler } from "./scheduler.ts";

/** Why a process runs by itself: a turn that it has asked for, or its timer. */
export type Cause = "turn" | "timer";

/** Something to be read, from a socket or from the disk. */
interface Arrival {
  readonly source: string;
  readonly read: () => void;
}

export class Process {
  readonly node: NodeId;
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  readonly #held: Record<Cause, (() => void)[]> = { turn: [], timer: [] };
  #unread: Arrival[] = [];
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
    if (this.#isPaused) this.#held[cause].push(run);
    else run();
  }

  /** Runs `read` now, when the process comes to what has arrived from `source`, or never. */
  read(source: string, read: () => void): void {
    if (!this.#isAlive) return;
    // Nothing overtakes what is still to be read after a pause.
    if (this.#isPaused || this.#unread.length > 0) this.#unread.push({ source, read });
    else read();
  }

  get #isPaused(): boolean {
    return this.#pausedUntilMs > this.#scheduler.nowMs;
  }

  #goOn(): void {
    if (this.#isPaused) return;
    const { turn, timer } = this.#held;
    this.#runAll(turn.splice(0));
    if (this.#random.chance(0.5)) this.#unread = this.#bySource();
    this.#readSome(this.#random.between(0, this.#unread.length));
    this.#runAll(timer.splice(0));
    // Behind the turn for which the timer has asked.
    this.#scheduler.after(0, () => {
      if (!this.#isPaused) this.#readSome(this.#unread.length);
    });
  }

  /** One socket is read to its end, then the next. */
  #bySource(): Arrival[] {
    const sources = this.#random.shuffle([...new Set(this.#unread.map(({ source }) => source))]);
    const bySource = Map.groupBy(this.#unread, ({ source }) => source);
    return sources.flatMap((source) => bySource.get(source) ?? []);
  }

  #readSome(count: number): void {
    this.#runAll(this.#unread.splice(0, count).map(({ read }) => read));
  }

  #runAll(held: readonly (() => void)[]): void {
    for (const run of held) if (this.#isAlive) run();
  }
}
