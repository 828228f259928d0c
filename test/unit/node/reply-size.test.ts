// Answers that are longer than a message between nodes may be: whoever asked hears what became of the request.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type NodeId, toIncarnation, toRevision } from "../../../proto/ids.ts";
import type { Reply, Request } from "../../../proto/requests.ts";
import { replyThatFits } from "../../../server/node/reply-size.ts";
import { emptyBytes } from "../../../storage/bytes.ts";
import { Cluster, get, list, n1, n4, put, remove, rg } from "./cluster.ts";

const removal = { ...remove("k", "l"), returnPrevious: true } as Request;

/** Every key holds as much. */
function filled({ keys, valueBytes }: { readonly keys: number; readonly valueBytes: number }): Cluster {
  const cluster = new Cluster();
  const leader = cluster.leader();
  for (let at = 0; at < keys; at++) cluster.ask(leader, put(`k${at}`, new Uint8Array(valueBytes)), "put");
  return cluster;
}

/** How many values the answer holds. */
function removedBy(cluster: Cluster, node: NodeId): number {
  const member = cluster.member(node);
  const call = member.call(removal);
  cluster.until(() => member.replies.has(call));
  const reply = member.replies.get(call);
  return reply?.type === "delete" ? reply.previous.length : -1;
}

function listed(count: number, valueBytes: number): Reply {
  const revision = toRevision(2);
  const header = { group: rg, incarnation: toIncarnation(1), revision, node: n1, stale: false };
  const value = new Uint8Array(valueBytes);
  const kv = { key: emptyBytes, value, createRevision: revision, modRevision: revision, version: 1, lease: 0 };
  return { type: "list", header, kvs: Array.from({ length: count }, () => kv), more: false, count };
}

test("a deletion whose values are too long to be passed on is told as done, at once, and may not be repeated", () => {
  const cluster = filled({ keys: 30, valueBytes: 450_000 });
  const askedMs = cluster.nowMs;
  const { failure } = cluster.ask(n4, removal, "failed");
  assert.ok(cluster.nowMs < askedMs + 1_000);
  assert.deepEqual([failure.code, failure.effect], ["invalid_argument", "unknown"]);
  assert.match(failure.message, /^The request was carried out at revision 32, but its answer is .* 12582912 bytes/);
  assert.equal(cluster.ask(n4, get("k1"), "get").kv, null);
});

test("the same deletion is answered by the node that carries it out, and one that fits through any", () => {
  const large = filled({ keys: 30, valueBytes: 450_000 });
  assert.equal(removedBy(large, large.leader()), 30);
  const small = filled({ keys: 25, valueBytes: 450_000 });
  assert.equal(removedBy(small, n4), 25);
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
