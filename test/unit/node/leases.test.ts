// Leases through whole nodes: they end in time and not before, whoever leads the group meanwhile, and take their keys along.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type GroupId, type NodeId, toGroupId, toNodeId } from "../../../proto/ids.ts";
import type { KeyEvent, Reply, Request } from "../../../proto/requests.ts";
import type { Operation, Part } from "../../../proto/transactions.ts";
import { limits } from "../../../server/node/limits.ts";
import { textOf } from "../../../storage/bytes.ts";
import * as txn from "../txn/fixtures.ts";
import { Cluster, get, n1, n2, n3, n4, put, rg, type Shape, smallShape, textIn, watchAll } from "./cluster.ts";

const id = 7;
/** What the manager adds to a lease's time, and a moment for the log. */
const margin = 1 + limits.leaseClockRateErrorMin;
const momentMs = 100;

/** The first of the list leads. */
function cluster(shape: Shape = smallShape): Cluster {
  const made = new Cluster(shape);
  for (const [group, owners] of Object.entries(shape.groups)) {
    made.until(() => made.leader(toGroupId(group)) === owners[0], 60_000);
  }
  return made;
}

function grant(ttlMs: number, wanted: number | null = id, group: GroupId = rg): Request {
  return { type: "grantLease", group, id: wanted, ttlMs };
}

function attach(key: string, lease = id, group: GroupId = rg): Request {
  return { ...put(key, "v", group), lease } as Request;
}

const revoke: Request = { type: "revokeLease", group: rg, id };
const keepAlive: Request = { type: "keepAliveLease", group: rg, id };
const look: Request = { type: "getLease", group: rg, id, keys: true };

function answerOf(from: Cluster, request: Request, node: NodeId = n4): Reply {
  const member = from.member(node);
  const call = member.call(request);
  from.until(() => member.replies.has(call));
  return member.replies.get(call) as Reply;
}

function codeOf(reply: Reply): string {
  return reply.type === "failed" ? reply.failure.code : reply.type;
}

/** Whether the lease is there, by the word of whoever leads. */
function exists(from: Cluster): boolean {
  return codeOf(answerOf(from, look)) === "getLease";
}

function renew(from: Cluster, node: NodeId = n4): number {
  return from.ask(node, keepAlive, "keepAliveLease").ttlMs;
}

function appliedBy(from: Cluster, node: NodeId): number {
  return from.ask(node, { type: "groupStatus", group: rg }, "groupStatus").status.applied;
}

test("a lease is granted, told with its keys, listed and revoked, and its keys go at one revision", () => {
  const from = cluster();
  const granted = from.ask(n4, grant(5_000), "grantLease").lease;
  assert.deepEqual(granted, { id, grantedTtlMs: 5_000, ttlMs: 5_000, keyCount: 0 });
  from.ask(n4, grant(60_000, 3), "grantLease");
  for (const key of ["b", "a"]) from.ask(n4, attach(key), "put");
  from.ask(n4, put("free", "v"), "put");
  const { lease, keys } = from.ask(n4, look, "getLease");
  assert.deepEqual([lease.keyCount, keys.map(textOf)], [2, ["a", "b"]]);
  assert.ok(lease.ttlMs > 4_000 && lease.ttlMs <= 5_000, `${lease.ttlMs} ms are left`);
  const page = from.ask(n4, { type: "listLeases", group: rg, after: 0, limit: 1 }, "listLeases");
  assert.deepEqual([page.leases.map((each) => each.id), page.more], [[3], true]);
  const rest = from.ask(n4, { type: "listLeases", group: rg, after: 3, limit: 1 }, "listLeases");
  assert.deepEqual([rest.leases.map((each) => each.id), rest.more], [[id], false]);
  const revoked = from.ask(n4, revoke, "revokeLease");
  assert.deepEqual([revoked.deleted, revoked.header.revision], [2, 5]);
  assert.equal(textIn(from.ask(n4, get("free"), "get")), "v");
  assert.equal(exists(from), false);
});

test("a watch tells a deletion by the end of a lease from one by a caller", () => {
  const from = cluster();
  const watch = from.member(n2).watch(watchAll(2));
  from.ask(n4, grant(60_000), "grantLease");
  from.ask(n4, attach("k"), "put");
  from.ask(n4, attach("gone"), "put");
  from.ask(
    n4,
    {
      type: "delete",
      group: rg,
      span: txn.spanOf("gone", "gonf"),
      ifModRevision: null,
      fence: null,
      returnPrevious: false,
    },
    "delete",
  );
  from.ask(n4, revoke, "revokeLease");
  const events = () =>
    (from.member(n2).watched.get(watch) ?? []).flatMap((message) => (message.type === "events" ? message.events : []));
  from.until(() => events().length === 4);
  const ends = events().flatMap(({ key, kv, endedLease }: KeyEvent) =>
    kv === null ? [[textOf(key), endedLease]] : [],
  );
  assert.deepEqual(ends, [
    ["gone", 0],
    ["k", id],
  ]);
});

