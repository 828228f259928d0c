// Waits for what the cluster is to show, by asking it again and again.

import { setTimeout as pause } from "node:timers/promises";
import { DbError, failure } from "../../proto/errors.ts";

const pollMs = 100;

/**
 * Asks until there is an answer.
 *
 * @param what completes "Waited 30 s for ..."
 * @param ask gives null while it is not so yet; what it throws counts as not yet
 * @throws {DbError} `deadline` after `timeoutMs`, with what was thrown last
 */
export async function waitFor<Found>(
  what: string,
  ask: () => Promise<Found | null>,
  { timeoutMs = 30_000, signal }: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
): Promise<Found> {
  const endMs = performance.now() + timeoutMs;
  let last: unknown = null;
  while (performance.now() < endMs) {
    signal?.throwIfAborted();
    const found = await ask().catch((reason: unknown) => {
      last = reason;
      return null;
    });
    if (found !== null) return found;
    await pause(pollMs);
  }
  const why = last instanceof Error ? `; last it heard: ${last.message}` : "";
  throw new DbError(failure("deadline", `Waited ${timeoutMs / 1000} s for ${what}${why}`), last);
}
