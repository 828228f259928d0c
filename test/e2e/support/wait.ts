// Waiting for a thing to be so: asked again and again until a deadline, never slept for.

import { setTimeout as delay } from "node:timers/promises";

const pollMs = 40;

/**
 * Asks until the answer is there.
 *
 * @param probe null or undefined: not yet; what it throws counts as not yet, and is told when time is up
 * @returns the answer, and how long it took
 */
export async function waitFor<Value>(
  what: string,
  timeoutMs: number,
  probe: () => Promise<Value | null | undefined> | Value | null | undefined,
): Promise<{ readonly value: Value; readonly tookMs: number }> {
  const startMs = performance.now();
  for (;;) {
    let problem: unknown = null;
    const value = await Promise.resolve()
      .then(probe)
      .catch((reason: unknown) => {
        problem = reason;
        return null;
      });
    const tookMs = performance.now() - startMs;
    if (value !== null && value !== undefined) return { value, tookMs };
    if (tookMs > timeoutMs) throw new Error(`Not within ${timeoutMs} ms: ${what}`, { cause: problem });
    await delay(pollMs);
  }
}

/** Waits until nothing is thrown: for a group of assertions that will hold soon. The last failure is the one thrown. */
export async function eventually(timeoutMs: number, check: () => Promise<void> | void): Promise<number> {
  const startMs = performance.now();
  for (;;) {
    try {
      await check();
      return performance.now() - startMs;
    } catch (reason) {
      if (performance.now() - startMs > timeoutMs) throw reason;
    }
    await delay(pollMs);
  }
}
