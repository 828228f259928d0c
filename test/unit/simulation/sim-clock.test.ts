// Clocks that run fast or slow: timers fire at their own time, never early, and the clock never jumps.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type Millis, toMillis, toNodeId } from "../../../proto/ids.ts";
import { Random } from "../../../proto/random.ts";
import { Process } from "../../../server/simulation/process.ts";
import { Scheduler } from "../../../server/simulation/scheduler.ts";
import { SimClock } from "../../../server/simulation/sim-clock.ts";

function clockOf(rate: number, offsetMs = 1_000) {
  const scheduler = new Scheduler();
  const process = new Process(toNodeId("n1"), scheduler, new Random(1));
  return { scheduler, clock: new SimClock(scheduler, process, { offsetMs, rate }) };
}

for (const rate of [0.5, 0.95, 1, 1.05, 2]) {
  test(`at rate ${rate} a second of the world is as much of the clock, and a timer keeps the clock's time`, () => {
    const { scheduler, clock } = clockOf(rate);
    let firedAtMs = 0;
    clock.setTimer(toMillis(2_000), () => {
      firedAtMs = scheduler.nowMs;
    });
    scheduler.runUntil(4_000);
    assert.ok(Math.abs(firedAtMs - 1_000 / rate) < 0.01, `fired at ${firedAtMs}`);
    assert.ok(Math.abs(clock.nowMs() - (1_000 + 4_000 * rate)) < 1e-6);
  });
}

test("at any rate a timer at any fraction of a millisecond fires once, and not before its time", () => {
  const random = new Random(1);
  for (let round = 0; round < 2_000; round++) {
    const { scheduler, clock } = clockOf(0.5 + 1.5 * random.fraction(), random.between(0, 1_000_000));
    const atMs = (clock.nowMs() + random.fraction() * 3) as Millis;
    let fired = 0;
    clock.setTimer(atMs, () => {
      fired += 1;
      assert.ok(clock.nowMs() >= atMs);
    });
    scheduler.runUntil(10);
    assert.equal(fired, 1);
  }
});

test("a rate that changes moves no clock, and the timers that are set follow it", () => {
  const { scheduler, clock } = clockOf(1);
  let firedAtMs = 0;
  clock.setTimer(toMillis(2_000), () => {
    firedAtMs = scheduler.nowMs;
  });
  scheduler.runUntil(500);
  clock.setRate(2);
  assert.equal(clock.nowMs(), 1_500);
  scheduler.runUntil(2_000);
  assert.ok(Math.abs(firedAtMs - 750) < 0.01, `fired at ${firedAtMs}`);
});
