import assert from "node:assert/strict";
import { test } from "node:test";
import { InvariantError } from "../../../proto/assert.ts";
import { failure } from "../../../proto/errors.ts";
import type { Revision } from "../../../proto/ids.ts";
import type { WatchRequest } from "../../../proto/requests.ts";
import { WatchHub, type WatchLimits, type WatchSource } from "../../../server/watch/watch-hub.ts";
import type { Mvcc } from "../../../storage/mvcc/mvcc.ts";
import { bytes, historyOf, limits, lineOf, linesOf, ms, requestOf, rev, startOf, write } from "./fixtures.ts";

function hubWith(source: WatchSource, requests: readonly WatchRequest[], own: Partial<WatchLimits> = {}): WatchHub {
  const hub = new WatchHub({ ...limits, ...own });
  requests.forEach((request, index) => {
    hub.open(index + 1, request, startOf(source), ms(0));
  });
  return hub;
}

function opening(source: WatchSource, request: WatchRequest): string[] {
  return new WatchHub(limits).open(1, request, startOf(source), ms(0)).map(lineOf);
}

/** The lines of one poll, without more to come. */
function polled(hub: WatchHub, source: WatchSource, nowMs = 0): string[] {
  const { deliveries, more } = hub.poll(source, ms(nowMs));
  assert.equal(more, false);
  return linesOf(deliveries);
}

/** Counts how often the history is read, and the revision asked. */
function counted(mvcc: Mvcc): WatchSource & { scans: number; looks: number } {
  return {
    scans: 0,
    looks: 0,
    get revision() {
      this.looks += 1;
      return mvcc.revision;
    },
    get floor() {
      return mvcc.floor;
    },
    range: (span, options) => mvcc.range(span, options),
    changesSince(revision: Revision, own: { readonly eventsMax: number; readonly bytesMax: number }) {
      this.scans += 1;
      return mvcc.changesSince(revision, own);
    },
  };
}

test("open() begins after the newest revision, or where the request says", () => {
  const mvcc = historyOf("a=1", "a=2", "a=3");
  assert.deepEqual(opening(mvcc, requestOf()), ["opened 5"]);
  assert.deepEqual(opening(mvcc, requestOf({ from: 3 })), ["opened 3"]);
  assert.deepEqual(opening(mvcc, requestOf({ from: 0 })), ["opened 2"]);
  assert.deepEqual(opening(mvcc, requestOf({ from: 99 })), ["opened 99"]);
});

test("open() answers compacted when wanted events are gone, and the revision it names works", () => {
  const mvcc = historyOf("a=1", "a=2", "a=3");
  mvcc.compact(rev(3));
  assert.deepEqual(opening(mvcc, requestOf({ from: 2 })), ["compacted 4"]);
  assert.deepEqual(opening(mvcc, requestOf({ from: 3 })), ["compacted 4"]);
  assert.deepEqual(opening(mvcc, requestOf({ from: 4 })), ["opened 4"]);
  assert.deepEqual(polled(hubWith(mvcc, [requestOf({ from: 4 })]), mvcc), ["1 events 4: 4 a=3"]);
  mvcc.compact(rev(4));
  assert.deepEqual(opening(mvcc, requestOf({ from: 5 })), ["opened 5"]);
});

test("open() refuses one watch too many as overloaded, and a name in use", () => {
  const mvcc = historyOf();
  const hub = hubWith(mvcc, [requestOf(), requestOf()], { watchesMax: 2 });
  assert.deepEqual(hub.open(3, requestOf(), startOf(mvcc), ms(0)).map(lineOf), ["canceled overloaded"]);
  assert.equal(hub.size, 2);
  hub.close(1);
  assert.deepEqual(hub.open(3, requestOf(), startOf(mvcc), ms(0)).map(lineOf), ["opened 2"]);
  hub.close(3);
  assert.throws(() => hub.open(2, requestOf(), startOf(mvcc), ms(0)), InvariantError);
});

