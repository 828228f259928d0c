// Requests under an identity, through whole nodes: each is carried out once, whatever is lost, repeated or restarted between.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type GroupId, type NodeId, toGroupId, toLogIndex, toNodeId, toRevision } from "../../../proto/ids.ts";
import type { PeerMessage } from "../../../proto/messages.ts";
import type { IdentifiableRequest, Reply, Request } from "../../../proto/requests.ts";
import type { Part } from "../../../proto/transactions.ts";
import { limits } from "../../../server/node/limits.ts";
import { bytesOf } from "../../../storage/bytes.ts";
import { spanOfKey } from "../../../storage/mvcc/span.ts";
import * as txn from "../txn/fixtures.ts";
import { Cluster, get, put, remove, type Shape, textIn } from "./cluster.ts";

const nodes = ["n1", "n2", "n3", "n4", "n5", "n6"].map(toNodeId);
const nodesOf = (...numbers: number[]) => numbers.map((number) => nodes[number - 1] as NodeId);
const stranger = nodes[5] as NodeId;
const shape: Shape = { nodes, groups: { a: nodesOf(1, 2, 3), b: nodesOf(3, 4, 5) }, voters: nodesOf(1, 4, 6) };
const [a, b] = ["a", "b"].map(toGroupId) as [GroupId, GroupId];

interface Scene {
  readonly cluster: Cluster;
  /** Of group `a`. */
  readonly session: string;
}

function scene(ttlMs = 3_600_000, logKept?: { readonly bytes: number; readonly entries: number }): Scene {
  const cluster = new Cluster(shape, nodes, logKept);
  for (const group of [a, b]) cluster.until(() => managerOf(cluster, group) === shape.groups[group]?.[0], 60_000);
  return { cluster, session: open(cluster, null, ttlMs).session };
}

function open(cluster: Cluster, session: string | null, ttlMs = 3_600_000) {
  return cluster.ask(stranger, { type: "openSession", group: a, session, ttlMs }, "openSession");
}

function managerOf(cluster: Cluster, group: GroupId): NodeId | null {
  const asked = shape.groups[group]?.find((owner) => cluster.members.has(owner)) as NodeId;
  return cluster.ask(asked, { type: "groupStatus", group }, "groupStatus").status.manager;
}

/** Under an identity of the group that the request goes to. */
function once(session: string, sequence: number, request: Request): Request {
  const asked = request as IdentifiableRequest;
  return { type: "identified", group: asked.group, identity: { session, sequence }, request: asked };
}

function ask(cluster: Cluster, request: Request, through: NodeId = stranger): Reply {
  const member = cluster.member(through);
  const call = member.call(request);
  cluster.until(() => member.replies.has(call));
  return member.replies.get(call) as Reply;
}

function failureOf(reply: Reply): string {
  return reply.type === "failed" ? `${reply.failure.code} ${reply.failure.effect}` : reply.type;
}

const read = (cluster: Cluster, group = a, key = "k") =>
  textIn(cluster.ask(stranger, get(key, "linearizable", group), "get"));
const revisionOf = (cluster: Cluster, group = a) =>
  cluster.ask(stranger, { type: "groupStatus", group }, "groupStatus").status.revision;
/** Without who answered, and as of when a read was. */
const withoutNode = (reply: Reply) => ("header" in reply ? { ...reply, header: { ...reply.header, node: "" } } : reply);

const previousPut: Request = { ...(put("k", "2", a) as Request & { type: "put" }), returnPrevious: true };
const putOnce = (session: string, sequence: number, value: string) => once(session, sequence, put("k", value, a));

function transaction(...parts: readonly (Partial<Part> & { readonly group: GroupId })[]): Request {
  const whole = parts.map((part) => txn.partOf(part));
  return { type: "transact", group: (whole[0] as Part).group, parts: whole };
}

const both = transaction({ group: a, success: [txn.put("k", "a1")] }, { group: b, success: [txn.put("k", "b1")] });

