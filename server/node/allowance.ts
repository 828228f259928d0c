// How much of some costly work a node may do: it comes with time and is kept up to a limit, so that a burst after a quiet
// while is fine, and many callers together cannot take the node's whole time.

import { type Millis, toMillis } from "../../proto/ids.ts";

export class Allowance {
  readonly #perMs: number;
  readonly #max: number;
  #left: number;
  #asOfMs = toMillis(0);

  /** @param max also what there is at the beginning */
  constructor(perMs: number, max: number) {
    this.#perMs = perMs;
    this.#max = max;
    this.#left = max;
  }

  /** @returns false when there is not so much left now: nothing is taken */
  take(amount: number, nowMs: Millis): boolean {
    this.#left = Math.min(this.#max, this.#left + (nowMs - this.#asOfMs) * this.#perMs);
    this.#asOfMs = nowMs;
    if (amount > this.#left) return false;
    this.#left -= amount;
    return true;
  }
}