test("a lease that the group chooses has an id of its own, and one that exists is not granted again", () => {
  const from = cluster();
  const [one, other] = [grant(5_000, null), grant(5_000, null)].map(
    (each) => from.ask(n4, each, "grantLease").lease.id,
  );
  assert.notEqual(one, other);
  assert.equal(codeOf(answerOf(from, grant(5_000, one as number))), "already_exists");
});

test("what names a lease that is gone is refused and names it", () => {
  const from = cluster();
  const putAll: Request = { type: "transact", group: rg, parts: [txn.partOf({ success: [attached("k")] })] };
  for (const request of [attach("k"), putAll, revoke, look]) {
    const reply = answerOf(from, request);
    assert.equal(codeOf(reply), "not_found");
    assert.match(reply.type === "failed" ? reply.failure.message : "", /has no lease 7/);
  }
  assert.equal(renew(from), 0);
});

test("times and ids beyond their limits are refused by field, value and limit", () => {
  const from = cluster();
  for (const [request, message] of [
    [grant(999), "The ttl_ms is 999 ms, it must be from 1000 to 86400000"],
    [grant(86_400_001), "The ttl_ms is 86400001 ms, it must be from 1000 to 86400000"],
    [{ ...revoke, id: 0 }, `The id of the lease is 0, it must be from 1 to ${Number.MAX_SAFE_INTEGER}`],
    [{ type: "listLeases", group: rg, after: 0, limit: 10_001 }, "The limit is 10001, it must be from 1 to 10000"],
  ] as readonly (readonly [Request, string])[]) {
    const reply = answerOf(from, request);
    assert.equal(reply.type === "failed" ? reply.failure.message : "", message);
  }
});

test("a lease that nobody renews ends in time and not before, and its keys with it", () => {
  const from = cluster();
  from.ask(n4, grant(3_000), "grantLease");
  from.ask(n4, attach("k"), "put");
  from.advance(2_900);
  assert.ok(exists(from));
  from.advance(3_000 * margin - 2_900 + momentMs);
  assert.equal(exists(from), false);
  assert.equal(textIn(from.ask(n4, get("k"), "get")), null);
});

test("a key that was put again without the lease, or with another one, outlives it", () => {
  const from = cluster();
  from.ask(n4, grant(3_000), "grantLease");
  from.ask(n4, grant(60_000, 8), "grantLease");
  for (const key of ["a", "b"]) from.ask(n4, attach(key), "put");
  from.ask(n4, put("a", "free"), "put");
  from.ask(n4, attach("b", 8), "put");
  from.ask(n4, revoke, "revokeLease");
  assert.deepEqual(
    ["a", "b"].map((key) => textIn(from.ask(n4, get(key), "get"))),
    ["free", "v"],
  );
});

test("renewals keep a lease alive, and cost the log nothing", () => {
  const from = cluster();
  from.ask(n4, grant(3_000), "grantLease");
  const before = appliedBy(from, n1);
  for (let renewed = 0; renewed < 20; renewed++) {
    from.advance(1_000);
    assert.equal(renew(from), 3_000);
  }
  assert.equal(appliedBy(from, n1), before);
});

test("a renewal after the log was told that less is left is in the log before it is answered", () => {
  const from = cluster();
  from.ask(n4, grant(10_000), "grantLease");
  from.advance(8_000);
  const before = appliedBy(from, n1);
  renew(from);
  assert.equal(appliedBy(from, n1), before + 1);
  from.stop(n1);
  from.advance(9_000);
  assert.ok(exists(from), "the next leader has given it less than it had");
  from.advance(10_000 * margin);
  assert.equal(exists(from), false);
});

test("a change of the leader ends no lease early", () => {
  for (const renewedAfterMs of [0, 3_000, 7_000]) {
    const from = cluster();
    from.ask(n4, grant(10_000), "grantLease");
    from.advance(renewedAfterMs);
    renew(from);
    from.stop(n1);
    from.advance(9_900);
    assert.ok(exists(from), `renewed after ${renewedAfterMs} ms`);
  }
});

test("changes of the leader, one after the other, keep no lease alive for ever", () => {
  const from = cluster();
  const ttlMs = 30_000;
  from.ask(n4, grant(ttlMs), "grantLease");
  const beganMs = from.nowMs;
  for (let changes = 0; exists(from); changes++) {
    assert.ok(from.nowMs < beganMs + 4 * ttlMs, `it lives on after ${changes} changes`);
    const leader = from.leader();
    from.stop(leader);
    from.advance(8_000);
    from.start(leader);
    from.advance(2_000);
  }
  assert.ok(from.nowMs - beganMs >= ttlMs);
});

