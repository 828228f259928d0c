// The share of the simulator that runs with every test: 300 seeds with faults, split over two processes, 20 of them twice.
// A seed whose run proved nothing is replaced by one of those to spare; it never counts as passed.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { SeedLine } from "./report.ts";

const seedsWanted = 300;
/** Seeds that may prove nothing before the options are to be looked at. */
const invalidMax = 12;
const seedsTwice = 20;
const processes = 2;
/** Each within the time of one test, also on a machine that is slow or busy. */
const parts = 24;

/** What one process runs, one after the other. */
interface Share {
  readonly seed: number;
  readonly count: number;
  readonly step: number;
}

const count = seedsWanted + invalidMax;
const seeds = Array.from({ length: count }, (_, at) => 1 + at);
/** Some seeds take ten times as long as others: both processes go through all parts, each through every second seed. */
const lineOf = startAll([
  { seed: 1, count: count / processes, step: processes },
  { seed: 2, count: count / processes, step: processes },
]);

for (let part = 0; part < parts; part++) {
  test(`seeds under faults lose no acknowledged write, split no group and come to rest, part ${part + 1} of ${parts}`, async () => {
    const share = count / parts;
    const lines = await Promise.all(seeds.slice(part * share, (part + 1) * share).map(lineOf));
    assertPassed(lines.filter(({ kind }) => kind !== "invalid"));
    const faults = lines.flatMap((line) => Object.values(line.faults)).reduce((sum, found) => sum + found, 0);
    assert.ok(faults >= 5 * lines.length, `only ${faults} faults in all`);
  });
}

test("hardly a seed proves nothing", async () => {
  const invalid = (await Promise.all(seeds.map(lineOf))).filter(({ kind }) => kind === "invalid");
  assert.ok(invalid.length <= invalidMax, invalid.map(({ text }) => text).join("\n"));
});

test("two runs of one seed, in processes that have run others before, give one hash", async () => {
  const half = seedsTwice / processes;
  const againOf = startAll([
    { seed: 1, count: half, step: 1 },
    { seed: 1 + half, count: half, step: 1 },
  ]);
  for (const seed of seeds.slice(0, seedsTwice)) {
    assert.equal((await againOf(seed)).hash, (await lineOf(seed)).hash, `seed ${seed}`);
  }
});

function assertPassed(lines: readonly SeedLine[]): void {
  const failed = lines.filter(({ kind }) => kind !== null);
  assert.equal(failed.length, 0, failed.map(({ text }) => text).join("\n\n"));
}

/** All at the same time. @returns the line of each seed, once it has come */
function startAll(shares: readonly Share[]): (seed: number) => Promise<SeedLine> {
  const lines = new Map(shares.flatMap((share) => [...start(share)]));
  return (seed) => lines.get(seed) as Promise<SeedLine>;
}

/** Rejects what has not come when the process ends: it has said something else only when it broke. */
function start({ seed, count: runs, step }: Share): ReadonlyMap<number, Promise<SeedLine>> {
  const script = fileURLToPath(new URL("run.ts", import.meta.url));
  const flags = ["--seed", `${seed}`, "--seeds", `${runs}`, "--step", `${step}`, "--json"];
  const child = spawn(process.execPath, [script, ...flags], { stdio: ["ignore", "pipe", "inherit"] });
  const waiting = new Map(
    Array.from({ length: runs }, (_, at) => [seed + at * step, Promise.withResolvers<SeedLine>()]),
  );
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
