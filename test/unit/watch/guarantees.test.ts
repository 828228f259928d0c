// The guarantees of a watch (F2), each on its own, against a model: random histories, filters, limits, slow readers and
// compactions. The model is the list of all changes; a stream is what one watch was told.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { KeyEvent, WatchMessage, WatchRequest } from "../../../proto/requests.ts";
import { WatchHub } from "../../../server/watch/watch-hub.ts";
import { Mvcc } from "../../../storage/mvcc/mvcc.ts";
import { limits, lineOf, ms, requestOf, rev, startOf, textOf, write } from "./fixtures.ts";

type Action =
  | { readonly type: "write"; readonly changes: readonly string[] }
  | { readonly type: "poll" }
  | { readonly type: "drain" }
  | { readonly type: "compact"; readonly back: number }
  | { readonly type: "wait"; readonly forMs: number };

interface Plan {
  readonly requests: readonly WatchRequest[];
  readonly eventsMax: number;
  readonly examinedMax: number;
  readonly actions: readonly Action[];
}

interface Stream {
  readonly request: WatchRequest;
  /** First revision that it is owed. */
  readonly from: number;
  readonly messages: readonly WatchMessage[];
  readonly isOpen: boolean;
}

interface Run {
  /** Every change ever made, also those that were compacted since. */
  readonly history: readonly KeyEvent[];
  readonly newest: number;
  readonly streams: readonly Stream[];
}

const change = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.tuple(fc.constantFrom("a/1", "a/2", "b/1"), fc.nat(9)).map(([key, value]) => `${key}=${value}`),
  },
  { weight: 1, arbitrary: fc.constantFrom("-a/1", "-a/2", "-b/1") },
);
const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant("write" as const),
      changes: fc.array(change, { minLength: 1, maxLength: 3 }),
    }),
  },
  { weight: 4, arbitrary: fc.constantFrom<Action>({ type: "poll" }, { type: "drain" }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("compact" as const), back: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("wait" as const), forMs: fc.nat(80) }) },
);
const request = fc
  .record({
    from: fc.option(fc.nat(12)),
    prefix: fc.constantFrom("", "a/", "b/"),
    puts: fc.boolean(),
    deletes: fc.boolean(),
    previousValues: fc.boolean(),
    progressIntervalMs: fc.constantFrom(0, 50),
  })
  .map(requestOf);
const plan: fc.Arbitrary<Plan> = fc.record({
  requests: fc.array(request, { minLength: 1, maxLength: 4 }),
  eventsMax: fc.integer({ min: 1, max: 6 }),
  examinedMax: fc.integer({ min: 1, max: 12 }),
  actions: fc.array(action, { maxLength: 30 }),
});

/** Carries out the plan; watches open one after another in the course of it; at the end everybody reads everything. */
function run({ requests, eventsMax, examinedMax, actions }: Plan): Run {
  const mvcc = new Mvcc();
  const hub = new WatchHub({ ...limits, eventsMax, examinedMax });
  const history: KeyEvent[] = [];
  const streams: (Stream & { messages: WatchMessage[]; isOpen: boolean; from: number })[] = [];
  let nowMs = 0;
  const open = (wanted: WatchRequest) => {
    const messages = [...hub.open(streams.length, wanted, startOf(mvcc), ms(nowMs))];
    const [first] = messages;
    const from = first?.type === "opened" ? first.revision : 0;
    streams.push({ request: wanted, messages, from, isOpen: first?.type === "opened" });
  };
  const poll = () => {
    const { deliveries, more } = hub.poll(mvcc, ms(nowMs));
    for (const { call, message } of deliveries) {
      const stream = streams[call];
      assert.ok(stream?.isOpen, "a message after the last");
      stream.messages.push(message);
      if (message.type === "compacted") stream.isOpen = false;
    }
    return more || deliveries.length > 0;
  };
  const drain = () => {
    streams.forEach((_, call) => {
      hub.drained(call);
    });
  };
  actions.forEach((each, position) => {
    const next = requests[streams.length];
    if (next !== undefined && position % 4 === 0) open(next);
    if (each.type === "wait") nowMs += each.forMs;
    else if (each.type === "drain") drain();
    else if (each.type === "poll") poll();
    else if (each.type === "compact") mvcc.compact(rev(Math.max(1, mvcc.revision - each.back)));
    else {
      const before = mvcc.revision;
      write(mvcc, each.changes.join(" "));
      const changes = mvcc.changesSince(before, limits);
      assert.ok(changes.type === "changes");
      for (const { revision, events } of changes.revisions)
        history.push(...events.map((event) => ({ ...event, revision })));
    }
  });
  for (let turn = 0; turn < 1000; turn++) {
    drain();
    if (!poll()) return { history, newest: mvcc.revision, streams };
  }
  assert.fail("the streams never come to rest");
}

