// The lease terms of the demo's group, and what they allow a gap in service to be. Source: `LeaseTerms` in policy.proto.

import { electionBoundMs } from "../../../proto/policies.ts";

/** A short right, and yet enough for stopping on a machine that has other things to do. */
export const terms = {
  ttlMs: 7_000,
  renewIntervalMs: 200,
  stopBudgetMs: 2_000,
  clockRateErrorPercent: 5,
} as const;

/** For starting the two resources and noticing that they answer, on such a machine. */
const startMaxMs = 2_000;

const rate = terms.clockRateErrorPercent / 100;

/** After its last renewal: the owner begins to stop, its right ends, the right is granted anew. */
export const moments = {
  stopsMs: terms.ttlMs * (1 - rate) - terms.stopBudgetMs,
  endsMs: terms.ttlMs * (1 - rate),
  grantedMs: terms.ttlMs * (1 + rate),
} as const;

/** What becomes of the owner. */
export type Blow = "power" | "cut" | "pause" | "move";

export interface Allowance {
  /** How long the right of the former owner keeps the application from running, in the longest case. */
  readonly rightMs: number;
  /** Longest gap that is no surprise. */
  readonly mostMs: number;
  /** What the longest gap is made of. */
  readonly parts: string;
}

const seconds = (ms: number) => `${(ms / 1_000).toFixed(2)} s`;

/**
 * A dead owner's right runs from its last renewal, just before the blow; who knows of that may be dead with it. A paused
 * agent's application is stopped by the guard, while the manager lives: what is waited for is the difference of the clocks and
 * what the stop leaves of its budget. A planned move waits for nothing.
 */
export function allowanceOf(blow: Blow): Allowance {
  const grant = moments.grantedMs;
  const stopped = grant - moments.stopsMs;
  switch (blow) {
    case "power":
    case "cut":
      return {
        rightMs: grant,
        mostMs: grant + electionBoundMs + startMaxMs,
        parts: `right ${seconds(grant)} + change of manager ${seconds(electionBoundMs)} + start ${seconds(startMaxMs)}`,
      };
    case "pause":
      return {
        rightMs: stopped,
        mostMs: stopped + 2 * terms.renewIntervalMs + startMaxMs,
        parts: `rest of the right ${seconds(stopped)} + two renewals + start ${seconds(startMaxMs)}`,
      };
    case "move":
      return {
        rightMs: 0,
        mostMs: terms.stopBudgetMs + startMaxMs,
        parts: `stop ${seconds(terms.stopBudgetMs)} + start ${seconds(startMaxMs)}`,
      };
  }
}
