// Random worlds of Raft members: safety at every step, then progress once all faults are over.
// Replay one seed: `RAFT_SEED=17 node --test test/unit/raft/random.test.ts`; `RAFT_SEEDS=5000-9999` runs a range.

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { runWorld } from "./random-run.ts";
import type { World } from "./random-world.ts";

const [first = 1, last = first] = (process.env["RAFT_SEED"] ?? process.env["RAFT_SEEDS"] ?? "1-150")
  .split("-")
  .map(Number);
test("random groups keep every safety property while their members change, then make progress", () => {
  const sums = { committed: 0, reads: 0, changes: 0, standIns: 0, transfers: 0, wipes: 0 };
  const seeds = Array.from({ length: last - first + 1 }, (_, at) => first + at);
  for (const seed of seeds) {
    const world = ended(seed);
    sums.committed += world.safety.committed;
    for (const [name, count] of Object.entries(world.counts)) sums[name as keyof typeof world.counts] += count;
  }
  const { length } = seeds;
  if (process.env["RAFT_SEEDS"]) console.log(length, "seeds", sums);
  if (length === 1) return;
  assert.ok(sums.committed > 20 * length, `The faults leave room for work: ${sums.committed} entries committed`);
  for (const [name, count] of Object.entries(sums))
    assert.ok(count > length / 4, `${count} ${name} in ${length} seeds`);
});

function ended(seed: number): World {
  try {
    return runWorld(seed);
  } catch (error) {
    throw new Error(`Seed ${seed} failed: ${(error as Error).message}`, { cause: error });
  }
}