const isPrepare = (message: PeerMessage) => message.type === "forward" && message.request.type === "prepare";
const hasSentPrepare = ({ sent }: Cluster) => sent.some(({ message }) => isPrepare(message));

function losingPrepares(cluster: Cluster): void {
  cluster.copies = (_from, _to, message) => (isPrepare(message) ? 0 : 1);
}

test("a write under one identity is done once, and answered the same again through any node", () => {
  const { cluster, session } = scene();
  cluster.ask(stranger, put("k", "1", a), "put");
  const remove = { type: "delete", group: a, span: spanOfKey(bytesOf("k")), ifModRevision: null, fence: null } as const;
  const isTwo = [txn.keyIs("k", "equal", txn.value("2"))];
  const requests: Request[] = [
    previousPut,
    transaction({ group: a, comparisons: isTwo, success: [txn.put("k", "3", true), txn.get("k"), txn.put("x", "1")] }),
    transaction({ group: a, comparisons: isTwo, failure: [txn.get("k")], success: [txn.put("x", "2")] }),
    { ...remove, returnPrevious: true },
    { ...remove, returnPrevious: false },
    { type: "compact", group: a, revision: toRevision(2) },
  ];
  const first = requests.map((request, at) => ask(cluster, once(session, at + 1, request)));
  const after = revisionOf(cluster);
  const again = requests.map((request, at) => ask(cluster, once(session, at + 1, request), nodes[at % 3]));
  assert.deepEqual(
    first.map(({ type }) => type),
    ["put", "transact", "transact", "delete", "delete", "compact"],
  );
  assert.deepEqual(again.map(withoutNode), first.map(withoutNode));
  assert.equal(revisionOf(cluster), after);
});

test("a delete that would answer more than 4 MiB is refused and deletes nothing, by itself or under an identity", () => {
  const { cluster, session } = scene();
  for (let at = 0; at < 5; at++) cluster.ask(stranger, put(`k${at}`, new Uint8Array(limits.valueBytesMax), a), "put");
  const before = revisionOf(cluster);
  const removeAll = { ...remove("k", "l", a), returnPrevious: true } as IdentifiableRequest;
  const requests = [removeAll, once(session, 1, removeAll), once(session, 1, removeAll)];
  const refusals = requests.map((request) => failureOf(ask(cluster, request)));
  assert.deepEqual(refusals, ["invalid_argument none", "invalid_argument none", "invalid_argument none"]);
  assert.equal(revisionOf(cluster), before);
  assert.equal(cluster.ask(stranger, remove("k", "l", a), "delete").deleted, 5);
});

test("a repetition that was applied is in no log", () => {
  const { cluster, session } = scene();
  ask(cluster, putOnce(session, 1, "1"));
  cluster.advance(1_000);
  const applied = () =>
    cluster.ask(nodes[0] as NodeId, { type: "groupStatus", group: a }, "groupStatus").status.applied;
  const before = applied();
  ask(cluster, putOnce(session, 1, "1"));
  cluster.advance(1_000);
  assert.equal(applied(), before);
});

test("a put whose lease is gone is refused for good, and one whose lease has ended since is answered and not done again", () => {
  const { cluster, session } = scene();
  const attach = (sequence: number) =>
    once(session, sequence, { ...(put("k", "1", a) as Request & { type: "put" }), lease: 7 });
  const early = ask(cluster, attach(1));
  cluster.ask(stranger, { type: "grantLease", group: a, id: 7, ttlMs: 60_000 }, "grantLease");
  assert.deepEqual(ask(cluster, attach(1)), early);
  const written = ask(cluster, attach(2));
  assert.deepEqual([early, written].map(failureOf), ["not_found none", "put"]);
  const { deleted } = cluster.ask(stranger, { type: "revokeLease", group: a, id: 7 }, "revokeLease");
  assert.deepEqual(withoutNode(ask(cluster, attach(2))), withoutNode(written));
  assert.deepEqual([deleted, read(cluster)], [1, null]);
});

