// Abort signals of calls.

import { DbError, failure } from "../proto/errors.ts";

/** A call, so that a check before an `await` does not count as one after it. */
export function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

/** Before anything is sent. @throws {DbError} `canceled`, with nothing done */
export function checkNotAborted(signal: AbortSignal | undefined): void {
  if (isAborted(signal)) throw new DbError(failure("canceled", "The call was given up before it began", {}, "none"));
}
