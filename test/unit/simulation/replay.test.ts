// The replay checker accepts an honest history and names each lie: one planted violation a test.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type Revision, toGroupId, toIncarnation, toNodeId, toRevision } from "../../../proto/ids.ts";
import type { KeyValue } from "../../../proto/model.ts";
import type { GroupRequest, KeyEvent, Reply } from "../../../proto/requests.ts";
import { checkReplay, Timeline } from "../../../server/simulation/checkers/replay.ts";
import { Violation } from "../../../server/simulation/violation.ts";
import type { Operation, Outcome } from "../../../server/simulation/workload/history.ts";
import { bytesOf } from "../../../storage/bytes.ts";

const group = toGroupId("rg1");
const node = toNodeId("n1");
const key = bytesOf("k");

function kv(value: string, modRevision: number, version: number, createRevision = 2): KeyValue {
  const revisions = { createRevision: toRevision(createRevision), modRevision: toRevision(modRevision) };
  return { key, value: bytesOf(value), ...revisions, version, lease: 0 };
}

function event(revision: number, now: KeyValue | null, previous: KeyValue | null): KeyEvent {
  return { key, kv: now, previous, revision: toRevision(revision), endedLease: 0 };
}

/** put a at 2, put b at 3, delete at 4, put c at 5 */
const events = [
  event(2, kv("a", 2, 1), null),
  event(3, kv("b", 3, 2), kv("a", 2, 1)),
  event(4, null, kv("b", 3, 2)),
  event(5, kv("c", 5, 1, 5), null),
];

function operation(
  id: number,
  request: GroupRequest,
  times: readonly [number, number],
  reply: Reply | Outcome,
): Operation {
  const outcome: Outcome = "header" in reply ? { type: "ok", atMs: times[1], reply } : (reply as Outcome);
  return { id, client: 1, node, group, request, invokedMs: times[0], dueMs: times[1], outcome };
}

function header(revision: number) {
  return { group, incarnation: toIncarnation(1), revision: toRevision(revision), node, stale: false };
}

function put(value: string, ifModRevision: Revision | null = null): GroupRequest {
  const rest = { lease: 0, ifModRevision, fence: null, returnPrevious: false };
  return { type: "put", group, key, value: bytesOf(value), ...rest };
}

const get: GroupRequest = { type: "get", group, key, revision: null, consistency: "linearizable" };
const remove: GroupRequest = {
  type: "delete",
  group,
  span: { start: key, end: bytesOf("k\0") },
  ifModRevision: null,
  fence: null,
  returnPrevious: false,
};

function honest(): Operation[] {
  return [
    operation(0, put("a"), [0, 1], { type: "put", header: header(2), previous: null }),
    operation(1, get, [2, 3], { type: "get", header: header(2), kv: kv("a", 2, 1) }),
    operation(2, put("b"), [2, 4], { type: "unknown", atMs: 4, code: "lost" }),
    operation(3, get, [5, 6], { type: "get", header: header(3), kv: kv("b", 3, 2) }),
    operation(4, remove, [7, 8], { type: "delete", header: header(4), deleted: 1, previous: [] }),
    operation(5, put("never"), [8, 9], { type: "failed", atMs: 9, code: "no_leader" }),
    operation(6, put("c", toRevision(0)), [9, 10], { type: "put", header: header(5), previous: null }),
  ];
}

function complaint(change: (operations: Operation[]) => Operation[], all: readonly KeyEvent[] = events): string {
  try {
    checkReplay(new Timeline(all), change(honest()));
    return "none";
  } catch (reason) {
    assert.ok(reason instanceof Violation, String(reason));
    return reason.checker;
  }
}

function replace(id: number, changed: Operation): (operations: Operation[]) => Operation[] {
  return (operations) => operations.map((each) => (each.id === id ? changed : each));
}

test("an honest history passes and every answer is compared", () => {
  assert.equal(checkReplay(new Timeline(events), honest()), 5);
});

test("an acknowledged write that is not there is lost", () => {
  const lost = operation(7, put("d"), [11, 12], { type: "put", header: header(6), previous: null });
  assert.equal(
    complaint((operations) => [...operations, lost]),
    "acknowledged write",
  );
});

test("a value that nobody wrote is noticed", () => {
  assert.equal(
    complaint((operations) => operations.filter(({ id }) => id !== 2)),
    "origin",
  );
});

test("a refused write that took effect is noticed", () => {
  const refused = operation(2, put("b"), [2, 4], { type: "failed", atMs: 4, code: "no_leader" });
  assert.equal(complaint(replace(2, refused)), "origin");
});

test("a write that took effect twice is noticed", () => {
  const twice = [...events, event(6, kv("c", 6, 2, 5), kv("c", 5, 1, 5))];
  assert.equal(
    complaint((operations) => operations, twice),
    "origin",
  );
});

test("a read of a value that was not there then is noticed", () => {
  const wrong = operation(1, get, [2, 3], { type: "get", header: header(2), kv: kv("b", 3, 2) });
  assert.equal(complaint(replace(1, wrong)), "reads");
});

test("a stale read is noticed by the order of real time, and allowed when it was asked for", () => {
  const stale = { type: "get", header: header(2), kv: kv("a", 2, 1) } as const;
  assert.equal(
    complaint((operations) => [...operations, operation(7, get, [11, 12], stale)]),
    "real time",
  );
  const local: GroupRequest = { ...get, type: "get", consistency: "local" };
  assert.equal(
    complaint((operations) => [...operations, operation(7, local, [11, 12], stale)]),
    "none",
  );
});

test("a write whose condition did not hold is noticed", () => {
  const changed = operation(6, put("c", toRevision(3)), [9, 10], { type: "put", header: header(5), previous: null });
  assert.equal(complaint(replace(6, changed)), "condition");
});

test("a delete that counts or leaves what it should not is noticed", () => {
  const miscounted = operation(4, remove, [7, 8], { type: "delete", header: header(4), deleted: 2, previous: [] });
  assert.equal(complaint(replace(4, miscounted)), "acknowledged delete");
});

test("a revision that is left out is noticed", () => {
  assert.throws(() => new Timeline(events.filter(({ revision }) => revision !== 3)), /Revision 4 follows 2/);
});

test("a history that goes on from a base is compared with what was there", () => {
  const later = new Timeline(events.slice(2), { revision: 3, content: [kv("b", 3, 2)] });
  const rest = honest().filter(({ id }) => id >= 3);
  assert.equal(checkReplay(later, rest), 3);
  assert.equal(checkReplay(new Timeline([], { revision: 3, content: [kv("b", 3, 2)] }), rest.slice(0, 1)), 1);
  const wrong = new Timeline(events.slice(2), { revision: 3, content: [kv("x", 3, 2)] });
  assert.throws(() => checkReplay(wrong, rest), /instead of k=x/);
});

test("behind a base only local reads may show what was before", () => {
  const later = new Timeline(events.slice(2), { revision: 3, content: [kv("b", 3, 2)] });
  const local: GroupRequest = { ...get, consistency: "local" };
  const reply: Reply = { type: "get", header: header(2), kv: kv("a", 2, 1) };
  const rest = honest().filter(({ id }) => id >= 3);
  assert.equal(checkReplay(later, [...rest, operation(7, local, [5, 6], reply)]), 3);
  assert.throws(() => checkReplay(later, [...rest, operation(7, get, [5, 6], reply)]), /real time|goes back/);
});
