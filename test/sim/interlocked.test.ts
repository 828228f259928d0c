// Interlocked groups (D5): twelve of them share six nodes that have hardly room for all, under rules about who may and who must not
// run side by side. Nodes and agents are lost, nodes drained, applications moved, and at no time does a node run more than it
// can take, or what must not run there. The checkers are those of every run with agents: `capacity`, `different node`, `same node`
// and `ledger` (server/simulation/checkers/ownership.ts).
//   node test/sim/run.ts --area interlocked --seed 1 --seeds 100      and npm run torture -- interlocked --minutes 60

import assert from "node:assert/strict";
import { test } from "node:test";
import { assertPassed, startAll } from "./seed-processes.ts";

const seedsEach = 2;
const seeds = [1, 2, 3, 4];
const lineOf = startAll("interlocked", [
  { seed: 1, count: seedsEach },
  { seed: 1 + seedsEach, count: seedsEach },
]);

for (const seed of seeds) {
  // A run that saw hardly any fail-over, or hardly any refused reservation, has not passed either.
  test(`twelve groups on six nodes break no rule and exceed no capacity: seed ${seed}`, async (context) => {
    const line = await lineOf(seed);
    assertPassed([line]);
    assert(line.ownership !== null);
    const { failovers, refusals, starts } = line.ownership;
    context.diagnostic(`${failovers} fail-overs, ${starts} starts, ${refusals} reservations refused`);
  });
}
