// A share of the promise of watches; in full it takes half a minute, so that it is for `node test/sim/watches.ts`.

import assert from "node:assert/strict";
import { test } from "node:test";
import { playWatchScene, type WatchCounts } from "./watch-scene.ts";

const share: WatchCounts = { events: 15_000, breaks: 30, failOvers: 3 };

test("watches lose no event and tell none twice, over broken streams and fail-overs", (t) => {
  const counts = playWatchScene(1, share);
  t.diagnostic(JSON.stringify(counts));
  assert.ok(counts.events >= share.events && counts.breaks >= share.breaks);
});
