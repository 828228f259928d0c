import assert from "node:assert/strict";
import { test } from "node:test";
import { toMillis } from "../../../proto/ids.ts";
import { Allowance } from "../../../server/node/allowance.ts";

test("Allowance gives what has come with time, up to its limit, and nothing of what is too much", () => {
  const allowance = new Allowance(2, 100);
  const take = (amount: number, nowMs: number) => allowance.take(amount, toMillis(nowMs));
  assert.deepEqual(
    [take(101, 0), take(70, 0), take(31, 0), take(30, 0), take(1, 0)],
    [false, true, false, true, false],
  );
  assert.deepEqual([take(21, 10), take(20, 10), take(1, 10)], [false, true, false]);
  assert.deepEqual([take(101, 1_000), take(100, 1_000), take(1, 1_000)], [false, true, false]);
});
