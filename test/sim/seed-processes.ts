// Seeds of the simulator in processes of their own, several at the same time. They live in virtual time, and give way to what runs
// beside them in real time.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { constants, setPriority } from "node:os";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Area } from "./options.ts";
import type { SeedLine } from "./report.ts";

/** A run makes many small objects that it soon forgets: more room for them spares the collector a twentieth of all work. */
const roomForYoung = ["--min-semi-space-size=16", "--max-semi-space-size=32"];

/** What one process runs, one after the other. */
export interface Share {
  readonly seed: number;
  readonly count: number;
}

export function assertPassed(lines: readonly SeedLine[]): void {
  const failed = lines.filter(({ kind }) => kind !== null);
  assert.equal(failed.length, 0, failed.map(({ text }) => text).join("\n\n"));
}

/** All at the same time. @returns the line of each seed, once it has come */
export function startAll(area: Area, shares: readonly Share[]): (seed: number) => Promise<SeedLine> {
  const lines = new Map(shares.flatMap((share) => [...start(area, share)]));
  return (seed) => lines.get(seed) as Promise<SeedLine>;
}

/** Rejects what has not come when the process ends: it has said something else only when it broke. */
function start(area: Area, { seed, count }: Share): ReadonlyMap<number, Promise<SeedLine>> {
  const script = fileURLToPath(new URL("run.ts", import.meta.url));
  const flags = ["--seed", `${seed}`, "--seeds", `${count}`, "--area", area, "--json"];
  const child = spawn(process.execPath, [...roomForYoung, script, ...flags], { stdio: ["ignore", "pipe", "inherit"] });
  if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_BELOW_NORMAL);
  const waiting = new Map(Array.from({ length: count }, (_, at) => [seed + at, Promise.withResolvers<SeedLine>()]));
  createInterface(child.stdout).on("line", (text) => {
    const line = JSON.parse(text) as SeedLine;
    waiting.get(line.seed)?.resolve(line);
  });
  child.once("close", (code) => {
    for (const [at, { reject }] of waiting) reject(new Error(`The process of seed ${at} ended with code ${code}`));
  });
  // A test that failed does not wait for the others.
  for (const { promise } of waiting.values()) promise.catch(() => {});
  return new Map([...waiting].map(([at, { promise }]) => [at, promise]));
}