test("a lease is granted once, under the id that was chosen first, and a repetition is told what is left of it", () => {
  const { cluster, session } = scene();
  const grant = once(session, 1, { type: "grantLease", group: a, id: null, ttlMs: 60_000 });
  const first = cluster.ask(stranger, grant, "grantLease").lease;
  assert.deepEqual([first.grantedTtlMs, first.ttlMs], [60_000, 60_000]);
  cluster.advance(20_000);
  const again = cluster.ask(nodes[1] as NodeId, grant, "grantLease").lease;
  assert.deepEqual([again.id, again.grantedTtlMs], [first.id, 60_000]);
  assert.ok(again.ttlMs >= 39_000 && again.ttlMs <= 44_000, `${again.ttlMs} ms`);
  const list = { type: "listLeases", group: a, after: 0, limit: 10 } as const;
  assert.equal(cluster.ask(stranger, list, "listLeases").leases.length, 1);
  cluster.ask(stranger, { type: "revokeLease", group: a, id: first.id }, "revokeLease");
  assert.deepEqual(cluster.ask(stranger, grant, "grantLease").lease, { ...first, ttlMs: 0 });
  assert.deepEqual(cluster.ask(stranger, list, "listLeases").leases, []);
});

test("a lease is revoked once: its repetition leaves another one of that id alone, and is answered as before", () => {
  const { cluster, session } = scene();
  const grant = { type: "grantLease", group: a, id: 7, ttlMs: 60_000 } as const;
  const attach = { ...(put("k", "1", a) as Request & { type: "put" }), lease: 7 };
  const revoke = once(session, 1, { type: "revokeLease", group: a, id: 7 });
  for (const request of [grant, attach]) ask(cluster, request);
  const first = cluster.ask(stranger, revoke, "revokeLease");
  for (const request of [grant, attach]) ask(cluster, request);
  assert.deepEqual(withoutNode(ask(cluster, revoke, nodes[1])), withoutNode(first));
  assert.deepEqual([first.deleted, read(cluster)], [1, "1"]);
});

test("a lease that could not be granted or revoked once is refused for good under that identity", () => {
  const { cluster, session } = scene();
  const revoke = once(session, 1, { type: "revokeLease", group: a, id: 7 });
  const grant = once(session, 2, { type: "grantLease", group: a, id: 7, ttlMs: 60_000 });
  const early = ask(cluster, revoke);
  cluster.ask(stranger, { type: "grantLease", group: a, id: 7, ttlMs: 60_000 }, "grantLease");
  const late = ask(cluster, grant);
  assert.deepEqual([early, late].map(failureOf), ["not_found none", "already_exists none"]);
  assert.deepEqual(ask(cluster, revoke), early);
  cluster.ask(stranger, { type: "revokeLease", group: a, id: 7 }, "revokeLease");
  assert.deepEqual(ask(cluster, grant), late);
});

const owners = (...list: readonly number[]): Request => {
  return { type: "setOwners", group: a, owners: nodesOf(...list), ifIndex: null, validateOnly: false };
};
const ownersOf = (cluster: Cluster) =>
  cluster.ask(stranger, { type: "groupStatus", group: a }, "groupStatus").status.object.owners;

test("owners are changed once: a repetition is told the index of that change, and does not undo a later one", () => {
  const { cluster, session } = scene();
  const wanted = once(session, 1, owners(1, 2, 3, 4));
  const first = cluster.ask(stranger, wanted, "setOwners", 30_000);
  assert.equal(ownersOf(cluster).length, 4);
  cluster.ask(stranger, owners(1, 2, 3), "setOwners", 30_000);
  const again = cluster.ask(nodes[1] as NodeId, wanted, "setOwners");
  assert.deepEqual([again.index, ownersOf(cluster)], [first.index, nodesOf(1, 2, 3)]);
  const same = cluster.ask(stranger, once(session, 2, owners(1, 2, 3)), "setOwners");
  assert.ok(same.index > first.index);
});

