// How long a caller may say that something is to take. Timers know nothing else: they end a longer time at once, and gRPC the process.

import { DbError, failure } from "../proto/errors.ts";
import { clientLimits } from "./limits.ts";

/** @throws {DbError} `invalid_argument` unless it is above 0 and no longer than a day */
export function checkTime(valueMs: number, field: string): number {
  const { timeMsMax } = clientLimits;
  if (typeof valueMs === "number" && valueMs > 0 && valueMs <= timeMsMax) return valueMs;
  const message = `The ${field} ${valueMs} is not a time above 0 and up to ${timeMsMax} ms`;
  throw new DbError(failure("invalid_argument", message, { field }));
}
