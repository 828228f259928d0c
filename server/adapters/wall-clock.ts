// Looks at the wall clock now and then, and tells the node when it has been set, by an operator or a time service, or when the
// machine has slept: the monotonic clock of a process stands still then.

import type { Deliver } from "../node/ports.ts";
import { adapterLimits } from "./adapter-limits.ts";

export class WallClock {
  readonly #deliver: Deliver;
  readonly #timer: NodeJS.Timeout;
  #offsetMs = readOffsetMs();

  constructor(deliver: Deliver) {
    this.#deliver = deliver;
    this.#timer = setInterval(() => this.#look(), adapterLimits.wallClockCheckMs);
    this.#timer.unref();
  }

  /** Wall clock minus monotonic clock, as told last. */
  get offsetMs(): number {
    return this.#offsetMs;
  }

  /** Nothing is delivered any more. */
  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const offsetMs = readOffsetMs();
    if (Math.abs(offsetMs - this.#offsetMs) < adapterLimits.wallClockErrorMs) return;
    this.#offsetMs = offsetMs;
    this.#deliver({ type: "wallClock", offsetMs });
  }
}

function readOffsetMs(): number {
  return Date.now() - performance.now();
}