test("poll() filters by span, by puts and by deletes, and gives previous values only if asked", () => {
  const mvcc = historyOf("a/1=x b/1=y", "a/1=z", "-a/1");
  const hub = hubWith(mvcc, [
    requestOf({ from: 1, prefix: "a/" }),
    requestOf({ from: 1, prefix: "b/" }),
    requestOf({ from: 1, prefix: "a/", deletes: false }),
    requestOf({ from: 1, puts: false, previousValues: true }),
    requestOf({ from: 1, prefix: "c/" }),
    requestOf({ from: 1, prefix: "a/", previousValues: true }),
  ]);
  assert.deepEqual(polled(hub, mvcc), [
    "1 events 4: 2 a/1=x, 3 a/1=z, 4 -a/1",
    "2 events 4: 2 b/1=y",
    "3 events 4: 2 a/1=x, 3 a/1=z",
    "4 events 4: 4 -a/1 was z",
    "6 events 4: 2 a/1=x, 3 a/1=z was x, 4 -a/1 was z",
  ]);
});

test("poll() tells the deletions by the end of a lease only to watches that want them", () => {
  const mvcc = historyOf("a=1 b=2", "-b");
  mvcc.apply([{ type: "expire", lease: 7, keys: [bytes("a")] }]);
  const wishes = [{}, { withoutExpiries: true }, { deletes: false }];
  const hub = hubWith(
    mvcc,
    wishes.map((wish) => requestOf({ from: 3, ...wish })),
  );
  assert.deepEqual(polled(hub, mvcc), ["1 events 4: 3 -b, 4 -a", "2 events 4: 3 -b", "3 events 4: 4 -a"]);
});

test("poll() takes a span without its end", () => {
  const mvcc = historyOf("a=1 b=2 c=3");
  const span = { start: bytes("a"), end: bytes("c") };
  assert.deepEqual(polled(hubWith(mvcc, [requestOf({ from: 1, span })]), mvcc), ["1 events 2: 2 a=1, 2 b=2"]);
});

test("poll() gives a watch one message of events and the next only when it has drained", () => {
  const mvcc = historyOf("a=1");
  const hub = hubWith(mvcc, [requestOf({ from: 1 })]);
  assert.deepEqual(polled(hub, mvcc), ["1 events 2: 2 a=1"]);
  write(mvcc, "a=2", "a=3");
  assert.deepEqual(polled(hub, mvcc), []);
  hub.drained(1);
  assert.deepEqual(polled(hub, mvcc), ["1 events 4: 3 a=2, 4 a=3"]);
});

test("poll() lets a slow reader harm only itself", () => {
  const mvcc = historyOf("a=1");
  const hub = hubWith(mvcc, [requestOf({ from: 1 }), requestOf({ from: 1 })]);
  polled(hub, mvcc);
  for (let value = 2; value < 50; value++) {
    hub.drained(2);
    write(mvcc, `a=${value}`);
    assert.deepEqual(polled(hub, mvcc), [`2 events ${value + 1}: ${value + 1} a=${value}`]);
  }
});

test("poll() tells a watch that fell below the floor, when it has drained, and closes it", () => {
  const mvcc = historyOf("a=1");
  const hub = hubWith(mvcc, [requestOf({ from: 1 })]);
  polled(hub, mvcc);
  write(mvcc, "a=2", "a=3");
  mvcc.compact(rev(4));
  assert.deepEqual(polled(hub, mvcc), []);
  hub.drained(1);
  assert.deepEqual(polled(hub, mvcc), ["1 compacted 5"]);
  assert.equal(hub.size, 0);
});

test("poll() does not disturb a watch that has everything when history is compacted up to the newest revision", () => {
  const mvcc = historyOf("a=1", "a=2");
  const hub = hubWith(mvcc, [requestOf()]);
  mvcc.compact(rev(3));
  assert.deepEqual(polled(hub, mvcc), []);
  write(mvcc, "a=3");
  assert.deepEqual(polled(hub, mvcc), ["1 events 4: 4 a=3"]);
});

