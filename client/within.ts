// Waiting for work that others wait for too, or that is to be done in any case.

import type { ClientClock } from "./clock.ts";
import { checkNotAborted } from "./signals.ts";
import type { ClientError } from "./unreachable-error.ts";

interface Patience {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly clock: ClientClock;
  /** What is thrown when the time is up. */
  readonly late: () => ClientError;
}

/** Waits no longer than this caller may. The work goes on. @throws {DbError} `canceled`, with nothing done */
export async function within<Value>(
  work: Promise<Value>,
  { timeoutMs, signal, clock, late }: Patience,
): Promise<Value> {
  const done = new AbortController();
  const ended = signal === undefined ? done.signal : AbortSignal.any([done.signal, signal]);
  const giveUp = async (): Promise<never> => {
    await clock.sleep(timeoutMs, ended);
    checkNotAborted(signal);
    throw late();
  };
  try {
    return await Promise.race([work, giveUp()]);
  } finally {
    done.abort();
  }
}
