// The share of the simulator that runs with every test: 300 seeds with faults, split over processes, 20 of them twice. One in five
// of a few takes minutes of virtual time; of most none does (area `brisk`).
// A seed whose run proved nothing is replaced by one of those to spare; it never counts as passed.

import assert from "node:assert/strict";
import { test } from "node:test";
import { assertPassed, startAll } from "./seed-processes.ts";

const seedsWanted = 300;
/** Seeds that may prove nothing before the options are to be looked at. */
const invalidMax = 12;
const pacedSeeds = 24;
const seedsTwice = 20;
/** What a process runs of each kind. */
const paced = pacedSeeds / 2;
const brisk = (seedsWanted + invalidMax - pacedSeeds) / 2;
/** Each within the time of one test, also on a machine that is slow or busy. */
const seedsOfPart = 4;

const seeds = Array.from({ length: seedsWanted + invalidMax }, (_, at) => 1 + at);
const pacedLineOf = startAll("consensus", [
  { seed: 1, count: paced },
  { seed: 1 + paced, count: paced },
]);
const briskLineOf = startAll("brisk", [
  { seed: 1 + pacedSeeds, count: brisk },
  { seed: 1 + pacedSeeds + brisk, count: brisk },
]);
const lineOf = (seed: number) => (seed <= pacedSeeds ? pacedLineOf(seed) : briskLineOf(seed));

/** From when the first of the two processes is done. */
const again = lineOf(pacedSeeds + brisk).then(() => startAll("brisk", [{ seed: 1 + pacedSeeds, count: seedsTwice }]));
// A line that does not come fails the test that waits for it.
again.catch(() => {});

const parts = [...partsOf(pacedSeeds, brisk), ...partsOf(0, paced)];
for (const [at, part] of parts.entries()) {
  test(`seeds under faults lose no acknowledged write, split no group and come to rest, part ${at + 1} of ${parts.length}`, async () => {
    const lines = await Promise.all(part.map(lineOf));
    assertPassed(lines.filter(({ kind }) => kind !== "invalid"));
    const faults = lines.flatMap((line) => Object.values(line.faults)).reduce((sum, found) => sum + found, 0);
    assert.ok(faults >= 5 * lines.length, `only ${faults} faults in all`);
  });
}

test("hardly a seed proves nothing", async () => {
  const invalid = (await Promise.all(seeds.map(lineOf))).filter(({ kind }) => kind === "invalid");
  assert.ok(invalid.length <= invalidMax, invalid.map(({ text }) => text).join("\n"));
});

test("two runs of one seed, in different processes, give one hash", async () => {
  const againOf = await again;
  for (const seed of seeds.slice(pacedSeeds, pacedSeeds + seedsTwice)) {
    assert.equal((await againOf(seed)).hash, (await lineOf(seed)).hash, `seed ${seed}`);
  }
});

/** Some of each of the two processes that have `count` seeds from there on. */
function partsOf(from: number, count: number): readonly (readonly number[])[] {
  const share = seedsOfPart / 2;
  return Array.from({ length: count / share }, (_, at) =>
    [from, from + count].flatMap((first) => seeds.slice(first + at * share, first + (at + 1) * share)),
  );
}
