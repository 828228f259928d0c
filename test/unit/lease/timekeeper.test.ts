// The leader's time for leases: when it holds one to be over, when it writes down what is left, and what a renewal needs.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { toLogIndex, toMillis } from "../../../proto/ids.ts";
import type { Lease } from "../../../proto/leases.ts";
import { type DueLeases, Timekeeper } from "../../../server/lease/timekeeper.ts";
import { Deadlines } from "../../../server/node/deadlines.ts";

const bound = 0.05;
const options = { clockRateErrorMax: bound, retryMs: 500, stallMs: 100, batchMax: 3 };
const ms = toMillis;
const nobody = () => false;

function keeper(): Timekeeper {
  return new Timekeeper(new Deadlines<number>(), options);
}

function leaseOf(id: number, ttlMs: number, remainingMs: number | null = null): Lease {
  return { id, ttlMs, remainingMs, renewedAt: toLogIndex(10 + id) };
}

/** All that is due up to then, each at its deadline. */
function runUntil(from: Timekeeper, untilMs: number, isHeld = nobody): { atMs: number; due: DueLeases }[] {
  const steps: { atMs: number; due: DueLeases }[] = [];
  for (let next = from.deadlineMs(); next !== null && next <= untilMs; next = from.deadlineMs()) {
    const due = from.due(next, isHeld);
    if (due.expired.length + due.checkpoints.length > 0) steps.push({ atMs: next, due });
  }
  return steps;
}

const endsIn = (steps: readonly { atMs: number; due: DueLeases }[]) =>
  steps.flatMap(({ atMs, due }) => due.expired.map(({ id }) => [id, Math.round(atMs)]));
const checkpointsIn = (steps: readonly { atMs: number; due: DueLeases }[]) =>
  steps.flatMap(({ atMs, due }) => due.checkpoints.map(({ remainingMs }) => [Math.round(atMs), remainingMs]));

test("a lease is over after its time and the bound on clock rates, and its end is proposed again until it is heard of", () => {
  const from = keeper();
  from.begin(leaseOf(1, 1_000), ms(0));
  assert.deepEqual(endsIn(runUntil(from, 2_200)), [
    [1, 1_050],
    [1, 1_550],
    [1, 2_050],
  ]);
  from.ended(1);
  assert.equal(from.deadlineMs(), null);
});

test("what is left is written down by halves of short leases, every five seconds, and every minute at most", () => {
  for (const [ttlMs, expected] of [
    [2_000, [[1_050, 1_000]]],
    [
      20_000,
      [
        [5_250, 15_000],
        [10_500, 10_000],
        [15_750, 5_000],
      ],
    ],
  ] as const) {
    const from = keeper();
    from.begin(leaseOf(1, ttlMs), ms(0));
    assert.deepEqual(checkpointsIn(runUntil(from, ttlMs)), expected);
  }
  const day = keeper();
  day.begin(leaseOf(1, 86_400_000), ms(0));
  assert.equal(checkpointsIn(runUntil(day, 630_000)).length, 10);
});

test("the next leader gives a lease what is written down, from its own beginning on", () => {
  const from = keeper();
  from.begin(leaseOf(1, 20_000, 15_000), ms(8_000));
  assert.equal(from.leftMs(1, ms(8_000)), 15_000);
  assert.deepEqual(endsIn(runUntil(from, 30_000))[0], [1, 8_000 + 15_750]);
});

test("a lease that is renewed in time is never written down, and one deadline serves many renewals", () => {
  const from = keeper();
  from.begin(leaseOf(1, 3_000), ms(0));
  let looked = 0;
  for (let atMs = 1_000; atMs <= 100_000; atMs += 1_000) {
    for (let next = from.deadlineMs(); next !== null && next <= atMs; next = from.deadlineMs()) {
      assert.deepEqual(from.due(next, nobody), { expired: [], checkpoints: [] });
      looked += 1;
    }
    from.heard(1, ms(atMs));
    assert.equal(from.mustLog(1), false);
  }
  assert.ok(looked < 100, `${looked} times`);
  assert.equal(from.leftMs(1, ms(100_000)), 3_000);
});

