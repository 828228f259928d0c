// CPU time of processes, user and system, of all their threads, from /proc (Linux only).

import { readFileSync } from "node:fs";

/** USER_HZ: the unit of /proc, 100 on every Linux that Node.js runs on. */
const ticksPerSecond = 100;

/**
 * CPU seconds that the processes have used since they were started, in steps of 10 ms.
 *
 * @throws when a process is gone
 */
export function cpuSeconds(pids: readonly number[]): number {
  const ticks = pids.map((pid) => ticksOf(readFileSync(`/proc/${pid}/stat`, "utf8")));
  return ticks.reduce((sum, one) => sum + one, 0) / ticksPerSecond;
}

/** @param stat `pid (name) state ...`: the name may hold spaces and parentheses; utime and stime are fields 14 and 15 */
function ticksOf(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [user, system] = [fields[11], fields[12]].map(Number);
  if (user === undefined || system === undefined) throw new Error(`Unreadable process state: ${stat}`);
  return user + system;
}
