// What exists first, then what changes: without a gap, in pages, and never at the cost of memory.

import assert from "node:assert/strict";
import { test } from "node:test";
import { WatchHub } from "../../../server/watch/watch-hub.ts";
import type { Mvcc } from "../../../storage/mvcc/mvcc.ts";
import { historyOf, limits, linesOf, ms, requestOf, rev, startOf, write } from "./fixtures.ts";

function hubOf(mvcc: Mvcc, request: Parameters<typeof requestOf>[0] = {}, own = {}): WatchHub {
  const hub = new WatchHub({ ...limits, ...own });
  hub.open(1, requestOf({ initial: true, ...request }), startOf(mvcc), ms(0));
  return hub;
}

function next(hub: WatchHub, mvcc: Mvcc): string[] {
  hub.drained(1);
  return linesOf(hub.poll(mvcc, ms(0)).deliveries);
}

test("what exists comes in key order as of one revision, then every later change", () => {
  const mvcc = historyOf("b=1", "a=1", "b=2", "c=1", "-c");
  const hub = hubOf(mvcc);
  assert.deepEqual(next(hub, mvcc), ["1 initial 6: 3 a=1, 4 b=2"]);
  write(mvcc, "a=2");
  assert.deepEqual(next(hub, mvcc), ["1 events 7: 7 a=2"]);
});

test("a page that is behind the changes meanwhile shows the pinned revision", () => {
  const mvcc = historyOf("a=1 b=1 c=1");
  const hub = hubOf(mvcc, {}, { eventsMax: 2 });
  assert.deepEqual(next(hub, mvcc), ["1 initial 2: 2 a=1, 2 b=1 ..."]);
  write(mvcc, "c=2", "-a");
  assert.deepEqual(next(hub, mvcc), ["1 initial 2: 2 c=1"]);
  assert.deepEqual(next(hub, mvcc), ["1 events 4: 3 c=2, 4 -a"]);
});

test("a reader that does not read holds up the next page, and nobody else", () => {
  const mvcc = historyOf("a=1 b=1 c=1");
  const hub = hubOf(mvcc, {}, { eventsMax: 1 });
  hub.open(2, requestOf(), startOf(mvcc), ms(0));
  assert.equal(hub.poll(mvcc, ms(0)).deliveries.length, 1);
  write(mvcc, "a=2");
  assert.deepEqual(linesOf(hub.poll(mvcc, ms(0)).deliveries), ["2 events 3: 3 a=2"]);
});

test("nothing that exists is said as well: an empty page, behind which the changes begin", () => {
  const mvcc = historyOf("a=1");
  assert.deepEqual(next(hubOf(mvcc, { prefix: "b" }), mvcc), ["1 initial 2: "]);
  assert.deepEqual(next(hubOf(mvcc, { puts: false }), mvcc), ["1 initial 2: "]);
});

test("a pinned revision that is compacted before all was read ends the watch", () => {
  const mvcc = historyOf("a=1 b=1");
  const hub = hubOf(mvcc, {}, { eventsMax: 1 });
  next(hub, mvcc);
  write(mvcc, "a=2", "a=3");
  mvcc.compact(rev(4));
  assert.deepEqual(next(hub, mvcc), ["1 compacted 5"]);
  assert.equal(hub.size, 0);
});
