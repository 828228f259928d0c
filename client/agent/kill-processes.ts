// Killing processes until none is left.

import { agentLimits } from "./agent-limits.ts";

/**
 * Kills again and again, because processes may have children meanwhile. That none is found once says little: one may have begun
 * after the list of processes was made, and its parent have ended before it was looked at; or it was just being replaced by its
 * program, and had no environment for that moment.
 *
 * @returns how many are still there
 */
export async function killUntilNone({ find, kill, pause }: Killing): Promise<number> {
  let isGoneOnce = false;
  for (let round = 0; ; round++) {
    const left = find();
    for (const pid of left) kill(pid);
    if (left.length === 0 ? isGoneOnce : round >= agentLimits.killsQuick) return left.length;
    isGoneOnce = left.length === 0;
    await pause(isGoneOnce ? agentLimits.secondLookMs : agentLimits.killPauseMs);
  }
}

interface Killing {
  readonly find: () => readonly number[];
  readonly kill: (pid: number) => void;
  readonly pause: (ms: number) => Promise<void>;
}

export function killNow(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}
