// Virtual time: order, stability, cancelling, and the guard against standing still.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Random } from "../../../proto/random.ts";
import { Scheduler } from "../../../server/simulation/scheduler.ts";

test("runUntil runs events by time, and by arrival within one microsecond", () => {
  const scheduler = new Scheduler();
  const random = new Random(1);
  const ran: { readonly atMs: number; readonly order: number }[] = [];
  for (let order = 0; order < 2_000; order++) {
    const atMs = random.between(0, 50);
    scheduler.at(atMs, () => ran.push({ atMs, order }));
  }
  scheduler.runUntil(50);
  assert.equal(ran.length, 2_000);
  for (const [position, { atMs, order }] of ran.entries()) {
    const before = ran[position - 1];
    if (before === undefined) continue;
    assert.ok(before.atMs < atMs || (before.atMs === atMs && before.order < order));
  }
});

test("runUntil stops at its time and leaves later events for the next call", () => {
  const scheduler = new Scheduler();
  const ran: number[] = [];
  for (const atMs of [1, 2, 2.5, 3]) scheduler.at(atMs, () => ran.push(scheduler.nowMs));
  scheduler.runUntil(2.5);
  assert.deepEqual(ran, [1, 2, 2.5]);
  assert.equal(scheduler.nowMs, 2.5);
  scheduler.runUntil(10);
  assert.deepEqual(ran, [1, 2, 2.5, 3]);
  assert.equal(scheduler.nowMs, 10);
});

test("at rounds up to a whole microsecond, so that no event is early", () => {
  const scheduler = new Scheduler();
  let ranMs = 0;
  scheduler.at(1.0000004, () => {
    ranMs = scheduler.nowMs;
  });
  scheduler.runUntil(2);
  assert.equal(ranMs, 1.001);
});

test("a cancelled event does not run", () => {
  const scheduler = new Scheduler();
  let runs = 0;
  const event = scheduler.after(5, () => runs++);
  scheduler.after(1, () => event.cancel());
  scheduler.runUntil(10);
  assert.equal(runs, 0);
});

test("an event that calls itself at once for ever is caught", () => {
  const scheduler = new Scheduler();
  const again = () => {
    scheduler.after(0, again);
  };
  again();
  assert.throws(() => scheduler.runUntil(1), /stands still/);
});
