// Small arithmetic on deadlines.

import { type Millis, toMillis } from "../../proto/ids.ts";

/** The earliest of those that are set; null when none is. */
export function earliest(...deadlines: readonly (Millis | null)[]): Millis | null {
  let least: Millis | null = null;
  for (const deadline of deadlines) {
    if (deadline !== null && (least === null || deadline < least)) least = deadline;
  }
  return least;
}

/**
 * The next multiple of the interval. What recurs comes due at the same moments in all parts of a node, whenever each has
 * begun: it wakes up once for all of them.
 */
export function nextTick(nowMs: Millis, intervalMs: number): Millis {
  return toMillis((Math.floor(nowMs / intervalMs) + 1) * intervalMs);
}

export function isDue(deadlineMs: Millis | null, nowMs: Millis): boolean {
  return deadlineMs !== null && deadlineMs <= nowMs;
}
