// What the clients did on a group, taken apart by key.

import assert from "node:assert/strict";
import { test } from "node:test";
import { toGroupId, toIncarnation, toNodeId, toRevision } from "../../../../proto/ids.ts";
import type { KeyValue } from "../../../../proto/model.ts";
import type { GroupRequest, Reply, Request } from "../../../../proto/requests.ts";
import { checkKeys } from "../../../../server/simulation/checkers/linearizability/keys.ts";
import { partitionByKey } from "../../../../server/simulation/checkers/linearizability/partition.ts";
import { Violation } from "../../../../server/simulation/violation.ts";
import { History, type Operation } from "../../../../server/simulation/workload/history.ts";
import { bytesOf, emptyBytes } from "../../../../storage/bytes.ts";

const group = toGroupId("rg1");
const node = toNodeId("n1");
const everything = { start: emptyBytes, end: null };

function headerAt(revision: number) {
  return { group, incarnation: toIncarnation(1), revision: toRevision(revision), node, stale: false };
}

function kvOf(key: string, value: string, revision: number): KeyValue {
  const at = toRevision(revision);
  return { key: bytesOf(key), value: bytesOf(value), createRevision: at, modRevision: at, version: 1, lease: 0 };
}

function put(key: string, value: string, ifModRevision: number | null = null): GroupRequest {
  const condition = ifModRevision === null ? null : toRevision(ifModRevision);
  const rest = { lease: 0, ifModRevision: condition, fence: null, returnPrevious: false };
  return { type: "put", group, key: bytesOf(key), value: bytesOf(value), ...rest };
}

function get(key: string, consistency: "linearizable" | "local" = "linearizable"): GroupRequest {
  return { type: "get", group, key: bytesOf(key), revision: null, consistency };
}

function list(limit: number, keysOnly = false): GroupRequest {
  const page = { limit, keysOnly, countOnly: false, continues: false };
  return { type: "list", group, span: everything, revision: null, consistency: "linearizable", ...page };
}

const wipe: GroupRequest = {
  type: "delete",
  group,
  span: everything,
  ifModRevision: null,
  fence: null,
  returnPrevious: true,
};

const written = (revision: number): Reply => ({ type: "put", header: headerAt(revision), previous: null });
const shown = (kv: KeyValue | null): Reply => ({ type: "get", header: headerAt(9), kv });

type Outcome = Reply | "unknown" | "condition_failed" | "overloaded";

/** One operation after the other: the n-th from 10n to 10n + 5. */
function historyOf(...asked: readonly (readonly [Request, Outcome])[]): readonly Operation[] {
  const history = new History();
  for (const [position, [request, outcome]] of asked.entries()) {
    const invokedMs = 10 * position;
    const operation = history.begin({ client: 1, node, group, request, invokedMs, dueMs: invokedMs + 5 });
    if (outcome === "unknown") history.unknown(operation, "silence", invokedMs + 5);
    else if (typeof outcome === "string") operation.outcome = { type: "failed", atMs: invokedMs + 5, code: outcome };
    else history.answered(operation, outcome, invokedMs + 5);
  }
  return history.operations;
}

/** Of `key`: what was asked, and what was told. */
function partOf(key: string, operations: readonly Operation[]): readonly unknown[] {
  const part = partitionByKey(operations).get(key) ?? [];
  return part.map(({ input, result }) => [input.type, result]);
}

test("keys are apart, and an operation on a span is one on each", () => {
  const listed: Reply = {
    type: "list",
    header: headerAt(3),
    kvs: [kvOf("a", "1", 2), kvOf("b", "2", 3)],
    more: false,
    count: 2,
  };
  const deleted: Reply = { type: "delete", header: headerAt(4), deleted: 1, previous: [kvOf("b", "2", 3)] };
  const operations = historyOf(
    [put("a", "1"), written(2)],
    [put("b", "2"), written(3)],
    [list(10), listed],
    [wipe, deleted],
  );
  assert.deepEqual([...partitionByKey(operations).keys()], ["a", "b"]);
  assert.deepEqual(partOf("a", operations), [
    ["put", { type: "written", revision: 2, before: "untold" }],
    ["get", { type: "read", shown: { modRevision: 2, value: "1#0" } }],
    ["delete", { type: "read", shown: null }],
  ]);
  const before = { modRevision: 3, value: "2#1" };
  assert.deepEqual(partOf("b", operations).at(-1), ["delete", { type: "written", revision: 4, before }]);
});

test("a page tells of the keys up to its end, and of values only when it has them", () => {
  const names = [put("a", "1"), put("b", "2"), put("c", "3")].map((request) => [request, "overloaded"] as const);
  const page: Reply = { type: "list", header: headerAt(9), kvs: [kvOf("b", "", 5)], more: true, count: 2 };
  const operations = historyOf(...names, [list(1, true), page]);
  assert.deepEqual(partOf("a", operations), [["get", { type: "read", shown: null }]]);
  assert.deepEqual(partOf("b", operations), [["get", { type: "read", shown: { modRevision: 5, value: null } }]]);
  assert.deepEqual(partOf("c", operations), []);
});

test("what had no effect is left out, a refusal is not, and what is unknown never returns", () => {
  const operations = historyOf(
    [put("a", "1"), "overloaded"],
    [put("a", "2", 7), "condition_failed"],
    [put("a", "3"), "unknown"],
    [get("a"), "unknown"],
    [get("a", "local"), shown(null)],
  );
  assert.deepEqual(partOf("a", operations), [
    ["put", { type: "refused" }],
    ["put", null],
  ]);
  assert.equal(partitionByKey(operations).get("a")?.at(-1)?.returned, Number.POSITIVE_INFINITY);
});

test("a stale read is a violation that names the read, the key and what the key held", () => {
  const kv = kvOf("a", "one:", 2);
  const good = historyOf([put("a", "one:"), written(2)], [get("a"), shown(kv)], [put("a", "two:"), written(3)]);
  assert.deepEqual(checkKeys(group, good), { placed: 3, undecided: 0, steps: 3 });
  const bad = historyOf([put("a", "one:"), written(2)], [put("a", "two:"), written(3)], [get("a"), shown(kv)]);
  assert.throws(
    () => checkKeys(group, bad),
    (error) =>
      error instanceof Violation &&
      error.checker === "linearizability" &&
      /Operation 2 \(get rg1 a .* has no place among the operations on rg1 a: .*two\/4#1 of revision 3/.test(
        error.message,
      ),
  );
});
