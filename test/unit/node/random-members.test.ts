// Random changes of members through whole nodes. Replay one seed: `MEMBERS_SEED=17 node --test test/unit/node/random-members.test.ts`;
// `MEMBERS_SEEDS=500-999` runs a range.

import assert from "node:assert/strict";
import { test } from "node:test";
import { RandomMembers } from "./random-members.ts";

const [first = 1, last = first] = (process.env["MEMBERS_SEED"] ?? process.env["MEMBERS_SEEDS"] ?? "1-12")
  .split("-")
  .map(Number);

for (let seed = first; seed <= last; seed++) {
  test(`groups whose members change at random come to rest once all is well, seed ${seed}`, () => {
    const world = new RandomMembers(seed);
    const problem = world.run();
    assert.equal(problem, null, `${problem}\n  ${world.trace.join("\n  ")}`);
  });
}