test("a change of owners that was refused by its condition stays refused", () => {
  const { cluster, session } = scene();
  const wanted = { ...(owners(1, 2) as Request & { type: "setOwners" }), ifIndex: toLogIndex(0) };
  cluster.ask(stranger, owners(1, 2, 3, 4), "setOwners", 30_000);
  const refused = ask(cluster, once(session, 1, wanted));
  assert.equal(failureOf(refused), "condition_failed none");
  assert.deepEqual([ask(cluster, once(session, 1, wanted)), ownersOf(cluster).length], [refused, 4]);
});

test("owners that a manager had only begun to change are brought about by the next one when asked for again", () => {
  const { cluster, session } = scene();
  const [manager, next, fourth] = [nodes[0], nodes[1], nodes[3]] as [NodeId, NodeId, NodeId];
  const wanted = once(session, 1, owners(2, 3, 4));
  cluster.stop(fourth);
  const member = cluster.member(stranger);
  const call = member.call(wanted);
  const remembered = () => cluster.member(next).machine.stored(a)?.state.sessions.find({ session, sequence: 1 });
  cluster.until(() => remembered()?.outcome.type === "ownersWanted");
  cluster.stop(manager);
  cluster.start(fourth);
  cluster.until(() => member.replies.has(call), 60_000);
  assert.equal(failureOf(member.replies.get(call) as Reply), "outcome_unknown unknown");
  cluster.until(() => managerOf(cluster, a) === next, 60_000);
  const { index } = cluster.ask(stranger, wanted, "setOwners", 60_000);
  assert.deepEqual([ownersOf(cluster), remembered()?.outcome], [nodesOf(2, 3, 4), { type: "ownersSet", index }]);
});

test("two attempts that are in the log one behind the other are one write", () => {
  const { cluster, session } = scene();
  const member = cluster.member(nodes[0] as NodeId);
  const calls = [1, 2, 3].map(() => member.call(putOnce(session, 1, "1")));
  cluster.until(() => calls.every((call) => member.replies.has(call)));
  const replies = calls.map((call) => member.replies.get(call) as Reply);
  assert.deepEqual(
    replies.map((reply) => reply.type === "put" && reply.header.revision),
    [2, 2, 2],
  );
  assert.equal(revisionOf(cluster), 2);
});

test("a request of a session that is unknown, or was closed, is refused and not executed", () => {
  const { cluster, session } = scene();
  const unknown = ask(cluster, putOnce("nobody", 1, "1"));
  ask(cluster, { type: "closeSession", group: a, session });
  const closed = ask(cluster, putOnce(session, 1, "1"));
  assert.deepEqual([unknown, closed].map(failureOf), ["not_found none", "not_found none"]);
  assert.match(closed.type === "failed" ? closed.failure.message : "", new RegExp(session));
  assert.equal(ask(cluster, { type: "closeSession", group: a, session }).type, "closeSession");
  assert.equal(read(cluster), null);
});

test("an identity that was used for another request is refused", () => {
  const { cluster, session } = scene();
  ask(cluster, putOnce(session, 1, "1"));
  assert.equal(failureOf(ask(cluster, putOnce(session, 1, "2"))), "invalid_argument none");
  assert.equal(read(cluster), "1");
});

test("what was refused once is refused for good, although it could be done now", () => {
  const { cluster, session } = scene();
  const request = once(session, 1, {
    ...(put("k", "1", a) as Request & { type: "put" }),
    ifModRevision: toRevision(2),
  });
  const first = ask(cluster, request);
  cluster.ask(stranger, put("k", "0", a), "put");
  assert.equal(failureOf(first), "condition_failed none");
  assert.deepEqual(ask(cluster, request), first);
  assert.equal(read(cluster), "0");
});

