// A slow reader is told that it is behind, once, and that it has caught up; it is served from history in between.

import assert from "node:assert/strict";
import { test } from "node:test";
import { WatchHub } from "../../../server/watch/watch-hub.ts";
import type { Mvcc } from "../../../storage/mvcc/mvcc.ts";
import { historyOf, limits, linesOf, ms, requestOf, startOf, write } from "./fixtures.ts";

const value = "0123456789";

/** A watch that has been handed revision 3 and does not read it. */
function slow(mvcc: Mvcc, prefix = "a"): WatchHub {
  const hub = new WatchHub({ ...limits, eventsMax: 1 });
  hub.open(1, requestOf({ prefix, bufferBytesMax: 25 }), startOf(mvcc), ms(0));
  write(mvcc, "a=1 b=1");
  assert.equal(hub.poll(mvcc, ms(0)).deliveries.length, 1);
  return hub;
}

function poll(hub: WatchHub, mvcc: Mvcc): string[] {
  const lines: string[] = [];
  for (let turn = 0; turn < 10; turn++) lines.push(...linesOf(hub.poll(mvcc, ms(0)).deliveries));
  return lines;
}

test("behind is told once more has happened than the reader wants held, and not again", () => {
  const mvcc = historyOf("a=0");
  const hub = slow(mvcc);
  write(mvcc, `a=${value}`, `a=${value}`);
  assert.deepEqual(poll(hub, mvcc), []);
  write(mvcc, `a=${value}`);
  assert.deepEqual(poll(hub, mvcc), ["1 behind 3 of 6"]);
  write(mvcc, `a=${value}`, `a=${value}`, `a=${value}`);
  assert.deepEqual(poll(hub, mvcc), []);
});

test("what is not for the watch does not count", () => {
  const mvcc = historyOf("a=0");
  const hub = slow(mvcc);
  write(mvcc, `b=${value}`, `b=${value}`, `b=${value}`, `b=${value}`);
  assert.deepEqual(poll(hub, mvcc), []);
});

test("a reader that has caught up hears of progress, and may fall behind again", () => {
  const mvcc = historyOf("a=0");
  const hub = slow(mvcc);
  const missed = () => {
    write(mvcc, `a=${value}`, `a=${value}`, `a=${value}`);
    return poll(hub, mvcc);
  };
  assert.deepEqual(missed(), ["1 behind 3 of 6"]);
  const lines: string[] = [];
  for (let turn = 0; turn < 4; turn++) {
    hub.drained(1);
    lines.push(...poll(hub, mvcc).map((line) => line.split(":")[0] ?? ""));
  }
  assert.deepEqual(lines, ["1 events 4", "1 events 5", "1 events 6", "1 progress 6"]);
  write(mvcc, "a=1");
  assert.deepEqual(poll(hub, mvcc), ["1 events 7: 7 a=1"]);
  assert.deepEqual(missed(), ["1 behind 7 of 10"]);
});

test("watches that want the same are handed the same message, which is encoded once", () => {
  const mvcc = historyOf("a=0");
  const hub = new WatchHub(limits);
  const wishes = [{}, {}, { prefix: "a" }, { previousValues: true }];
  for (const [call, wish] of wishes.entries()) hub.open(call, requestOf(wish), startOf(mvcc), ms(0));
  write(mvcc, "a=1");
  const { deliveries } = hub.poll(mvcc, ms(0));
  assert.equal(new Set(deliveries.map(({ message }) => message)).size, 3);
  assert.equal(deliveries[0]?.message, deliveries[1]?.message);
});
