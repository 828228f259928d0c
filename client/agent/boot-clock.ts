// The clock by which rights are counted: milliseconds since the machine was started, the time in which it was suspended
// included. Node has no such clock: `performance` and `hrtime` stand still in a suspend. Linux tells it in /proc/uptime, in
// steps of 10 ms.

import { readFileSync } from "node:fs";
import type { ClientClock } from "../clock.ts";
import { systemClock } from "../clock.ts";

/** @throws {Error} where there is no /proc/uptime */
function readBootMs(): number {
  const [seconds = ""] = readFileSync("/proc/uptime", "latin1").split(" ");
  const value = Number(seconds);
  if (!(value > 0)) throw new Error(`/proc/uptime begins with ${JSON.stringify(seconds)}, which is no time`);
  return Math.round(value * 1_000);
}

/** Another after each start of the machine: times of one start mean nothing in another. */
export function readBootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
}

/** Pauses of it stand still in a suspend, as all timers of Node do: whoever waits looks at the clock afterwards. */
export const bootClock: ClientClock = { nowMs: readBootMs, sleep: systemClock.sleep };
