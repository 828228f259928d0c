// What befalls a random network of members: how likely each fault is, drawn for each seed. Chances are those of one event.

import type { Random } from "../../../proto/random.ts";

export interface Faults {
  readonly loss: number;
  readonly duplicate: number;
  readonly delayMs: number;
  /** Of a packet: that it takes longer than an election. */
  readonly straggler: number;
  readonly crash: number;
  readonly partition: number;
  /** That a cut ends. */
  readonly reunion: number;
  /** That a disk finishes some of its writes. */
  readonly sync: number;
  /** Of a disk: that it finishes nothing for a while. */
  readonly stuck: number;
  /** Of a process: that it hears no peer and no timer for a while, and callers alone get through to it. */
  readonly busy: number;
  /** Of a disk, with all that is on it. */
  readonly wipe: number;
  /** How often the members are to change. */
  readonly churn: number;
  /** By which share the fastest clock is ahead of the slowest. */
  readonly clockRates: number;
}

export const noFaults: Faults = {
  ...{ loss: 0, duplicate: 0, delayMs: 2, straggler: 0 },
  ...{ crash: 0, partition: 0, reunion: 0, sync: 0.5, stuck: 0, busy: 0, wipe: 0, churn: 0, clockRates: 0 },
};

/** @param clockRateErrorMax that leases allow for; null: no lease is counted on, so that clocks may run as they like */
export function drawFaults(random: Random, clockRateErrorMax: number | null): Faults {
  return {
    loss: random.pick([0, 0.05, 0.2]),
    duplicate: random.pick([0, 0.2]),
    delayMs: random.pick([2, 10, 60]),
    straggler: random.pick([0, 0.02]),
    crash: random.pick([0, 0.005, 0.015]),
    partition: random.pick([0, 0.005, 0.02]),
    reunion: random.pick([0.01, 0.05]),
    sync: random.pick([0.5, 0.1]),
    stuck: random.pick([0, 0.005, 0.02]),
    busy: random.pick([0, 0.005, 0.02]),
    wipe: random.pick([0, 0.04]),
    churn: random.pick([0, 0.02, 0.1]),
    clockRates: random.pick([0, clockRateErrorMax ?? 1]),
  };
}