test("a sequence far behind the highest is too old to tell, and not executed", () => {
  const { cluster, session } = scene();
  ask(cluster, putOnce(session, limits.sessionAnswersMax + 5, "1"));
  assert.equal(failureOf(ask(cluster, putOnce(session, 5, "old"))), "outcome_unknown unknown");
  ask(cluster, putOnce(session, 6, "in time"));
  assert.equal(read(cluster), "in time");
  assert.equal(open(cluster, session).sequence, limits.sessionAnswersMax + 5);
});

test("when the values are compacted, a repetition is told that it was carried out", () => {
  const { cluster, session } = scene();
  for (const value of ["0", "1"]) cluster.ask(stranger, put("k", value, a), "put");
  ask(cluster, once(session, 1, previousPut));
  ask(cluster, putOnce(session, 2, "3"));
  cluster.ask(stranger, { type: "compact", group: a, revision: toRevision(5) }, "compact");
  const reply = ask(cluster, once(session, 1, previousPut));
  assert.equal(failureOf(reply), "compacted unknown");
  assert.match(reply.type === "failed" ? reply.failure.message : "", /was carried out at revision 4/);
  assert.equal(ask(cluster, putOnce(session, 2, "3")).type, "put");
});

test("it is remembered by a node that got the group from a snapshot, and by all after a restart", () => {
  const { cluster, session } = scene(3_600_000, { bytes: 1e9, entries: 4 });
  const late = nodes[2] as NodeId;
  cluster.stop(late);
  ask(cluster, putOnce(session, 1, "1"));
  for (let at = 0; at < 20; at++) cluster.ask(stranger, put(`other-${at}`, "x", a), "put");
  cluster.start(late);
  const sessionsOf = (node: NodeId) => cluster.member(node).machine.stored(a)?.state.sessions;
  cluster.until(() => sessionsOf(late)?.find({ session, sequence: 1 }) !== null, 30_000);
  for (const node of nodesOf(1, 2)) cluster.stop(node);
  cluster.start(nodes[1] as NodeId);
  const before = ask(cluster, putOnce(session, 1, "1"), late);
  assert.equal(before.type === "put" && before.header.revision, 2);
  assert.equal(read(cluster), "1");
});

test("a session goes when nothing has come under it for its time to live, and not before", () => {
  const { cluster, session } = scene(limits.sessionTtlMsMin);
  const idle = open(cluster, null, limits.sessionTtlMsMin).session;
  for (let sequence = 1; sequence <= 4; sequence++) {
    cluster.advance(limits.sessionTtlMsMin * 0.6);
    assert.equal(ask(cluster, putOnce(session, sequence, `${sequence}`)).type, "put");
  }
  assert.equal(failureOf(ask(cluster, putOnce(idle, 1, "idle"))), "not_found none");
  cluster.advance(limits.sessionTtlMsMin + 3 * limits.sessionCheckMs);
  assert.equal(failureOf(ask(cluster, putOnce(session, 4, "4"))), "not_found none");
  assert.equal(read(cluster), "4");
});

test("a new manager counts the time to live anew", () => {
  const { cluster, session } = scene(limits.sessionTtlMsMin);
  cluster.advance(limits.sessionTtlMsMin * 0.9);
  cluster.stop(nodes[0] as NodeId);
  cluster.until(() => managerOf(cluster, a) === nodes[1]);
  cluster.advance(limits.sessionTtlMsMin * 0.5);
  assert.equal(ask(cluster, putOnce(session, 1, "1")).type, "put");
});

test("a session is known in another group under the same name, and each counts for itself", () => {
  const { cluster, session } = scene();
  const request: Request = { type: "openSession", group: b, session, ttlMs: 10_000 };
  ask(cluster, putOnce(session, 1, "1"));
  const { sequence, session: same } = cluster.ask(stranger, request, "openSession");
  assert.deepEqual([same, sequence, open(cluster, session).sequence], [session, 0, 1]);
  assert.equal(ask(cluster, once(session, 1, put("k", "b", b))).type, "put");
});

