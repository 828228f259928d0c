// The processes of a group, found by a mark in their environment, which children inherit. What has overwritten or dropped its
// environment is not found: that is for its stop command, and at last for the group's fence.

import { readdirSync, readFileSync } from "node:fs";
import { markVariable, resourceVariable } from "./actions.ts";
import { agentLimits } from "./agent-limits.ts";

export interface Mark {
  /** Value of the variable that names guard and group. */
  readonly mark: string;
  /** null: of all resources. */
  readonly resource: string | null;
}

export function markOf(guard: string, group: string): string {
  return `${guard}-${group}`;
}

/** Kills them again and again, because they may have children meanwhile. @returns how many are still there */
export async function killMarked(mark: Mark, pause: (ms: number) => Promise<void>): Promise<number> {
  for (let round = 0; ; round++) {
    const left = findMarked(mark);
    for (const pid of left) killNow(pid);
    if (left.length === 0 || round >= agentLimits.killsQuick) return left.length;
    await pause(agentLimits.killPauseMs);
  }
}

/** Their ids; a process that has ended and is not yet waited for has no environment. */
function findMarked({ mark, resource }: Mark): readonly number[] {
  const variables = [`${markVariable}=${mark}`, ...(resource === null ? [] : [`${resourceVariable}=${resource}`])];
  const ids = readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name));
  return ids.map(Number).filter((pid) => pid !== process.pid && hasVariables(pid, variables));
}

function hasVariables(pid: number, variables: readonly string[]): boolean {
  try {
    const all = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
    return variables.every((variable) => all.includes(variable));
  } catch {
    // It has ended, or is somebody else's.
    return false;
  }
}

export function killNow(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}
