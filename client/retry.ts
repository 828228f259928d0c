// When a failed call is tried again, where, and after what pause: a pure function of the failure's code and effect. A read
// may always be repeated; a write only when it is certain that nothing happened.

import { DbError, errorCodes, failure } from "../proto/errors.ts";
import { clientLimits } from "./limits.ts";
import { checkTime } from "./times.ts";
import type { ClientFailure } from "./unreachable-error.ts";

export interface RetryOptions {
  /** Attempts in all; 1: no retry. */
  readonly attemptsMax: number;
  /** First pause, above 0; each later one doubles. */
  readonly backoffMs: number;
  /** Up to 86,400,000. */
  readonly backoffMsMax: number;
}

export const defaultRetry: RetryOptions = {
  attemptsMax: clientLimits.attemptsMax,
  backoffMs: clientLimits.backoffMs,
  backoffMsMax: clientLimits.backoffMsMax,
};

/** @throws {DbError} `invalid_argument` unless there is an attempt and a pause: without one nothing would end, or rest */
export function checkRetry(retry: RetryOptions): RetryOptions {
  const { attemptsMax, backoffMs, backoffMsMax } = retry;
  if (!Number.isSafeInteger(attemptsMax) || attemptsMax < 1) {
    const message = `The retry.attemptsMax ${attemptsMax} is not a whole number above 0`;
    throw new DbError(failure("invalid_argument", message, { field: "retry.attemptsMax" }));
  }
  checkTime(backoffMs, "retry.backoffMs");
  checkTime(backoffMsMax, "retry.backoffMsMax");
  return retry;
}

/** What is known about a call when an attempt has failed. */
export interface RetryState {
  readonly isRead: boolean;
  /** Attempts made: 1 or more. */
  readonly attempts: number;
  /** Endpoints that the client has: 1 or more. */
  readonly endpoints: number;
  /** Until the caller's deadline. */
  readonly remainingMs: number;
  /** How long the attempt took. */
  readonly attemptMs: number;
  /** 0 to below 1, drawn anew for each decision. */
  readonly jitter: number;
}

export type RetryDecision =
  | { readonly type: "fail" }
  | { readonly type: "retry"; readonly at: "same" | "next"; readonly delayMs: number };

type Place = "never" | "same" | "next";

/**
 * A write is not begun again when as much time as the last attempt took is not left: its end would be the deadline, and
 * what was known not to have happened would become unknown.
 */
export function decideRetry(failure: ClientFailure, state: RetryState, options: RetryOptions): RetryDecision {
  const at = placeOf(failure, state.isRead);
  if (at === "never" || state.attempts >= options.attemptsMax) return { type: "fail" };
  const isFreshEndpoint = at === "next" && !isPausing(failure) && state.attempts % state.endpoints !== 0;
  const delayMs = isFreshEndpoint ? 0 : pauseMs(state, options);
  const neededMs = state.isRead ? 1 : Math.max(1, state.attemptMs);
  return state.remainingMs - delayMs < neededMs ? { type: "fail" } : { type: "retry", at, delayMs };
}

function placeOf(failure: ClientFailure, isRead: boolean): Place {
  const { code, effect } = failure;
  if (code === "unreachable") return "next";
  if (code === "canceled") return "never";
  if (effect === "unknown") return isRead ? "next" : "never";
  // A node that waited in vain for one that is silent says so in time for another to be asked.
  if (code === "deadline") return "next";
  const { retry } = errorCodes[code];
  if (retry === "never") return "never";
  // A node cut off from its group sees no quorum where another sees one.
  const isOfNode = retry === "elsewhere" || code === "no_leader" || code === "no_quorum";
  return isOfNode ? "next" : "same";
}

/** Whether the group, not the node asked, needs time. */
function isPausing({ code }: ClientFailure): boolean {
  return code !== "unreachable" && errorCodes[code].retry === "later";
}

/** Half fixed, half chance: spread, and never at once. */
function pauseMs({ attempts, endpoints, jitter }: RetryState, { backoffMs, backoffMsMax }: RetryOptions): number {
  const rounds = Math.floor((attempts - 1) / endpoints);
  const fullMs = Math.min(backoffMsMax, backoffMs * 2 ** Math.min(rounds, 16));
  return fullMs / 2 + (fullMs / 2) * jitter;
}
