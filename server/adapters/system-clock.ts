// The clock of a real process. The event loop runs timers before it reads sockets: after a stall, everything that arrived
// meanwhile is still unread when a deadline fires. So a deadline always lets one turn of sockets in before it counts.

import { type Millis, toMillis } from "../../proto/ids.ts";
import type { Clock } from "../node/ports.ts";

/** Longest delay that a timer of Node.js can hold; a longer one is reached in pieces. */
const timerReachMs = 2 ** 31 - 1;

export class SystemClock implements Clock {
  #atMs: Millis | null = null;
  #fire: () => void = () => {};
  /** Fires at or before `#atMs`, and is armed again when that was too early. */
  #timer: NodeJS.Timeout | null = null;
  #timerAtMs = 0;
  #turn: NodeJS.Immediate | null = null;

  nowMs(): Millis {
    return toMillis(performance.now());
  }

  /**
   * Called after every turn of the host, many thousand times a second: what is armed already is kept where it serves. A
   * deadline that has come is never pushed back by calls that repeat it.
   */
  setTimer(atMs: Millis | null, fire: () => void): void {
    this.#atMs = atMs;
    this.#fire = fire;
    if (atMs === null) this.#clear();
    else this.#arm(atMs);
  }

  defer(run: () => void): void {
    setImmediate(run);
  }

  #arm(atMs: Millis): void {
    const delayMs = atMs - performance.now();
    if (delayMs <= 0) {
      // Immediates run after the sockets of the same turn have been read.
      this.#turn ??= setImmediate(() => this.#expire());
      return;
    }
    this.#clearTurn();
    if (this.#timer !== null && this.#timerAtMs <= atMs) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timerAtMs = atMs;
    this.#timer = setTimeout(() => this.#timerFired(), Math.min(Math.ceil(delayMs), timerReachMs));
  }

  #timerFired(): void {
    this.#timer = null;
    if (this.#atMs !== null) this.#arm(this.#atMs);
  }

  #expire(): void {
    this.#turn = null;
    if (this.#atMs === null) return;
    this.#atMs = null;
    this.#fire();
  }

  #clear(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#clearTurn();
  }

  #clearTurn(): void {
    if (this.#turn !== null) clearImmediate(this.#turn);
    this.#turn = null;
  }
}
