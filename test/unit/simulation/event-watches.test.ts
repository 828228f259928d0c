// The checker of watches of cluster events accepts an honest one, over breaks and with what there is first, and names each lie.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type LogIndex, toNodeId, toRevision } from "../../../proto/ids.ts";
import type { ClusterEvent } from "../../../proto/model.ts";
import type { WatchMessage } from "../../../proto/requests.ts";
import { checkEventWatch, hasAllEvents } from "../../../server/simulation/checkers/event-watches.ts";
import { Violation } from "../../../server/simulation/violation.ts";
import { EventLog } from "../../../server/simulation/workload/event-watchers.ts";
import { historyOf, startOf } from "../watch/fixtures.ts";

function failed(index: number, node: string): ClusterEvent {
  return { index: index as LogIndex, atMs: 1, change: { type: "nodeFailed", node: toNodeId(node), reason: "silent" } };
}

/** Two events of one entry. */
const [a3, a5, b5, a9] = [failed(3, "a"), failed(5, "a"), failed(5, "b"), failed(9, "a")];
const history = { events: [a3, a5, b5, a9], index: 12 };

const { header } = startOf(historyOf());
const opened = (from: number): WatchMessage => ({ type: "opened", header, revision: toRevision(from) });
const progress = (through: number): WatchMessage => ({ type: "progress", revision: toRevision(through) });

function gave(through: number, events: readonly ClusterEvent[], initial = false): WatchMessage {
  return { type: "clusterEvents", revision: toRevision(through), initial, more: false, events };
}

function told(messages: readonly WatchMessage[], initial = false): EventLog {
  const log = new EventLog(initial, 0);
  for (const message of messages) log.told(message);
  return log;
}

test("an honest watch is accepted, over breaks, and after what there is", () => {
  const whole = told([opened(1), gave(3, [a3]), progress(4), opened(5), gave(8, [a5, b5]), gave(12, [a9])]);
  assert.equal(checkEventWatch(whole, history), 4);
  const late = told([opened(0), gave(6, [a3, a5, b5], true), gave(12, [a9])], true);
  assert.equal(checkEventWatch(late, history), 4);
  assert.deepEqual(
    [whole, late, told([opened(1), gave(5, [a3, a5, b5])])].map((log) => hasAllEvents(log, history)),
    [true, true, false],
  );
});

test("a listing that broke before it was whole is asked for again, and what came of it does not count", () => {
  const page: WatchMessage = {
    type: "clusterEvents",
    revision: toRevision(3),
    initial: true,
    more: true,
    events: [a3],
  };
  const log = told([opened(0), page], true);
  assert.deepEqual([log.ask().initial, log.ask().startIndex], [true, null]);
  for (const message of [opened(0), gave(12, history.events, true)]) log.told(message);
  assert.equal(checkEventWatch(log, history), 4);
  assert.deepEqual([log.ask().initial, log.ask().startIndex], [false, 13]);
});

const lies: [guarantee: string, log: EventLog][] = [
  ["event order", told([opened(1), gave(12, [a5, b5, a3, a9])])],
  ["event uniqueness", told([opened(1), gave(3, [a3]), gave(12, [a5, a5, b5, a9])])],
  ["event atomicity", told([opened(1), gave(3, [a3]), gave(5, [a5]), gave(12, [b5, a9])])],
  ["event initial", told([opened(1), gave(12, history.events, true)])],
  ["event initial", told([opened(0), gave(12, history.events)], true)],
  ["event initial", told([opened(0), gave(6, [a3, a5, b5], true), opened(7), gave(12, [a9], true)], true)],
  ["event bookmarks", told([opened(1), gave(3, [a3]), progress(5), gave(12, [a5, b5, a9])])],
  ["event bookmarks", told([opened(1), gave(12, history.events), progress(13)])],
  ["event bookmarks", told([opened(1), gave(12, history.events), progress(11)])],
  ["event bookmarks", told([opened(1), gave(8, history.events)])],
  ["event resumption", told([opened(6), gave(12, history.events)])],
  ["event reliability", told([opened(1), gave(3, [a3]), gave(12, [a9])])],
  ["event reliability", told([opened(1), gave(3, [a3]), progress(12)])],
  ["event reliability", told([opened(1), gave(12, [a3, a5, b5, failed(9, "b")])])],
];
for (const [position, [guarantee, log]] of lies.entries()) {
  test(`a breach of ${guarantee} is named: ${position}`, () => {
    assert.throws(
      () => checkEventWatch(log, history),
      (reason) => reason instanceof Violation && reason.checker === guarantee,
    );
  });
}
