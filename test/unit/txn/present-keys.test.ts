import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { toGroupId, toRevision } from "../../../proto/ids.ts";
import { PresentKeys } from "../../../server/txn/present-keys.ts";
import { mvccOf, spanOf } from "./fixtures.ts";

const asked = { group: toGroupId("rg"), field: "operations" };
const mvcc = mvccOf(["a", "1"], ["b", "2"], ["c", "3"], ["d", "4"]);
const look = (keysMax: number, at: number | null = null) =>
  new PresentKeys(mvcc, { at: at === null ? null : toRevision(at), keysMax });

test("PresentKeys are refused as soon as one more is looked at than may be, and the limit is named", () => {
  const keys = look(4);
  assert.deepEqual([keys.within(spanOf("a")).kvs.length, keys.refusal(asked)], [4, null]);
  assert.equal(keys.within(spanOf("x")).kvs.length, 0);
  assert.equal(keys.isExceeded, false);
  assert.equal(keys.within(spanOf("d")).kvs.length, 0);
  assert.match(keys.refusal(asked)?.message ?? "", /more keys to look at than 4, the limit/);
  assert.equal(keys.refusal(asked)?.code, "invalid_argument");
});

test("PresentKeys of a page count as many as it holds, single keys and counts of what is there now nothing", () => {
  const keys = look(2);
  assert.equal(keys.count(spanOf("a")), 4);
  assert.equal(keys.get(Buffer.from("a"))?.modRevision, 2);
  assert.deepEqual([keys.within(spanOf("a"), 2).more, keys.isExceeded], [true, false]);
  assert.deepEqual([keys.within(spanOf("a"), 1).kvs.length, keys.isExceeded], [0, true]);
});

test("PresentKeys of an earlier revision are looked at to be counted", () => {
  assert.equal(look(3, 4).count(spanOf("a")), 3);
  const keys = look(2, 4);
  keys.count(spanOf("a"));
  assert.equal(keys.isExceeded, true);
});

test("PresentKeys exceed their limit exactly when the pages asked for hold more keys together", () => {
  const page = fc.tuple(fc.constantFrom("", "a", "b", "d", "e"), fc.integer({ min: 1, max: 5 }));
  fc.assert(
    fc.property(fc.array(page, { maxLength: 6 }), fc.nat({ max: 12 }), (pages, keysMax) => {
      const keys = look(keysMax);
      for (const [start, limit] of pages) keys.within(spanOf(start), limit);
      const held = pages.map(([start, limit]) =>
        Math.min(limit, ["a", "b", "c", "d"].filter((key) => key >= start).length),
      );
      assert.equal(keys.isExceeded, held.reduce((sum, count) => sum + count, 0) > keysMax);
    }),
  );
});
