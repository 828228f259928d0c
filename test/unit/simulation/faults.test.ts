// Every fault strikes, counts how often, and is over once it is healed: seen in what nodes hear and do, not in its own word.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Random } from "../../../proto/random.ts";
import { ClockRates, WallClockJumps } from "../../../server/simulation/faults/clocks.ts";
import { Pauses } from "../../../server/simulation/faults/pauses.ts";
import { BeatingWorld } from "./beating-world.ts";

function rig(size = 5) {
  return { beating: new BeatingWorld(1, size), random: new Random(2) };
}

test("clock rates make nodes beat faster and slower than they should, and healing makes them equal", () => {
  const { beating, random } = rig();
  const { world } = beating;
  const fault = new ClockRates(world, random, { meanMs: 100, rateMin: 0.5, rateMax: 2 });
  fault.start();
  world.runFor(20_000);
  const beats = [...beating.beats(20_000).values()];
  assert.ok(fault.count > 100);
  assert.ok(Math.max(...beats) > 210 && Math.min(...beats) > 90 && Math.max(...beats) < 400, `${beats}`);
  fault.heal();
  world.runFor(10_000);
  for (const healed of beating.beats(10_000).values()) assert.ok(healed >= 98 && healed <= 101, `${healed} beats`);
});

test("a wall clock that jumps shows at the next start, and nowhere before", () => {
  const { beating, random } = rig(1);
  const { world, nodes } = beating;
  const [node] = world.nodes;
  const fault = new WallClockJumps(world, random, { meanMs: 200, jumpMsMax: 86_400_000 });
  fault.start();
  world.runFor(2_000);
  fault.heal();
  assert.ok(fault.count > 3);
  assert.equal(beating.beats(2_000).get(nodes[0] as never), 20);
  node?.crash("process");
  node?.start();
  const [before, after] = beating.wallOffsets(nodes[0] as never);
  // Monotonic clocks of two starts differ by a thousand seconds at most.
  assert.ok(Math.abs((after as number) - (before as number)) > 2_000_000, `${after} after ${before}`);
});

for (const [kind, durationMsMin, durationMsMax] of [
  ["pause", 0, 2_000],
  ["stall", 50, 5_000],
] as const) {
  test(`a ${kind} silences a node for a while, and the others go on`, () => {
    const { beating, random } = rig();
    const { world } = beating;
    const fault = new Pauses(world, random, { kind, meanMs: 400, durationMsMin, durationMsMax });
    fault.start();
    world.runFor(10_000);
    assert.equal(fault.name, kind);
    assert.ok(fault.count > 5);
    const beats = [...beating.beats(10_000).values()];
    assert.ok(Math.min(...beats) < 85, `${beats}`);
    assert.ok(Math.max(...beats) > Math.min(...beats), `${beats}`);
    fault.heal();
    world.runFor(durationMsMax);
    world.runFor(1_000);
    for (const healed of beating.beats(1_000).values()) assert.ok(healed >= 9, `${healed} beats`);
  });
}
