import assert from "node:assert/strict";
import { test } from "node:test";
import { toGroupId } from "../../../proto/ids.ts";
import type { Operation, OperationResult } from "../../../proto/transactions.ts";
import { refuseLargeResults, resultsOf, writesOf } from "../../../server/txn/operations.ts";
import { get, list, lookAt, mvccOf, put, remove, removeSpan, spanOf, text } from "./fixtures.ts";

const mvcc = mvccOf(["a", "1"], ["b", "2"], ["c", "3"]);

function shown(result: OperationResult): string {
  switch (result.type) {
    case "get":
      return `get ${result.kv === null ? "nothing" : text(result.kv.value)}`;
    case "list":
      return `list ${result.kvs.map((kv) => `${text(kv.key)}=${text(kv.value)}`)} of ${result.count} ${result.more}`;
    case "put":
      return `put ${result.previous === null ? "nothing" : text(result.previous.value)}`;
    case "delete":
      return `delete ${result.deleted}: ${result.previous.map((kv) => text(kv.key))}`;
    case "intend":
      return "intend";
  }
}

const answers: readonly (readonly [Operation, string])[] = [
  [get("a"), "get 1"],
  [get("x"), "get nothing"],
  [list(spanOf("a", "c")), "list a=1,b=2 of 2 false"],
  [list(spanOf("a"), 2), "list a=1,b=2 of 3 true"],
  [list(spanOf("b"), 2, { keysOnly: true, countOnly: false }), "list b=,c= of 2 false"],
  [list(spanOf("b"), 2, { keysOnly: false, countOnly: true }), "list  of 2 false"],
  [put("a", "9"), "put nothing"],
  [put("a", "9", true), "put 1"],
  [put("x", "9", true), "put nothing"],
  [remove("b"), "delete 1: b"],
  [remove("x"), "delete 0: "],
  [removeSpan(spanOf("b")), "delete 2: b,c"],
];

test("every operation answers from the state before all of them", () => {
  const branch = answers.map(([operation]) => operation);
  assert.deepEqual(
    resultsOf(branch, lookAt(mvcc)).map(shown),
    answers.map(([, answer]) => answer),
  );
});

test("puts and deletes write, in order; reads do not", () => {
  const writes = writesOf([get("a"), put("x", "1"), list(spanOf("a")), remove("b")]);
  assert.deepEqual(
    writes.map(({ type }) => type),
    ["put", "delete"],
  );
});

const limit = { group: toGroupId("rg"), field: "operations", bytesMax: 4 * 1024 * 1024 };

test("answers of more than 4 MiB are refused, and the limit named", () => {
  const large = mvccOf(["a", "x".repeat(1_000_000)], ["b", "y".repeat(1_000_000)]);
  const both = resultsOf([list(spanOf("a"))], lookAt(large));
  assert.equal(refuseLargeResults([...both, ...both], limit), null);
  const refusal = refuseLargeResults([...both, ...both, ...both], limit);
  assert.equal(refusal?.code, "invalid_argument");
  assert.match(refusal.message, /6000006 bytes .* limit 4194304/);
});
