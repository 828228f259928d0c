// What the groups of a node hold together is bounded, whatever each of them may hold.

import assert from "node:assert/strict";
import { test } from "node:test";
import { toGroupId } from "../../../proto/ids.ts";
import { MemorySpace } from "../../../server/node/memory-space.ts";
import { n1, rg } from "./cluster.ts";

const other = toGroupId("other");

test("all groups together fill the node's memory, and nothing but growth is refused then", () => {
  const space = new MemorySpace(n1, 1_000);
  space.holds(rg, 400);
  space.holds(other, 500);
  assert.equal(space.refusal(rg, 100), null);
  assert.equal(space.refusal(rg, 0), null);
  assert.deepEqual(space.refusal(rg, 101)?.details, { group: rg, node: n1 });
  assert.match(space.refusal(rg, 101)?.message ?? "", /hold 900 bytes together, limit 1000 \(groupsBytesMax/);
});

test("a group that shrinks or leaves makes room for the others", () => {
  const space = new MemorySpace(n1, 1_000);
  space.holds(rg, 900);
  space.holds(other, 100);
  space.holds(rg, 100);
  assert.equal(space.refusal(other, 800), null);
  space.drop(rg);
  space.drop(rg);
  assert.equal(space.refusal(other, 900), null);
  assert.notEqual(space.refusal(other, 901), null);
});