test("a leader that was cut off ends nothing, and answers nobody, when it is back", () => {
  const from = cluster();
  from.ask(n4, grant(2_000), "grantLease");
  from.ask(n4, attach("k"), "put");
  for (const node of [n2, n3]) from.cut(n1, node);
  const unanswered = from.member(n1).call(keepAlive, 60_000);
  for (let renewed = 0; renewed < 20; renewed++) {
    from.advance(1_000);
    assert.equal(renew(from, n2), 2_000);
  }
  assert.notEqual(from.member(n1).replies.get(unanswered)?.type, "keepAliveLease");
  from.heal();
  for (let renewed = 0; renewed < 20; renewed++) {
    from.advance(500);
    assert.equal(renew(from, n2), 2_000);
  }
  assert.equal(textIn(from.ask(n4, get("k"), "get")), "v");
});

test("a renewal that was asked before the end and is confirmed after it is told that there is no lease", () => {
  const from = cluster();
  from.ask(n4, grant(60_000), "grantLease");
  // The leader hears of what the followers have stored, and no answer to a beat.
  from.copies = (_sender, _to, { type }) => (type === "beat" || type === "beatEcho" ? 0 : 1);
  const member = from.member(n1);
  const call = member.call(keepAlive);
  assert.equal(from.ask(n1, revoke, "revokeLease").type, "revokeLease");
  assert.equal(member.replies.has(call), false);
  from.copies = () => 1;
  from.until(() => member.replies.has(call));
  const reply = member.replies.get(call);
  assert.equal(reply?.type === "keepAliveLease" ? reply.ttlMs : reply?.type, 0);
});

test("leases outlive a restart of every node, and end then", () => {
  const from = cluster();
  from.ask(n4, grant(5_000), "grantLease");
  from.ask(n4, attach("k"), "put");
  for (const node of smallShape.nodes) from.stop(node);
  for (const node of smallShape.nodes) from.start(node);
  assert.deepEqual(from.ask(n4, look, "getLease").keys.map(textOf), ["k"]);
  from.advance(5_000 * margin + 5_000);
  assert.equal(exists(from), false);
  assert.equal(textIn(from.ask(n4, get("k"), "get")), null);
});

const [a, b] = ["a", "b"].map(toGroupId) as [GroupId, GroupId];
const pair: Shape = {
  nodes: [n1, n2, n3, n4, toNodeId("n5")],
  groups: { a: [n1, n2, n3], b: [n2, n3, n4] },
  voters: [n1, n2, n3],
};

function attached(key: string, lease = id): Operation {
  return { ...txn.put(key, "v"), lease } as Operation;
}

function overBoth(operation: Operation): Request {
  const parts: readonly Part[] = [txn.partOf({ group: a }), txn.partOf({ group: b, success: [operation] })];
  return { type: "transact", group: a, parts };
}

test("a lease that a transaction over several groups attaches to ends only when that is over", () => {
  const from = cluster(pair);
  from.ask(n1, grant(2_000, id, b), "grantLease");
  from.copies = (_sender, _to, message) => (message.type === "forward" && message.request.type === "finish" ? 0 : 1);
  from.ask(n1, overBoth(attached("k")), "transact");
  from.advance(1_000);
  assert.equal(codeOf(answerOf(from, { ...revoke, group: b }, n1)), "txn_conflict");
  const leases = () => from.member(n2).machine.stored(b)?.state.leases.size;
  from.until(() => from.member(n2).machine.stored(b)?.state.transactions.open === 0);
  assert.equal(leases(), 1);
  from.until(() => leases() === 0, 4_000);
  assert.equal(textIn(from.ask(n1, get("k", "linearizable", b), "get")), null);
});

test("a transaction over several groups that attaches to a lease that is gone is refused by all", () => {
  const from = cluster(pair);
  const reply = answerOf(from, overBoth(attached("k")), n1);
  assert.equal(codeOf(reply), "not_found");
  assert.match(reply.type === "failed" ? reply.failure.message : "", /The group b has no lease 7/);
  from.until(() => from.member(n2).machine.stored(b)?.state.transactions.open === 0);
});

test("a group that goes on from one node has its leases with their whole time, and their keys", () => {
  const n5 = toNodeId("n5");
  const from = cluster({ nodes: [...smallShape.nodes, n5], groups: smallShape.groups, voters: [n1, n4, n5] });
  from.ask(n4, grant(20_000), "grantLease");
  from.ask(n4, attach("k"), "put");
  from.advance(12_000);
  for (const node of [n2, n3]) from.stop(node);
  from.advance(3_000);
  const why = { owners: [n1], reason: "two disks burnt", validateOnly: false };
  const { entry } = from.ask(n1, { type: "recoverGroup", group: rg, from: n1, ...why }, "recoverGroup", 20_000);
  assert.deepEqual(entry.owners, [n1]);
  from.until(() => codeOf(answerOf(from, look, n1)) === "getLease", 20_000);
  const { lease, keys } = from.ask(n1, look, "getLease");
  assert.deepEqual([lease.ttlMs > 15_000, keys.map(textOf)], [true, ["k"]]);
  from.advance(20_000 * margin + momentMs);
  assert.equal(codeOf(answerOf(from, look, n1)), "not_found");
  assert.equal(textIn(from.ask(n1, get("k"), "get")), null);
});