test("a renewal must be in the log once less is written down, while the end is under way, and of a lease that is not known", () => {
  const from = keeper();
  from.begin(leaseOf(1, 2_000), ms(0));
  assert.equal(from.mustLog(1), false);
  runUntil(from, 1_100);
  assert.equal(from.mustLog(1), true);
  from.begin(leaseOf(1, 2_000), ms(1_100));
  assert.equal(from.mustLog(1), false);
  from.begin({ ...leaseOf(2, 1_000) }, ms(1_100));
  const [, end] = runUntil(from, 1_100 + 1_050);
  assert.equal(from.mustLog(2), true, JSON.stringify(end));
  assert.equal(from.mustLog(3), true);
});

test("an end that a transaction holds up, or that the log has refused, is tried again", () => {
  const from = keeper();
  from.begin(leaseOf(1, 1_000), ms(0));
  assert.deepEqual(endsIn(runUntil(from, 1_100, () => true)), []);
  assert.equal(from.mustLog(1), true, "half of it is written down");
  assert.deepEqual(endsIn(runUntil(from, 1_600)), [[1, 1_550]]);
  from.kept(1);
  assert.deepEqual(endsIn(runUntil(from, 2_100)), [[1, 2_050]]);
});

test("after a stall renewals that have waited count before the end, and a lease without one ends a moment later", () => {
  const from = keeper();
  for (const id of [1, 2]) from.begin(leaseOf(id, 1_000), ms(0));
  assert.deepEqual(from.due(ms(10_000), nobody), { expired: [], checkpoints: [] });
  from.heard(1, ms(10_001));
  assert.deepEqual(endsIn(runUntil(from, 10_500)), [[2, 10_100]]);
});

test("a renewal that comes when the end was proposed after a stall, with nothing written down, must be in the log", () => {
  const from = keeper();
  from.begin(leaseOf(1, 1_000), ms(0));
  from.due(ms(10_000), nobody);
  assert.equal(from.mustLog(1), false);
  assert.equal(from.due(ms(10_100), nobody).expired.length, 1);
  assert.equal(from.mustLog(1), true);
  from.kept(1);
  assert.equal(from.mustLog(1), false);
});

test("more leases than one proposal holds are due at once, the rest in the next", () => {
  const from = keeper();
  for (let id = 1; id <= 5; id++) from.begin(leaseOf(id, 1_000, 100), ms(0));
  const [first, second] = runUntil(from, 105);
  assert.deepEqual([first?.due.expired.length, second?.due.expired.length], [3, 2]);
});

test("by no clock within the bound a lease ends before its time, whoever led meanwhile", () => {
  const turn = fc.record({ ledMs: fc.integer({ min: 1, max: 40_000 }), isRenewed: fc.boolean() });
  const rate = fc.double({ min: 1 / Math.sqrt(1 + bound), max: Math.sqrt(1 + bound), noNaN: true });
  const leader = fc.tuple(turn, rate);
  fc.assert(
    fc.property(
      fc.integer({ min: 1_000, max: 60_000 }),
      fc.array(leader, { maxLength: 12 }),
      rate,
      (ttlMs, leaders, holder) => {
        let lease = leaseOf(1, ttlMs);
        // In the world's time, of which every clock shows so much as its rate says.
        let nowMs = 0;
        let promisedMs = ttlMs / holder;
        for (const [{ ledMs, isRenewed }, own] of leaders) {
          const from = keeper();
          from.begin(lease, ms(0));
          const steps = runUntil(from, ledMs);
          const end = steps.find(({ due }) => due.expired.length > 0);
          for (const { due } of steps) {
            const [checkpoint] = due.checkpoints;
            if (checkpoint !== undefined) lease = { ...lease, remainingMs: checkpoint.remainingMs };
          }
          if (end !== undefined) return assert.ok(nowMs + end.atMs / own >= promisedMs - 1e-6);
          nowMs += ledMs / own;
          if (!isRenewed) continue;
          promisedMs = nowMs + ttlMs / holder;
          from.heard(1, ms(ledMs));
          if (from.mustLog(1)) lease = { ...lease, remainingMs: null };
        }
      },
    ),
  );
});
