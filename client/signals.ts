// Abort signals.

/** A call, so that a check before an `await` does not count as one after it. */
export function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}