test("poll() of a watch from a future revision waits and passes over what comes before", () => {
  const mvcc = historyOf("a=1");
  const hub = hubWith(mvcc, [requestOf({ from: 5, progressIntervalMs: 100 })]);
  write(mvcc, "a=2");
  assert.deepEqual(polled(hub, mvcc, 150), []);
  assert.equal(hub.deadlineMs(), null);
  write(mvcc, "a=3");
  assert.deepEqual(polled(hub, mvcc, 160), ["1 progress 4"]);
  write(mvcc, "a=4");
  assert.deepEqual(polled(hub, mvcc, 170), ["1 events 5: 5 a=4"]);
});

test("poll() reads the history once for all watches at one place", () => {
  const source = counted(historyOf("a=1", "b=2"));
  const hub = hubWith(source, [requestOf({ from: 1 }), requestOf({ from: 2 }), requestOf({ from: 3 })]);
  assert.equal(hub.poll(source, ms(0)).deliveries.length, 3);
  assert.equal(source.scans, 2);
});

test("poll() costs nothing while nothing is new", () => {
  const mvcc = historyOf("a=1", "b=2");
  const source = counted(mvcc);
  const hub = hubWith(source, [requestOf({ from: 1, prefix: "b" }), requestOf({ from: 1, prefix: "c" })]);
  hub.poll(source, ms(0));
  const looks = source.looks;
  for (let times = 0; times < 5; times++) assert.deepEqual(polled(hub, source), []);
  assert.equal(source.scans, 1);
  assert.equal(source.looks, looks + 5, "walks the watches");
});

test("poll() brings a watch that is far behind forward in bounded messages of whole revisions", () => {
  const mvcc = historyOf("a=1 b=1", "a=2 b=2", "a=3 b=3 c=3 d=3", "a=4");
  const hub = hubWith(mvcc, [requestOf({ from: 1 })], { eventsMax: 3 });
  const lines: string[] = [];
  for (let turn = 0; turn < 4; turn++) {
    lines.push(...linesOf(hub.poll(mvcc, ms(0)).deliveries));
    hub.drained(1);
  }
  assert.deepEqual(lines, [
    "1 events 2: 2 a=1, 2 b=1",
    "1 events 3: 3 a=2, 3 b=2",
    "1 events 4: 4 a=3, 4 b=3, 4 c=3, 4 d=3",
    "1 events 5: 5 a=4",
  ]);
});

test("poll() says that there is more while a narrow watch is still searching", () => {
  const mvcc = historyOf("a=1", "a=2", "a=3", "z=4");
  const hub = hubWith(mvcc, [requestOf({ from: 1, prefix: "z" })], { eventsMax: 1 });
  for (let turn = 0; turn < 3; turn++) assert.deepEqual(hub.poll(mvcc, ms(0)), { deliveries: [], more: true });
  assert.deepEqual(polled(hub, mvcc), ["1 events 5: 5 z=4"]);
});

test("poll() bounds its work and gives every watch its turn", () => {
  const mvcc = historyOf("a=1", "a=2", "a=3", "a=4");
  const requests = Array.from({ length: 10 }, (_, index) =>
    requestOf({ from: 1, prefix: index % 2 === 0 ? "a" : "z" }),
  );
  const hub = hubWith(mvcc, requests, { eventsMax: 2, examinedMax: 5 });
  const heard = new Map<number, number>();
  for (let turn = 0; turn < 30; turn++) {
    const { deliveries } = hub.poll(mvcc, ms(0));
    assert.ok(deliveries.length <= 3);
    for (const { call } of deliveries) {
      heard.set(call, (heard.get(call) ?? 0) + 1);
      hub.drained(call);
    }
  }
  assert.deepEqual(
    [...heard].toSorted(([left], [right]) => left - right),
    [1, 3, 5, 7, 9].map((call) => [call, 2]),
  );
  assert.equal(hub.poll(mvcc, ms(0)).more, false);
});

