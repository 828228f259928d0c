// What a paused process notices, and in which order: its timer before its sockets, as an event loop has it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { toMillis, toNodeId } from "../../../proto/ids.ts";
import { Random } from "../../../proto/random.ts";
import { Process } from "../../../server/simulation/process.ts";
import { Scheduler } from "../../../server/simulation/scheduler.ts";
import { SimClock } from "../../../server/simulation/sim-clock.ts";

function paused(seed: number) {
  const scheduler = new Scheduler();
  const process = new Process(toNodeId("n1"), scheduler, new Random(seed));
  const clock = new SimClock(scheduler, process, { offsetMs: 0, rate: 1 });
  const seen: string[] = [];
  /** What a host does with an input: queue it, and look at the queue in a turn of its own. */
  const deliver = (input: string) => {
    seen.push(input);
    clock.defer(() => seen.push(`turn after ${input}`));
  };
  process.pauseUntil(100);
  return { scheduler, process, clock, seen, deliver };
}

function afterPause(seed: number): readonly string[] {
  const { scheduler, process, clock, seen, deliver } = paused(seed);
  clock.setTimer(toMillis(50), () => deliver("deadline"));
  for (const atMs of [10, 20, 60]) scheduler.at(atMs, () => process.read("socket", () => deliver(`message ${atMs}`)));
  scheduler.runUntil(99);
  assert.deepEqual(seen, [], "nothing runs in a pause");
  scheduler.runUntil(100);
  return seen;
}

test("after a pause the deadline counts before all, some or none of what has gathered in the sockets", () => {
  const before = new Set<number>();
  for (let seed = 1; seed <= 100; seed++) {
    const seen = afterPause(seed);
    assert.deepEqual(
      seen.filter((each) => each.startsWith("message")),
      ["message 10", "message 20", "message 60"],
    );
    const read = seen.slice(0, seen.indexOf("deadline")).length;
    before.add(read);
    const turnAt = seen.findIndex((each) => each.startsWith("turn"));
    assert.equal(turnAt, read + 1, "the first turn has what was read before the timer, and the deadline");
  }
  assert.deepEqual([...before].sort(), [0, 1, 2, 3]);
});

test("after a pause one socket may be read to its end before another that has waited longer, in the order of each", () => {
  const orders = new Set<string>();
  for (let seed = 1; seed <= 100; seed++) {
    const { scheduler, process, seen } = paused(seed);
    for (const name of ["a1", "b1", "a2", "b2"]) process.read(name.slice(0, 1), () => seen.push(name));
    scheduler.runUntil(100);
    orders.add(seen.join(" "));
  }
  assert.deepEqual([...orders].toSorted(), ["a1 a2 b1 b2", "a1 b1 a2 b2", "b1 b2 a1 a2"]);
});

test("a pause that is lengthened holds everything until its new end", () => {
  const { scheduler, process, seen, deliver } = paused(1);
  scheduler.at(90, () => process.pauseUntil(300));
  scheduler.at(95, () => process.read("socket", () => deliver("message")));
  scheduler.runUntil(299);
  assert.deepEqual(seen, []);
  scheduler.runUntil(300);
  assert.deepEqual(seen, ["message", "turn after message"]);
});

test("nothing of a process runs after its end, not even what a pause has held", () => {
  const { scheduler, process, seen, deliver } = paused(1);
  process.read("socket", () => deliver("message"));
  process.read("socket", () => deliver("another"));
  scheduler.at(50, () => process.end());
  scheduler.runUntil(1_000);
  assert.deepEqual(seen, []);
});
