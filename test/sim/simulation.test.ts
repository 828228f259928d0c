// The share of the simulator that runs with every test: 300 seeds with faults, split over two processes, 20 of them twice.
// A seed whose run proved nothing is replaced by one of those to spare; it never counts as passed.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { SeedLine } from "./report.ts";

const seedsWanted = 300;
/** Seeds that may prove nothing before the options are to be looked at. */
const invalidMax = 12;
const seedsTwice = 20;
const processes = 2;
/** Each within the time of one test, also on a machine that is slow or busy. */
const parts = 4;

/** Of the runs so far, by seed. */
const hashes = new Map<number, string>();

for (let part = 0; part < parts; part++) {
  test(`seeds under faults lose no acknowledged write, split no group and come to rest, part ${part + 1} of ${parts}`, async () => {
    const share = (seedsWanted + invalidMax) / (parts * processes);
    const firsts = Array.from({ length: processes }, (_, process) => 1 + (part * processes + process) * share);
    const lines = (await Promise.all(firsts.map((first) => runSeeds(first, share, [])))).flat();
    for (const { seed, hash } of lines) hashes.set(seed, hash);
    const invalid = lines.filter(({ kind }) => kind === "invalid");
    assertPassed(lines.filter(({ kind }) => kind !== "invalid"));
    assert.ok(invalid.length <= invalidMax / parts, invalid.map(({ text }) => text).join("\n"));
    const faults = lines.flatMap((line) => Object.values(line.faults)).reduce((sum, count) => sum + count, 0);
    assert.ok(faults >= 5 * lines.length, `only ${faults} faults in all`);
  });
}

test("two runs of one seed, in processes that have run others before, give one hash", async () => {
  const firsts = Array.from({ length: processes }, (_, process) => 1 + process);
  const flags = ["--step", `${processes}`];
  const lines = (await Promise.all(firsts.map((first) => runSeeds(first, seedsTwice / processes, flags)))).flat();
  assert.equal(lines.length, seedsTwice);
  for (const { seed, hash } of lines) assert.equal(hash, hashes.get(seed), `seed ${seed}`);
});

function assertPassed(lines: readonly SeedLine[]): void {
  const failed = lines.filter(({ kind }) => kind !== null);
  assert.equal(failed.length, 0, failed.map(({ text }) => text).join("\n\n"));
}

/** @returns a line for each seed, the process having said something else only when it broke */
async function runSeeds(seed: number, seeds: number, flags: readonly string[]): Promise<readonly SeedLine[]> {
  const script = fileURLToPath(new URL("run.ts", import.meta.url));
  const child = spawn(process.execPath, [script, "--seed", `${seed}`, "--seeds", `${seeds}`, "--json", ...flags], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.setEncoding("utf8");
  for await (const chunk of child.stdout) output += chunk;
  return output
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as SeedLine);
}
