import assert from "node:assert/strict";
import { test } from "node:test";
import { toBootNumber } from "../../../proto/ids.ts";
import { callsBefore, Once } from "../../../server/node/once.ts";
import { n1, n2 } from "./cluster.ts";

const [first, second] = [toBootNumber(1), toBootNumber(2)];
const base = callsBefore(first);

test("a call is admitted once, in any order, and per peer", () => {
  const once = new Once(10);
  const admitted = [3, 1, 3, 2, 1].map((call) => once.admit(n1, first, base + call));
  assert.deepEqual(admitted, [true, true, false, true, false]);
  assert.equal(once.admit(n2, first, base + 3), true);
});

test("a call that comes later than the window is taken for a repeat, and the window alone is remembered", () => {
  const once = new Once(3);
  for (const call of [1, 2, 3, 4, 5, 6]) assert.ok(once.admit(n1, first, base + call));
  assert.equal(once.admit(n1, first, base + 3), false);
  assert.equal(once.admit(n1, first, base + 6), false);
  assert.equal(once.admit(n1, first, base + 1_000_000), true);
});

test("a peer's next start has numbers of its own, also for those who take them in", () => {
  assert.ok(callsBefore(second) >= base + 2 ** 32);
  assert.ok(Number.isSafeInteger(callsBefore(toBootNumber(2 ** 21 - 1)) + 2 ** 32 - 1));
  const once = new Once(3);
  for (const call of [1, 2, 3, 4]) assert.ok(once.admit(n1, second, callsBefore(second) + call));
  assert.equal(once.admit(n1, second, base + 9), false);
});

test("numbers far apart cost no more than those that follow each other", () => {
  const once = new Once(3);
  for (const far of [1, 2, 3, 4, 5].map((step) => base + step * 2 ** 48)) assert.ok(once.admit(n1, first, far));
  assert.equal(once.admit(n1, first, base + 2 ** 48), false);
  assert.equal(once.admit(n1, first, base + 2 * 2 ** 48), false);
  assert.equal(once.admit(n1, first, base + 5 * 2 ** 48), false);
  assert.ok(once.admit(n1, first, base + 5 * 2 ** 48 - 1));
});
