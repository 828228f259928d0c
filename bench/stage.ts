// What every part of a benchmark run works with.

import type { Children } from "./children.ts";

export interface Stage {
  /** Path of the benchmark program, which is also that of the processes of the ceiling. */
  readonly program: string;
  readonly children: Children;
  /** Temporary, empty at first, removed at the end. */
  readonly directory: string;
  /** Aborted by Ctrl-C and by the end of a process. */
  readonly signal: AbortSignal;
  /** Says on stderr what is going on. */
  readonly progress: (text: string) => void;
}

/** Settles as `promise` does, or fails when the run is aborted. */
export async function unlessAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
