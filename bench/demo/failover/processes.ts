// Processes, found by the files that they hold open: for ending those of the demo, and no others.

import { readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const lookIntervalMs = 50;
/** A process with much memory takes its time to end where the machine is busy. */
const patienceMs = 20_000;

/**
 * @param path of a file, or the beginning of a path
 * @returns the processes that hold such a file open, as one does its log; this one left out
 */
export function holdersOf(path: string): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => openFiles(name).some((file) => file.startsWith(path)))
    .map(Number);
}

/** Kills until `pids` finds none. @throws {Error} when some do not end */
export async function killAll(pids: () => readonly number[] | Promise<readonly number[]>): Promise<void> {
  const giveUpAtMs = performance.now() + patienceMs;
  for (;;) {
    const found = await pids();
    if (found.length === 0) return;
    for (const pid of found) signal(pid, "SIGKILL");
    if (performance.now() > giveUpAtMs) throw new Error(`Processes ${found.join(", ")} do not end`);
    await sleep(lookIntervalMs);
  }
}

/** One that has ended meanwhile is none that is missed. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (reason) {
    if ((reason as NodeJS.ErrnoException).code !== "ESRCH") throw reason;
  }
}

/** None of one that has ended, or is another user's. */
function openFiles(pid: string): readonly string[] {
  const directory = `/proc/${pid}/fd`;
  try {
    return readdirSync(directory).flatMap((name) => linkOf(join(directory, name)));
  } catch {
    return [];
  }
}

function linkOf(file: string): readonly string[] {
  try {
    return [readlinkSync(file)];
  } catch {
    return [];
  }
}
