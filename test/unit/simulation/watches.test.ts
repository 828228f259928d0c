// The watch checker accepts an honest watch and names each lie: one planted violation for every guarantee.

import assert from "node:assert/strict";
import { test } from "node:test";
import { toGroupId, toRevision } from "../../../proto/ids.ts";
import type { KeyValue } from "../../../proto/model.ts";
import type { KeyEvent } from "../../../proto/requests.ts";
import { Timeline } from "../../../server/simulation/checkers/replay.ts";
import { checkWatch } from "../../../server/simulation/checkers/watches.ts";
import { Violation } from "../../../server/simulation/violation.ts";
import { plainForm, type WatchForm } from "../../../server/simulation/workload/watch-forms.ts";
import { newWatchLog, type WatchLog, type WatchStep } from "../../../server/simulation/workload/watchers.ts";
import { bytesOf } from "../../../storage/bytes.ts";

function kv(key: string, value: string, modRevision: number, version = 1): KeyValue {
  const createRevision = toRevision(modRevision - version + 1);
  return {
    key: bytesOf(key),
    value: bytesOf(value),
    createRevision,
    modRevision: toRevision(modRevision),
    version,
    lease: 0,
  };
}

function event(revision: number, key: string, now: KeyValue | null, previous: KeyValue | null = null): KeyEvent {
  return { key: bytesOf(key), kv: now, previous, revision: toRevision(revision), endedLease: 0 };
}

/** 2: put a; 3: put a and b; 4: delete b */
const a2 = event(2, "a", kv("a", "1", 2));
const a3 = event(3, "a", kv("a", "2", 3, 2), kv("a", "1", 2));
const b3 = event(3, "b", kv("b", "1", 3));
const b4 = event(4, "b", null, kv("b", "1", 3));
const timeline = new Timeline([a2, a3, b3, b4]);

const stream = (from = 2): WatchStep => ({ type: "stream", from: toRevision(from) });
const gave = (through: number, ...events: KeyEvent[]): WatchStep => {
  return { type: "events", events, through: toRevision(through) };
};
const bookmark = (through: number): WatchStep => ({ type: "bookmark", through: toRevision(through) });

function told(
  steps: readonly WatchStep[],
  form: Partial<WatchForm> = {},
  existing: readonly KeyEvent[] | null = null,
): WatchLog {
  const log = newWatchLog(toGroupId("rg1"), { ...plainForm, ...form });
  log.steps.push(...steps);
  log.existing = existing;
  for (const step of steps) if ("through" in step) log.through = step.through;
  return log;
}

const honest = [stream(), gave(2, a2), bookmark(2), stream(3), gave(3, a3, b3), gave(4, b4), bookmark(4)];

test("an honest watch is accepted, over breaks, in every form", () => {
  assert.equal(checkWatch(told(honest), timeline), 4);
  const bare = { ...b4, previous: null };
  const deletes = { puts: false, previousValues: false, span: { start: bytesOf("b"), end: null } };
  assert.equal(checkWatch(told([stream(), gave(4, bare)], deletes), timeline), 1);
  const existing = told([stream(4), gave(4, b4)], { initial: true }, [a3, b3]);
  existing.from = toRevision(4);
  assert.equal(checkWatch(existing, timeline), 3);
});

const lies: [guarantee: string, log: () => WatchLog][] = [
  ["watch order", () => told([stream(), gave(3, a3, b3), gave(4, b4, a2)])],
  ["watch uniqueness", () => told([stream(), gave(2, a2), gave(3, a3, a3, b3)])],
  ["watch filter", () => told([stream(), gave(4, a2, a3, b3, b4)], { deletes: false })],
  ["watch atomicity", () => told([stream(), gave(2, a2), gave(3, a3), gave(4, b3, b4)])],
  ["watch resumption", () => told([stream(3), gave(3, a2, a3, b3)])],
  ["watch bookmarks", () => told([stream(), gave(2, a2), bookmark(3), gave(4, a3, b3, b4)])],
  ["watch bookmarks", () => told([stream(), gave(4, a2, a3, b3, b4), bookmark(5)])],
  ["watch previous value", () => told([stream(), gave(2, a2), gave(3, { ...a3, previous: null }, b3)])],
  ["watch previous value", () => told([stream(), gave(2, a2), gave(3, a3, b3)], { previousValues: false })],
  ["watch reliability", () => told([stream(), gave(2, a2), gave(4, b4)])],
  ["watch reliability", () => told([stream(), gave(2, a2), bookmark(4)])],
  ["watch behind", () => told([{ type: "behind", delivered: toRevision(3), newest: toRevision(9) }])],
  ["watch initial", () => Object.assign(told([], { initial: true }, [a2]), { from: 4, through: 3 })],
  ["watch initial", () => Object.assign(told([], { initial: true }, [b3, a3]), { from: 4, through: 3 })],
];
for (const [guarantee, log] of lies) {
  test(`a breach of ${guarantee} is named: ${lies.findIndex(([, other]) => other === log)}`, () => {
    assert.throws(
      () => checkWatch(log(), timeline),
      (reason) => reason instanceof Violation && reason.checker === guarantee,
    );
  });
}
