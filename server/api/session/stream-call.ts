// How long one call of a stream lasts: as the client says, until it gives the call up, or until its stream is gone.

import { limits } from "../../node/limits.ts";
import type { CallLifetime } from "../call-context.ts";
import { readMs } from "../convert/fields.ts";

const bounds = { usual: limits.callBudgetMsUsual, min: 1, max: limits.callBudgetMsMax };

export class StreamCall implements CallLifetime {
  readonly #deadlineMs: number;
  #abort: (() => void) | null = null;

  /** @throws {DbError} `invalid_argument` unless `timeoutMs` is 0 to 60,000 */
  constructor(timeoutMs: number) {
    this.#deadlineMs = Date.now() + readMs(timeoutMs, "timeout_ms", bounds);
  }

  getDeadline(): number {
    return this.#deadlineMs;
  }

  on(_event: "cancelled", listener: () => void): void {
    this.#abort = listener;
  }

  /** Nobody waits for it any more. */
  cancel(): void {
    this.#abort?.();
  }
}
