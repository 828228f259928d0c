// A fault is a workload of its own: it begins, strikes now and then, and is healed.

import type { Random } from "../../../proto/random.ts";
import type { Scheduler } from "../scheduler.ts";

export interface Fault {
  readonly name: string;
  /** It is there from the first start on. */
  readonly isConstant: boolean;
  /** How often it has struck. */
  readonly count: number;
  start(): void;
  /** Strikes no more and undoes what it did. */
  heal(): void;
}

/** Strikes at random times, `meanMs` apart on average, until it is told to stop. */
export class Strikes {
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  readonly #meanMs: number;
  #isStopped = false;

  constructor(scheduler: Scheduler, random: Random, meanMs: number) {
    this.#scheduler = scheduler;
    this.#random = random;
    this.#meanMs = meanMs;
  }

  /** The first comes within the mean, so that hardly a run sees none. */
  start(strike: () => void): void {
    this.#after(this.#random.fraction() * this.#meanMs, strike);
  }

  stop(): void {
    this.#isStopped = true;
  }

  #after(delayMs: number, strike: () => void): void {
    this.#scheduler.after(delayMs, () => {
      if (this.#isStopped) return;
      strike();
      this.#after(-Math.log(1 - this.#random.fraction()) * this.#meanMs, strike);
    });
  }
}

export interface Recurrence {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly meanMs: number;
}

export interface Striking {
  /** @returns how often it struck: 0 when there was nothing to strike */
  readonly strike: () => number;
  /** Undoes what it did; what ends by itself need not be undone. */
  readonly undo?: () => void;
  /** Of faults that hurt only when something runs into them. */
  readonly count?: () => number;
}

/** A fault that strikes at random times and keeps nothing in mind from one to the next. */
export function recurring(name: string, { scheduler, random, meanMs }: Recurrence, striking: Striking): Fault {
  const strikes = new Strikes(scheduler, random.fork(), meanMs);
  let struck = 0;
  return {
    name,
    isConstant: false,
    get count(): number {
      return striking.count?.() ?? struck;
    },
    start: () => {
      strikes.start(() => {
        struck += striking.strike();
      });
    },
    heal: () => {
      strikes.stop();
      striking.undo?.();
    },
  };
}
