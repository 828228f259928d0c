// Laps of a start: only while something is promised, and nobody hears of one that is not durable.

import assert from "node:assert/strict";
import { test } from "node:test";
import { toBootNumber, toMillis } from "../../../proto/ids.ts";
import { Laps } from "../../../server/node/laps.ts";
import { limits } from "../../../server/node/limits.ts";
import { effectsOf, n1, worldOf } from "./cluster.ts";

const first = { boot: toBootNumber(1), nonce: "00000000000000ab", lap: 0 };
const at = (ms: number) => toMillis(ms);

test("without a promise there is nothing to do, however long", () => {
  const world = worldOf(n1);
  const laps = new Laps([first], world.out);
  laps.deadline(at(1e9));
  assert.equal(laps.deadlineMs(), null);
  assert.deepEqual(effectsOf(world), []);
});

test("a promise leads to one lap, which counts when it is durable", () => {
  const world = worldOf(n1);
  const laps = new Laps([first], world.out);
  laps.promised(at(5));
  laps.promised(at(900));
  assert.equal(laps.deadlineMs(), 5 + limits.lapIntervalMs);
  laps.deadline(at(4 + limits.lapIntervalMs));
  assert.deepEqual(effectsOf(world), []);
  laps.deadline(at(5 + limits.lapIntervalMs));
  const [write] = effectsOf(world);
  assert.ok(write?.type === "write" && write.batch.sync);
  assert.equal(laps.start.lap, 0);
  assert.equal(laps.durable(write.write - 1), false);
  assert.equal(laps.durable(write.write), true);
  assert.deepEqual(laps.lineage, [{ ...first, lap: 1 }]);
  assert.equal(laps.durable(write.write + 1), false);
  assert.equal(laps.deadlineMs(), null);
});
