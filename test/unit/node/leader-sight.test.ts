import assert from "node:assert/strict";
import { test } from "node:test";
import { toMillis } from "../../../proto/ids.ts";
import { LeaderSight } from "../../../server/node/leader-sight.ts";
import { n1, n2 } from "./cluster.ts";

test("before the first leader the time counts from the beginning", () => {
  const sight = new LeaderSight(toMillis(100));
  sight.changed(null, toMillis(150));
  assert.equal(sight.leaderlessMs(toMillis(300)), 200);
});

test("the time without a leader counts from when it was lost, however long it had led", () => {
  const sight = new LeaderSight(toMillis(0));
  sight.changed(n1, toMillis(10));
  assert.equal(sight.leaderlessMs(toMillis(50_000)), 0);
  sight.changed(null, toMillis(60_000));
  sight.changed(null, toMillis(60_500));
  assert.equal(sight.leaderlessMs(toMillis(61_000)), 1000);
  sight.changed(n2, toMillis(61_000));
  assert.equal(sight.leaderlessMs(toMillis(62_000)), 0);
});
