// One direction between two nodes: when, in which order and how often what was sent arrives.

import type { Random } from "../../proto/random.ts";
import type { LinkOptions } from "./link-options.ts";

export class Link {
  readonly #random: Random;
  readonly #options: () => LinkOptions;
  /** Arrival of the newest message that keeps the order. */
  #lastMs = 0;

  constructor(random: Random, options: () => LinkOptions) {
    this.#random = random;
    this.#options = options;
  }

  /** @returns the arrival times of one message: none when it is lost, two when it is duplicated */
  arrivals(nowMs: number): readonly number[] {
    const options = this.#options();
    if (this.#random.chance(options.lossProbability)) return [];
    const first = this.#arrival(nowMs, options);
    if (!this.#random.chance(options.duplicateProbability)) return [first];
    return [first, first + this.#latency(options)];
  }

  #arrival(nowMs: number, options: LinkOptions): number {
    const atMs = nowMs + this.#latency(options);
    if (this.#random.chance(options.reorderProbability)) return atMs;
    this.#lastMs = Math.max(this.#lastMs, atMs);
    return this.#lastMs;
  }

  #latency(options: LinkOptions): number {
    const tail = -Math.log(1 - this.#random.fraction()) * options.latencyMsMean;
    const isHeld = this.#random.chance(options.delayProbability);
    const held = isHeld ? this.#random.fraction() * options.delayMsMax : 0;
    return options.latencyMsMin + tail + held;
  }
}
