// The share of the area `recovery` that runs with every test: agents run applications on machines that are lost, stand still and
// keep bad time. A seed whose run proved nothing is one of those to spare; it never counts as passed.

import assert from "node:assert/strict";
import { test } from "node:test";
import { assertPassed, startAll } from "./seed-processes.ts";

const seedsWanted = 8;
const invalidMax = 2;
const seedsTwice = 1;

const seeds = Array.from({ length: seedsWanted + invalidMax }, (_, at) => 1 + at);
const half = seeds.length / 2;
const lineOf = startAll("recovery", [
  { seed: 1, count: half },
  { seed: 1 + half, count: half },
]);

for (const seed of seeds) {
  test(`no two nodes act for one group, and every group that can runs in the end: seed ${seed}`, async () => {
    const line = await lineOf(seed);
    if (line.kind !== "invalid") assertPassed([line]);
  });
}

test("hardly a seed proves nothing, and all together see many fail-overs", async () => {
  const lines = await Promise.all(seeds.map(lineOf));
  const invalid = lines.filter(({ kind }) => kind === "invalid");
  assert.ok(invalid.length <= invalidMax, invalid.map(({ text }) => text).join("\n"));
  const failovers = lines.reduce((sum, { ownership }) => sum + (ownership?.failovers ?? 0), 0);
  assert.ok(failovers >= 3 * seeds.length, `only ${failovers} fail-overs`);
});

test("two runs of one seed with agents, in different processes, give one hash", async () => {
  const againOf = startAll("recovery", [{ seed: 1, count: seedsTwice }]);
  for (const seed of seeds.slice(0, seedsTwice)) {
    assert.equal((await againOf(seed)).hash, (await lineOf(seed)).hash, `seed ${seed}`);
  }
});
