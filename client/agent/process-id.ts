// Processes that somebody else has started: known again by id and start, also where they hide their environment, and ended with
// all that is in their process group.

import { readdirSync, readFileSync } from "node:fs";
import type { Running } from "./executor.ts";
import { killNow, killUntilNone } from "./kill-processes.ts";
import type { ProcessId } from "./run-spec.ts";

interface Stat {
  readonly state: string;
  readonly processGroup: number;
  readonly startTicks: number;
}

/** @returns null when it has ended */
export function identify(pid: number): ProcessId | null {
  const stat = statOf(pid);
  return stat === null ? null : { pid, startTicks: stat.startTicks };
}

/** Of the leader of a process group whose parent has ended. */
export interface Adopted extends Pick<Running, "signal"> {
  /** When it and its group are gone: how many are left that cannot be killed, or may be somebody else's. */
  readonly ended: Promise<number>;
}

export function adopt(process: ProcessId, pause: (ms: number) => Promise<void>): Adopted {
  return {
    ended: untilGone(process, pause),
    signal: (signal) => {
      if (isAlive(process)) signalGroup(process, signal);
    },
  };
}

/**
 * Whoever outlives the leader is killed. Where it was gone from the start, and nobody has its id, the group may be that of a
 * later process which had it: it is left alone, and counts.
 */
async function untilGone(process: ProcessId, pause: (ms: number) => Promise<void>): Promise<number> {
  const isOurs = statOf(process.pid)?.startTicks === process.startTicks;
  while (isAlive(process)) await pause(lookPauseMs);
  const find = () => (isReused(process) ? [] : groupOf(process));
  return killUntilNone({ find, kill: isOurs ? killNow : () => {}, pause });
}

const lookPauseMs = 50;

function signalGroup({ pid }: ProcessId, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // It has ended at this moment.
  }
}

/** Where nobody waits for it, what has ended keeps its id. */
function isAlive({ pid, startTicks }: ProcessId): boolean {
  const stat = statOf(pid);
  return stat !== null && stat.startTicks === startTicks && !hasEnded(stat);
}

/** The system gives no id anew that is still a group's. */
function isReused({ pid, startTicks }: ProcessId): boolean {
  const stat = statOf(pid);
  return stat !== null && stat.startTicks !== startTicks;
}

function groupOf({ pid }: ProcessId): readonly number[] {
  const ids = readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name));
  return ids.map(Number).filter((id) => {
    const stat = statOf(id);
    return stat !== null && stat.processGroup === pid && !hasEnded(stat);
  });
}

function hasEnded({ state }: Stat): boolean {
  return state === "Z" || state === "X";
}

/** As proc(5) has it: behind the name, which may hold anything, come the fields from the third on. */
function statOf(pid: number): Stat | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    const [state = "", , processGroup] = fields;
    return { state, processGroup: Number(processGroup), startTicks: Number(fields[19]) };
  } catch {
    return null;
  }
}
