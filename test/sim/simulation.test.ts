// The share of the simulator that runs with every test: 300 seeds with faults, split over two processes, 20 of them twice.
// A seed whose run proved nothing is replaced by one of those to spare; it never counts as passed.

import assert from "node:assert/strict";
import { test } from "node:test";
import { assertPassed, startAll } from "./seed-processes.ts";

const seedsWanted = 300;
/** Seeds that may prove nothing before the options are to be looked at. */
const invalidMax = 12;
const seedsTwice = 20;
const processes = 2;
/** Each within the time of one test, also on a machine that is slow or busy. */
const parts = 78;

const seeds = Array.from({ length: seedsWanted + invalidMax }, (_, at) => 1 + at);
const half = seeds.length / processes;
/** Some seeds take ten times as long as others: neither process waits for the other, each goes through all parts. */
const lineOf = startAll("consensus", [
  { seed: 1, count: half },
  { seed: 1 + half, count: half },
]);

/** From when one of the two processes is done, and its core has nothing to do. */
const again = Promise.race([half, seeds.length].map(lineOf)).then(() => {
  const share = seedsTwice / processes;
  return startAll("consensus", [
    { seed: 1 + share, count: share },
    { seed: 1, count: share },
  ]);
});
// A line that does not come fails the test that waits for it.
again.catch(() => {});

for (let part = 0; part < parts; part++) {
  test(`seeds under faults lose no acknowledged write, split no group and come to rest, part ${part + 1} of ${parts}`, async () => {
    const lines = await Promise.all(seedsOf(part).map(lineOf));
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
  for (const seed of seeds.slice(0, seedsTwice)) {
    assert.equal((await againOf(seed)).hash, (await lineOf(seed)).hash, `seed ${seed}`);
  }
});

/** Some of each process. */
function seedsOf(part: number): readonly number[] {
  const share = half / parts;
  return [0, half].flatMap((from) => seeds.slice(from + part * share, from + (part + 1) * share));
}