/** What the watch asked for among all changes. */
function wanted(history: readonly KeyEvent[], { request: asked, from }: Stream): string[] {
  const { start, end } = asked.span;
  const chosen = history.filter(
    ({ key, kv, revision }) =>
      revision >= from &&
      (kv === null ? asked.deletes : asked.puts) &&
      textOf(key) >= textOf(start) &&
      (end === null || textOf(key) < textOf(end)),
  );
  return chosen.map((event) => tokenOf(asked.previousValues ? event : { ...event, previous: null }));
}

function tokenOf(event: KeyEvent): string {
  return lineOf({ type: "events", revision: event.revision, events: [event] });
}

const eventsOf = (stream: Stream): readonly KeyEvent[] =>
  stream.messages.flatMap((message) => (message.type === "events" ? message.events : []));

function guarantee(name: string, check: (stream: Stream, whole: Run) => void): void {
  test(`watch guarantee: ${name}`, () => {
    fc.assert(
      fc.property(plan, (each) => {
        const whole = run(each);
        for (const stream of whole.streams) check(stream, whole);
      }),
      { numRuns: 150 },
    );
  });
}

guarantee("ordered: revisions never go back", (stream) => {
  const revisions = eventsOf(stream).map(({ revision }) => revision);
  assert.deepEqual(
    revisions,
    revisions.toSorted((left, right) => left - right),
  );
});

guarantee("unique: no event comes twice", (stream) => {
  const names = eventsOf(stream).map(({ key, revision }) => `${revision} ${textOf(key)}`);
  assert.equal(new Set(names).size, names.length);
});

guarantee("reliable: every wanted event up to the end of the stream arrives, and no other", (stream, { history }) => {
  const told = eventsOf(stream).map(tokenOf);
  const owed = wanted(history, stream);
  if (stream.isOpen) assert.deepEqual(told, owed);
  else assert.deepEqual(told, owed.slice(0, told.length));
});

guarantee("no silent gap: a stream that misses events ends with compacted, past all that it was told", (stream) => {
  const last = stream.messages.at(-1);
  if (stream.isOpen) assert.notEqual(last?.type, "compacted");
  else {
    assert.ok(last?.type === "compacted");
    for (const { revision } of eventsOf(stream)) assert.ok(revision < last.floor);
  }
});

guarantee("atomic: the wanted events of a revision come in one message", (stream) => {
  const seen = new Set<number>();
  for (const message of stream.messages) {
    if (message.type !== "events") continue;
    const revisions = new Set(message.events.map(({ revision }) => revision));
    for (const revision of revisions) assert.ok(!seen.has(revision), `revision ${revision} is split`);
    for (const revision of revisions) seen.add(revision);
  }
});

guarantee(
  "bookmarked: what a message or progress vouches for has been delivered, and nothing at or below follows",
  (stream, whole) => {
    const owed = wanted(whole.history, stream);
    const told: string[] = [];
    let vouched = 0;
    for (const message of stream.messages) {
      if (message.type === "events") {
        for (const { revision } of message.events) assert.ok(revision > vouched && revision <= message.revision);
        told.push(...message.events.map(tokenOf));
      }
      if (message.type !== "events" && message.type !== "progress") continue;
      assert.ok(message.revision >= vouched && message.revision <= whole.newest);
      vouched = message.revision;
      const due = owed.filter((token) => Number(token.split(" ")[1]?.slice(0, -1)) <= vouched);
      assert.deepEqual(told, due);
    }
  },
);

test("watch guarantee: resumable: a watch from after any bookmark continues exactly where that one stood", () => {
  fc.assert(
    fc.property(plan, fc.nat(), (each, draw) => {
      const mvcc = new Mvcc();
      for (const { type, ...rest } of each.actions)
        if (type === "write" && "changes" in rest) write(mvcc, rest.changes.join(" "));
      const [asked = requestOf()] = each.requests;
      const whole = readAll(mvcc, { ...asked, startRevision: rev(1) }, each.eventsMax);
      const bookmarks = whole.filter((message) => message.type === "events");
      const bookmark = bookmarks[draw % Math.max(bookmarks.length, 1)];
      if (bookmark === undefined) return;
      const resumed = readAll(mvcc, { ...asked, startRevision: rev(bookmark.revision + 1) }, each.eventsMax);
      assert.deepEqual(tokens(resumed), tokens(bookmarks.slice(bookmarks.indexOf(bookmark) + 1)));
    }),
    { numRuns: 150 },
  );
});

function tokens(messages: readonly WatchMessage[]): string[] {
  return messages.flatMap((message) => (message.type === "events" ? message.events.map(tokenOf) : []));
}

function readAll(mvcc: Mvcc, asked: WatchRequest, eventsMax: number): WatchMessage[] {
  const hub = new WatchHub({ ...limits, eventsMax });
  const messages = [...hub.open(1, asked, startOf(mvcc), ms(0))];
  for (let turn = 0; turn < 1000; turn++) {
    const { deliveries, more } = hub.poll(mvcc, ms(0));
    messages.push(...deliveries.map(({ message }) => message));
    hub.drained(1);
    if (!more && deliveries.length === 0) return messages;
  }
  assert.fail("the stream never comes to rest");
}
