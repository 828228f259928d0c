// Large clusters when quiet. A thousand nodes take a minute, so that they are for `node test/sim/quiet.ts 1000`.

import assert from "node:assert/strict";
import { test } from "node:test";
import { runQuietWorld } from "./quiet-world.ts";

test("a quiet cluster of 100 nodes and as many groups elects one manager a group, and keeps it", () => {
  const { groups, managed, handedOver, repeatedElections } = runQuietWorld(100, 10_000);
  assert.equal(managed, groups);
  assert.equal(repeatedElections, 0);
  assert.ok(handedOver <= groups, `${handedOver} times`);
});
