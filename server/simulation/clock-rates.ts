// How fast the clocks of a simulated cluster run: in milliseconds of a node's clock in one of the world's.

import type { Bootstrap } from "../node/genesis.ts";

export interface ClockRates {
  readonly rateMin: number;
  readonly rateMax: number;
}

/** What nothing may depend on. */
export const usualRates: ClockRates = { rateMin: 0.95, rateMax: 1.05 };

/** Of any two nodes one runs faster than the other by what lease reads allow for, and by no more. */
export function ratesWithin({ clockRateErrorMax }: NonNullable<Bootstrap["leaseRead"]>): ClockRates {
  const rateMax = Math.sqrt(1 + clockRateErrorMax);
  return { rateMin: 1 / rateMax, rateMax };
}
