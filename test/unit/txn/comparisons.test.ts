import assert from "node:assert/strict";
import { test } from "node:test";
import type { Comparison } from "../../../proto/transactions.ts";
import { doHold } from "../../../server/txn/comparisons.ts";
import { keyIs, lookAt, mvccOf, spanIs, spanOf, value } from "./fixtures.ts";

// Revisions: a 2 and 4, b 3, c 5 with lease 9.
const mvcc = mvccOf(["a", "1"], ["b", "5"], ["a", "2"], ["c", "", 9]);

const table: readonly (readonly [what: string, comparison: Comparison, holds: boolean])[] = [
  ["an equal value", keyIs("a", "equal", value("2")), true],
  ["another value", keyIs("a", "equal", value("1")), false],
  ["an unequal value", keyIs("a", "notEqual", value("1")), true],
  ["a value by byte order", keyIs("b", "greater", value("10")), true],
  ["a value that is a prefix of the other", keyIs("b", "less", value("50")), true],
  ["an empty value", keyIs("c", "equal", value("")), true],
  ["no value of a key that does not exist", keyIs("x", "notEqual", value("1")), false],
  ["nor the empty one", keyIs("x", "equal", value("")), false],
  ["a key that must not exist and does not", keyIs("x", "equal", { type: "modRevision", number: 0 }), true],
  ["a key that must not exist and does", keyIs("a", "equal", { type: "createRevision", number: 0 }), false],
  ["the revision that created it", keyIs("a", "equal", { type: "createRevision", number: 2 }), true],
  ["the revision that wrote it last", keyIs("a", "equal", { type: "modRevision", number: 4 }), true],
  ["an earlier one", keyIs("a", "greater", { type: "modRevision", number: 4 }), false],
  ["its version", keyIs("a", "equal", { type: "version", number: 2 }), true],
  ["a lower version", keyIs("b", "less", { type: "version", number: 2 }), true],
  ["its lease", keyIs("c", "equal", { type: "lease", number: 9 }), true],
  ["every key of a span", spanIs(spanOf("a", "c"), "less", { type: "modRevision", number: 5 }), true],
  ["one key of a span that does not", spanIs(spanOf("a"), "less", { type: "modRevision", number: 5 }), false],
  ["an empty span", spanIs(spanOf("x"), "equal", value("no such")), true],
];

for (const [what, comparison, holds] of table) {
  test(`${what} ${holds ? "holds" : "does not hold"}`, () => {
    assert.equal(doHold([comparison], lookAt(mvcc)), holds);
  });
}

test("all comparisons must hold, and none always do", () => {
  const [right, wrong] = [keyIs("a", "equal", value("2")), keyIs("a", "equal", value("1"))];
  assert.equal(doHold([], lookAt(mvcc)), true);
  assert.equal(doHold([right, right], lookAt(mvcc)), true);
  assert.equal(doHold([right, wrong], lookAt(mvcc)), false);
});
