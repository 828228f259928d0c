// The processes of a group, found by a mark in their environment, which children inherit. What has overwritten or dropped its
// environment is not found: that is for its stop command, and at last for the group's fence.

import { readdirSync, readFileSync } from "node:fs";
import { actionVariable, guardVariable, markVariable, resourceVariable } from "./actions.ts";
import { killNow, killUntilNone } from "./kill-processes.ts";
import type { Action } from "./run-spec.ts";

export interface Mark {
  /** Value of the variable that names guard and group. */
  readonly mark: string;
  /** Absent: of all resources. */
  readonly resource?: string | undefined;
  /** Absent: of all actions. What a command has left running counts as well. */
  readonly action?: Action | undefined;
}

export function markOf(guard: string, group: string): string {
  return `${guard}-${group}`;
}

/** Kills what bears one of the marks. @returns how many are still there */
export function killMarked(marks: readonly Mark[], pause: (ms: number) => Promise<void>): Promise<number> {
  return killUntilNone({ find: () => findMarked(marks), kill: killNow, pause });
}

/** Their ids; a process that has ended and is not yet waited for has no environment. */
function findMarked(marks: readonly Mark[]): readonly number[] {
  return findWith(marks.map(variablesOf));
}

/** The guard processes of a state directory. */
export function findGuards(identity: string): readonly number[] {
  return findWith([[`${guardVariable}=${identity}`]]);
}

function findWith(wanted: readonly (readonly string[])[]): readonly number[] {
  const ids = readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name));
  return ids.map(Number).filter((pid) => {
    if (pid === process.pid) return false;
    const all = environmentOf(pid);
    return wanted.some((variables) => variables.every((variable) => all.includes(variable)));
  });
}

function variablesOf({ mark, resource, action }: Mark): readonly string[] {
  return [
    `${markVariable}=${mark}`,
    ...(resource === undefined ? [] : [`${resourceVariable}=${resource}`]),
    ...(action === undefined ? [] : [`${actionVariable}=${action}`]),
  ];
}

function environmentOf(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
  } catch {
    // It has ended, or is somebody else's.
    return [];
  }
}
