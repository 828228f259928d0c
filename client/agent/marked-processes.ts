// The processes of a group, found by a mark in their environment, which children inherit. What has overwritten or dropped its
// environment is not found: that is for its stop command and, of a foreground resource, its process id (process-id.ts).

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

/** Kills what bears one of the marks. @returns how many are still there, and which resources had been started as any of them */
export async function killMarked(marks: readonly Mark[], pause: (ms: number) => Promise<void>): Promise<Killed> {
  const found = new Set<string>();
  const find = () => {
    const all = findMarked(marks);
    for (const { environment } of all) if (environment.includes(startMark)) found.add(resourceIn(environment));
    return all.map(({ pid }) => pid);
  };
  const left = await killUntilNone({ find, kill: killNow, pause });
  return { left, found: [...found] };
}

export interface Killed {
  readonly left: number;
  readonly found: readonly string[];
}

/** A process that has ended and is not yet waited for has no environment. */
function findMarked(marks: readonly Mark[]): readonly Found[] {
  return findWith(marks.map(variablesOf));
}

/** The guard processes of a state directory. */
export function findGuards(identity: string): readonly number[] {
  return findWith([[`${guardVariable}=${identity}`]]).map(({ pid }) => pid);
}

interface Found {
  readonly pid: number;
  readonly environment: readonly string[];
}

function findWith(wanted: readonly (readonly string[])[]): readonly Found[] {
  const ids = readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name));
  return ids.map(Number).flatMap((pid) => {
    if (pid === process.pid) return [];
    const environment = environmentOf(pid);
    const bears = (variables: readonly string[]) => variables.every((variable) => environment.includes(variable));
    return wanted.some(bears) ? [{ pid, environment }] : [];
  });
}

const startMark = `${actionVariable}=start`;

function resourceIn(environment: readonly string[]): string {
  const start = `${resourceVariable}=`;
  return environment.find((variable) => variable.startsWith(start))?.slice(start.length) ?? "";
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
