// A clock for tests of the client: short pauses pass by themselves, long ones when the test says so.

import type { ClientClock } from "../../../client/index.ts";

interface Sleeper {
  readonly untilMs: number;
  readonly wake: () => void;
}

export class ManualClock implements ClientClock {
  /** Every pause that was asked for. */
  readonly pausesMs: number[] = [];
  #nowMs = 0;
  readonly #shortMs: number;
  readonly #sleepers = new Set<Sleeper>();

  /** @param options.shortMs longest pause that passes by itself */
  constructor({ shortMs = 2_000 }: { readonly shortMs?: number } = {}) {
    this.#shortMs = shortMs;
  }

  /** Of pauses that do not pass by themselves. */
  get sleepers(): number {
    return this.#sleepers.size;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    this.pausesMs.push(ms);
    if (signal?.aborted === true) return;
    if (ms <= this.#shortMs) {
      this.#nowMs += ms;
      return new Promise((resolve) => setImmediate(resolve));
    }
    await new Promise<void>((wake) => {
      const sleeper = { untilMs: this.#nowMs + ms, wake };
      this.#sleepers.add(sleeper);
      const giveUp = () => {
        this.#sleepers.delete(sleeper);
        wake();
      };
      signal?.addEventListener("abort", giveUp, { once: true });
    });
  }

  /** Lets time pass. */
  advance(ms: number): void {
    this.#nowMs += ms;
    for (const sleeper of this.#sleepers) {
      if (sleeper.untilMs > this.#nowMs) continue;
      this.#sleepers.delete(sleeper);
      sleeper.wake();
    }
  }
}
