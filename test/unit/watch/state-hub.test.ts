// Watches of states: when they have something to say, and when nobody is left who would.

import assert from "node:assert/strict";
import { test } from "node:test";
import { failure } from "../../../proto/errors.ts";
import type { WatchMessage } from "../../../proto/requests.ts";
import { StateHub, type StateSource } from "../../../server/watch/state-hub.ts";
import { historyOf, lineOf, ms, rev, startOf } from "./fixtures.ts";

const { header } = startOf(historyOf());
const quiet: StateSource<null> = {
  newest: 5,
  next: () => null,
  progress: () => ({ type: "progress", revision: rev(5) }),
};
const compacted: WatchMessage = { type: "compacted", floor: rev(4) };

function hubWith(calls: readonly number[]): StateHub<null> {
  const hub = new StateHub<null>(10);
  const opening = { filter: null, position: 3, initialThrough: -1, progressIntervalMs: 100, header };
  for (const call of calls) hub.open(call, opening, ms(0));
  return hub;
}

test("an idle watch hears of progress at its deadline, and is due again an interval later", () => {
  const hub = hubWith([1]);
  assert.equal(hub.deadlineMs(), 100);
  assert.deepEqual(
    hub.poll(quiet, ms(100)).map(({ message }) => lineOf(message)),
    ["progress 5"],
  );
  assert.equal(hub.deadlineMs(), 200);
});

test("nothing is due any more when the last watch is closed, canceled or compacted", () => {
  const closed = hubWith([1, 2]);
  closed.close(1);
  assert.equal(closed.deadlineMs(), 100);
  closed.close(2);
  assert.equal(closed.deadlineMs(), null);
  const canceled = hubWith([1, 2]);
  assert.equal(canceled.cancelAll(failure("stopping", "over")).length, 2);
  assert.equal(canceled.deadlineMs(), null);
  const gone = hubWith([1]);
  assert.equal(gone.poll({ ...quiet, next: () => compacted }, ms(0)).length, 1);
  assert.equal(gone.deadlineMs(), null);
});

test("a watch that comes from a node that knew more says nothing before this one knows as much, and then goes on", () => {
  const hub = new StateHub<null>(10);
  const opening = { filter: null, position: 7, initialThrough: -1, progressIntervalMs: 100, header };
  hub.open(1, opening, ms(0));
  assert.deepEqual(hub.poll(quiet, ms(100)), []);
  assert.equal(hub.deadlineMs(), null);
  const later = { ...quiet, newest: 7, progress: () => ({ type: "progress", revision: rev(7) }) as const };
  assert.deepEqual(
    hub.poll(later, ms(120)).map(({ message }) => lineOf(message)),
    ["progress 7"],
  );
  assert.equal(hub.deadlineMs(), 220);
});
