// Small arithmetic on deadlines.

import type { Millis } from "../../proto/ids.ts";

/** The earliest of those that are set; null when none is. */
export function earliest(...deadlines: readonly (Millis | null)[]): Millis | null {
  let least: Millis | null = null;
  for (const deadline of deadlines) {
    if (deadline !== null && (least === null || deadline < least)) least = deadline;
  }
  return least;
}

export function isDue(deadlineMs: Millis | null, nowMs: Millis): boolean {
  return deadlineMs !== null && deadlineMs <= nowMs;
}