test("poll() does not let a watch that searches a long history hold up the others", () => {
  const mvcc = historyOf(...Array.from({ length: 20 }, (_, value) => `a=${value}`));
  const requests = [requestOf({ from: 1, prefix: "z" }), requestOf({ from: 1, prefix: "a" })];
  const hub = hubWith(mvcc, requests, { eventsMax: 2, examinedMax: 3 });
  hub.poll(mvcc, ms(0));
  assert.deepEqual(linesOf(hub.poll(mvcc, ms(0)).deliveries), ["2 events 3: 2 a=0, 3 a=1"]);
});

test("poll() reports progress to an idle watch when its interval has passed since the last message, at its deadline", () => {
  const mvcc = historyOf("a=1", "b=2");
  const hub = hubWith(mvcc, [requestOf({ progressIntervalMs: 100 }), requestOf()]);
  assert.equal(hub.deadlineMs(), 100);
  assert.deepEqual(polled(hub, mvcc, 99), []);
  assert.deepEqual(polled(hub, mvcc, 100), ["1 progress 3"]);
  assert.equal(hub.deadlineMs(), 200);
  write(mvcc, "a=3");
  assert.deepEqual(polled(hub, mvcc, 150), ["1 events 4: 4 a=3", "2 events 4: 4 a=3"]);
  hub.drained(1);
  assert.deepEqual(polled(hub, mvcc, 200), []);
  assert.equal(hub.deadlineMs(), 250);
  assert.deepEqual(polled(hub, mvcc, 250), ["1 progress 4"]);
  hub.close(1);
  assert.deepEqual(polled(hub, mvcc, 350), []);
  assert.equal(hub.deadlineMs(), null);
});

test("poll() reports progress to a watch from a future revision that all that came passes over", () => {
  const mvcc = historyOf("a=1");
  const hub = hubWith(mvcc, [requestOf({ from: 4, prefix: "z", progressIntervalMs: 100 })]);
  assert.deepEqual(polled(hub, mvcc, 100), []);
  write(mvcc, "a=2", "a=3", "a=4");
  assert.deepEqual(polled(hub, mvcc, 150), ["1 progress 5"]);
  assert.equal(hub.deadlineMs(), 250);
});

test("poll() reports no progress to a watch with an unread message, and catches up when it has drained", () => {
  const mvcc = historyOf("a=1");
  const hub = hubWith(mvcc, [requestOf({ from: 1, progressIntervalMs: 100 })]);
  assert.deepEqual(polled(hub, mvcc, 0), ["1 events 2: 2 a=1"]);
  assert.deepEqual(polled(hub, mvcc, 500), []);
  assert.equal(hub.deadlineMs(), null);
  hub.drained(1);
  assert.equal(hub.deadlineMs(), 100);
  assert.deepEqual(polled(hub, mvcc, 500), ["1 progress 2"]);
});

test("poll() reports progress of a watch whose span saw nothing of the newest revisions", () => {
  const mvcc = historyOf("a=1");
  const hub = hubWith(mvcc, [requestOf({ prefix: "z", progressIntervalMs: 100 })]);
  write(mvcc, "a=2", "a=3");
  assert.deepEqual(polled(hub, mvcc, 50), []);
  assert.deepEqual(polled(hub, mvcc, 100), ["1 progress 4"]);
});

test("cancelAll() ends every watch with the reason", () => {
  const mvcc = historyOf("a=1");
  const hub = hubWith(mvcc, [requestOf({ from: 1 }), requestOf()]);
  const reason = failure("stopping", "The node is stopping");
  assert.deepEqual(linesOf(hub.cancelAll(reason)), ["1 canceled stopping", "2 canceled stopping"]);
  assert.equal(hub.size, 0);
  write(mvcc, "a=2");
  assert.deepEqual(polled(hub, mvcc), []);
  hub.drained(1);
  hub.close(1);
});