test("a transaction over several groups is done once, whoever is asked again while it is under way or after it", () => {
  const { cluster, session } = scene();
  losingPrepares(cluster);
  const member = cluster.member(stranger);
  const calls = [member.call(once(session, 1, both))];
  cluster.until(() => hasSentPrepare(cluster));
  calls.push(member.call(once(session, 1, both)));
  cluster.advance(200);
  assert.equal(
    calls.some((call) => member.replies.has(call)),
    false,
  );
  cluster.copies = () => 1;
  cluster.until(() => calls.every((call) => member.replies.has(call)));
  assert.deepEqual(member.replies.get(calls[1] as number), member.replies.get(calls[0] as number));
  cluster.advance(1_000);
  const later = ask(cluster, once(session, 1, both), nodes[1]);
  assert.ok(later.type === "transact" && later.succeeded);
  assert.deepEqual(
    later.parts.map(({ group, revision }) => [group, revision]),
    [
      ["a", 2],
      ["b", 0],
    ],
  );
  assert.deepEqual([revisionOf(cluster), revisionOf(cluster, b)], [2, 2]);
});

test("the answer to a transaction that read in other groups is gone, that it was carried out is not", () => {
  const { cluster, session } = scene();
  const reading = transaction({ group: a, success: [txn.put("k", "a1")] }, { group: b, success: [txn.get("k")] });
  assert.equal(ask(cluster, once(session, 1, reading)).type, "transact");
  cluster.advance(1_000);
  assert.equal(failureOf(ask(cluster, once(session, 1, reading))), "compacted unknown");
});

test("a transaction that a change of manager has aborted is refused for good, under its identity", () => {
  const { cluster, session } = scene();
  const manager = nodes[0] as NodeId;
  losingPrepares(cluster);
  const member = cluster.member(stranger);
  const call = member.call(once(session, 1, both));
  cluster.until(() => hasSentPrepare(cluster));
  cluster.advance(100);
  cluster.stop(manager);
  cluster.copies = () => 1;
  cluster.until(() => member.replies.has(call));
  assert.equal(failureOf(member.replies.get(call) as Reply), "outcome_unknown unknown");
  cluster.until(() => managerOf(cluster, a) === nodes[1]);
  cluster.advance(1_000);
  assert.equal(failureOf(ask(cluster, once(session, 1, both))), "txn_conflict none");
  assert.deepEqual([read(cluster), read(cluster, b)], [null, null]);
  assert.equal(ask(cluster, once(session, 2, both)).type, "transact");
});

test("a group that was recovered from one node goes on with what that one remembers", () => {
  const { cluster, session } = scene();
  cluster.ask(stranger, put("k", "1", a), "put");
  ask(cluster, once(session, 1, previousPut));
  ask(cluster, putOnce(session, 2, "3"));
  const [kept, ...gone] = nodesOf(1, 2, 3) as [NodeId, NodeId, NodeId];
  for (const node of gone) cluster.stop(node);
  cluster.advance(3_000);
  const why = { owners: [kept], reason: "two disks burnt", validateOnly: false };
  cluster.ask(stranger, { type: "recoverGroup", group: a, from: kept, ...why }, "recoverGroup", 20_000);
  cluster.until(() => managerOf(cluster, a) === kept, 30_000);
  const { header } = cluster.ask(stranger, putOnce(session, 2, "3"), "put");
  assert.deepEqual([header.incarnation, header.revision], [1, 4]);
  assert.equal(failureOf(ask(cluster, once(session, 1, previousPut))), "compacted unknown");
});

test("every session has a name of its own", () => {
  const { cluster, session } = scene();
  const names = [session, open(cluster, null).session, open(cluster, null).session];
  assert.equal(new Set(names).size, 3);
  for (const name of names) assert.match(name, /^s[0-9a-f]{24}$/);
});
