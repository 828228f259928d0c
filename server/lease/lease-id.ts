// Names of leases for callers who want none of their own: by chance, so that nobody who still knows an old lease meets a new
// one under its name.

import type { Random } from "../../proto/random.ts";

const upperBits = 2 ** 21;

/** @returns 1 to 2^53 - 1 */
export function drawLeaseId(random: Random): number {
  return Math.max(1, (random.uint32() % upperBits) * 2 ** 32 + random.uint32());
}
