import assert from "node:assert/strict";
import { test } from "node:test";
import { toGroupId, toIncarnation, toLogIndex, toRevision } from "../../../proto/ids.ts";
import type { ClosedTransactions } from "../../../proto/transactions.ts";
import { close, isClosed, revisionOf } from "../../../server/txn/closed.ts";

const idOf = (index: number, incarnation = 1) => ({
  group: toGroupId("a"),
  incarnation: toIncarnation(incarnation),
  index: toLogIndex(index),
});
const over = (revision: number, floor: number, closedMax = 100) => {
  return { revision: toRevision(revision), floor: toLogIndex(floor), closedMax };
};

test("a transaction is over once it was closed, or lies below the floor", () => {
  const known = close(close(null, idOf(20), over(7, 10)), idOf(15), over(0, 10));
  assert.deepEqual(
    [5, 9, 10, 15, 16, 20].map((index) => isClosed(known, idOf(index))),
    [true, true, false, true, false, true],
  );
  assert.deepEqual([revisionOf(known, idOf(20)), revisionOf(known, idOf(16))], [7, null]);
  assert.equal(isClosed(null, idOf(1)), false);
});

test("the floor only rises, and takes with it what needs no memory any more", () => {
  let known: ClosedTransactions | null = null;
  for (const [index, floor] of [
    [10, 5],
    [12, 11],
    [11, 3],
    [14, 14],
  ] as const) {
    known = close(known, idOf(index), over(index, floor));
  }
  assert.deepEqual(known?.closed, [{ index: 14, revision: 14 }]);
  assert.equal(known?.floor, 14);
});

test("closing twice changes nothing", () => {
  const once = close(null, idOf(20), over(7, 10));
  assert.deepEqual(close(once, idOf(20), over(7, 10)), once);
});

test("all of an earlier incarnation is over, and nothing of a later one", () => {
  const known = close(null, idOf(20, 2), over(7, 10));
  assert.equal(isClosed(known, idOf(30, 1)), true);
  assert.equal(isClosed(known, idOf(1, 3)), false);
  assert.deepEqual(close(known, idOf(30, 1), over(1, 30)), known);
  assert.deepEqual(close(known, idOf(1, 3), over(1, 1)).floor, 1);
});

test("while one stays open and holds the floor back, only so many behind it are remembered, and older ones are over", () => {
  let known: ClosedTransactions | null = null;
  for (const index of [12, 11, 15, 14, 13]) known = close(known, idOf(index), over(index, 10, 3));
  assert.deepEqual(known?.closed.map(({ index }) => index).sort(), [13, 14, 15]);
  assert.deepEqual(
    [10, 12, 13, 16].map((index) => isClosed(known, idOf(index))),
    [true, true, true, false],
  );
});
