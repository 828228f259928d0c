// Answers that are longer than a message between nodes may be: whoever asked hears what became of the request.

import assert from "node:assert/strict";
import { test } from "node:test";
import { toIncarnation, toRevision } from "../../../proto/ids.ts";
import type { Reply, Request } from "../../../proto/requests.ts";
import { replyThatFits } from "../../../server/node/reply-size.ts";
import { emptyBytes } from "../../../storage/bytes.ts";
import { Cluster, get, list, n1, n4, put, remove, rg } from "./cluster.ts";

const removal = { ...remove("k", "l"), returnPrevious: true } as Request;

function listed(count: number, valueBytes: number): Reply & { readonly type: "list" } {
  const revision = toRevision(2);
  const header = { group: rg, incarnation: toIncarnation(1), revision, node: n1, stale: false };
  const value = new Uint8Array(valueBytes);
  const kv = { key: emptyBytes, value, createRevision: revision, modRevision: revision, version: 1, lease: 0 };
  return { type: "list", header, kvs: Array.from({ length: count }, () => kv), more: false, count };
}

test("a write whose answer is too long to be passed on is told as done, and may not be repeated", () => {
  const { header, kvs } = listed(30, 450_000);
  const told = replyThatFits(removal, { type: "delete", header, deleted: 30, previous: kvs } as Reply);
  assert.ok(told.type === "failed");
  assert.deepEqual([told.failure.code, told.failure.effect], ["invalid_argument", "unknown"]);
  assert.match(told.failure.message, /^The request was carried out at revision 2, but its answer is .* 12582912 bytes/);
});

test("a deletion that would answer that much is refused through any node, and deletes nothing", () => {
  const cluster = new Cluster();
  for (let at = 0; at < 10; at++) cluster.ask(n4, put(`k${at}`, new Uint8Array(450_000)), "put");
  const { failure } = cluster.ask(n4, removal, "failed");
  assert.deepEqual([failure.code, failure.effect], ["invalid_argument", "none"]);
  assert.notEqual(cluster.ask(n4, get("k1"), "get").kv, null);
});

test("a read that is too long to be passed on has done nothing, and nor has one of too many items", () => {
  for (const reply of [listed(13, 1_000_000), listed(100_001, 1)]) {
    const told = replyThatFits(list(), reply);
    assert.ok(told.type === "failed");
    assert.deepEqual([told.failure.code, told.failure.effect], ["invalid_argument", "none"]);
  }
  const fitting = listed(12, 1_000_000);
  assert.equal(replyThatFits(list(), fitting), fitting);
});
