// Transactions through whole nodes: of one group, and of three groups that share hardly a node, whatever is lost between.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type GroupId, type NodeId, toEpoch, toGroupId, toNodeId } from "../../../proto/ids.ts";
import type { PeerMessage } from "../../../proto/messages.ts";
import type { Reply, Request } from "../../../proto/requests.ts";
import type { Operation, Part } from "../../../proto/transactions.ts";
import { limits } from "../../../server/node/limits.ts";
import * as txn from "../txn/fixtures.ts";
import { Cluster, get, put, type Shape, textIn } from "./cluster.ts";

const nodes = ["n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8"].map(toNodeId);
const nodesOf = (...numbers: number[]) => numbers.map((number) => nodes[number - 1] as NodeId);
const stranger = nodes[7] as NodeId;
const shape: Shape = {
  nodes,
  groups: { a: nodesOf(1, 2, 3), b: nodesOf(3, 4, 5), c: nodesOf(5, 6, 7) },
  voters: nodesOf(1, 4, 7),
};
const [a, b, c] = ["a", "b", "c"].map(toGroupId) as [GroupId, GroupId, GroupId];

function cluster(): Cluster {
  const made = new Cluster(shape);
  // Leadership goes over to the first of each list: that is not what is looked at here.
  for (const group of [a, b, c]) made.until(() => leaderOf(made, group) === shape.groups[group]?.[0], 60_000);
  return made;
}

function leaderOf(from: Cluster, group: GroupId): NodeId {
  const owners = shape.groups[group] as readonly NodeId[];
  let leader: NodeId | null = null;
  from.until(() => {
    const asked = owners.find((owner) => from.members.has(owner)) as NodeId;
    leader = from.ask(asked, { type: "groupStatus", group }, "groupStatus").status.manager;
    return leader !== null && from.members.has(leader);
  });
  return leader as unknown as NodeId;
}

function transaction(...parts: readonly (Partial<Part> & { readonly group: GroupId })[]): Request {
  const whole = parts.map((part) => txn.partOf(part));
  return { type: "transact", group: (whole[0] as Part).group, parts: whole };
}

const both: Request = transaction(
  { group: a, success: [txn.put("k", "a1", true), txn.get("other")] },
  { group: b, success: [txn.put("k", "b1")] },
);

const read = (from: Cluster, group: GroupId, key = "k") =>
  textIn(from.ask(stranger, get(key, "linearizable", group), "get"));

/** Loses what one node tells another of a transaction. */
function losing(from: Cluster, isLost: (request: Request) => boolean): void {
  from.copies = (_from, _to, message: PeerMessage) => (message.type === "forward" && isLost(message.request) ? 0 : 1);
}

/** Nobody holds anything of a transaction any more. */
function isSettled(from: Cluster): boolean {
  return [...from.members.values()].every(({ machine }) =>
    [a, b, c].every((group) => {
      const { transactions } = machine.stored(group)?.state ?? {};
      return transactions === undefined || transactions.coordinated.length + transactions.prepared.length === 0;
    }),
  );
}

function failureOf(reply: Reply | undefined): string {
  return reply?.type === "failed" ? `${reply.failure.code} ${reply.failure.effect}` : `${reply?.type}`;
}

test("a transaction of one group compares, reads and writes at one revision, through any node", () => {
  const from = cluster();
  from.ask(stranger, put("k", "1", a), "put");
  const branches = {
    success: [txn.put("k", "2", true), txn.get("k"), txn.remove("x")],
    failure: [txn.list(txn.spanOf("k"))],
  };
  const isOne = [txn.keyIs("k", "equal", txn.value("1"))];
  const done = from.ask(stranger, transaction({ group: a, comparisons: isOne, ...branches }), "transact");
  assert.deepEqual([done.succeeded, done.header.revision], [true, 3]);
  const [{ revision, results } = { revision: 0, results: [] }] = done.parts;
  assert.equal(revision, 3);
  assert.deepEqual(
    results.map((result) => (result.type === "put" ? result.previous?.modRevision : result.type)),
    [2, "get", "delete"],
  );
  const again = from.ask(stranger, transaction({ group: a, comparisons: isOne, ...branches }), "transact");
  assert.deepEqual([again.succeeded, again.parts[0]?.results[0]?.type], [false, "list"]);
  assert.equal(read(from, a), "2");
});

test("a transaction that only reads is in no log", () => {
  const from = cluster();
  from.ask(stranger, put("k", "1", a), "put");
  from.advance(1_000);
  const applied = () => from.ask(nodes[0] as NodeId, { type: "groupStatus", group: a }, "groupStatus").status.applied;
  const before = applied();
  const reading = transaction({ group: a, success: [txn.get("k"), txn.list(txn.spanOf("k"))] });
  assert.equal(from.ask(stranger, reading, "transact").parts[0]?.results.length, 2);
  assert.equal(applied(), before);
});

test("a transaction of an old epoch is fenced, in one group and in several", () => {
  const from = cluster();
  const fence = toEpoch(999);
  for (const parts of [[{ group: a, fence }], [{ group: a }, { group: b, fence }]]) {
    const call = from.member(stranger).call(transaction(...parts));
    from.until(() => from.member(stranger).replies.has(call));
    assert.equal(failureOf(from.member(stranger).replies.get(call)), "fenced none");
  }
  from.until(() => isSettled(from));
});

test("a transaction of three groups is carried out by all of them, and leaves nothing behind", () => {
  const from = cluster();
  const operations = (name: string): Operation[] => [txn.put("k", name, true), txn.get("k")];
  const groups = [a, b, c].map((group) => ({ group, success: operations(group) }));
  const done = from.ask(stranger, transaction(...groups), "transact");
  assert.deepEqual([done.succeeded, done.header.group], [true, a]);
  assert.deepEqual(
    done.parts.map(({ group, revision, results }) => [group, revision, results.map(({ type }) => type)]),
    [a, b, c].map((group) => [group, 2, ["put", "get"]]),
  );
  for (const group of [a, b, c]) assert.equal(read(from, group), group);
  from.until(() => isSettled(from));
});

test("groups that answer more than 4 MiB together are refused, and nothing is done", () => {
  const from = cluster();
  const value = new Uint8Array(limits.valueBytesMax - 100);
  for (const group of [a, b, c]) for (const key of ["k1", "k2"]) from.ask(stranger, put(key, value, group), "put");
  const reads = [txn.get("k1"), txn.get("k2")];
  const reading = [a, b, c].map((group) => ({ group, success: reads }));
  const writing = [a, b, c].map((group) => ({ group, success: [...reads, txn.put("k", "1")] }));
  for (const parts of [reading, writing]) {
    const call = from.member(stranger).call(transaction(...parts));
    from.until(() => from.member(stranger).replies.has(call));
    assert.equal(failureOf(from.member(stranger).replies.get(call)), "invalid_argument none");
  }
  from.until(() => isSettled(from));
  assert.deepEqual(
    [a, b, c].map((group) => read(from, group)),
    [null, null, null],
  );
  assert.equal(from.ask(stranger, transaction(...reading.slice(1)), "transact").parts.length, 2);
});

test("one comparison that does not hold has all groups take the other branch", () => {
  const from = cluster();
  from.ask(stranger, put("guard", "shut", b), "put");
  const parts = [
    { group: a, success: [txn.put("k", "yes")], failure: [txn.put("k", "no")] },
    { group: b, comparisons: [txn.keyIs("guard", "equal", txn.value("open"))], failure: [txn.get("guard")] },
  ];
  const done = from.ask(stranger, transaction(...parts), "transact");
  assert.equal(done.succeeded, false);
  assert.equal(done.parts[1]?.results[0]?.type, "get");
  assert.equal(read(from, a), "no");
});

test("what a prepared transaction holds is not written by others, and read only when it is over", () => {
  const from = cluster();
  from.ask(stranger, put("free", "1", b), "put");
  from.ask(stranger, put("k", "before", b), "put");
  losing(from, ({ type }) => type === "finish");
  const member = from.member(stranger);
  const call = member.call(both);
  from.until(() => member.replies.has(call));
  // It is decided and answered; b has not heard of it.
  assert.equal(member.replies.get(call)?.type, "transact");
  assert.equal(read(from, a), "a1");
  const write = member.call(put("k", "other", b));
  const reading = member.call(get("k", "linearizable", b));
  const local = member.call(get("k", "local", b));
  from.until(() => member.replies.has(write) && member.replies.has(local));
  assert.equal(failureOf(member.replies.get(write)), "txn_conflict none");
  assert.equal(textIn(member.replies.get(local) as Extract<Reply, { type: "get" }>), "before");
  from.ask(stranger, put("free", "2", b), "put");
  assert.equal(member.replies.has(reading), false);
  from.copies = () => 1;
  from.until(() => member.replies.has(reading));
  assert.equal(textIn(member.replies.get(reading) as Extract<Reply, { type: "get" }>), "b1");
  from.until(() => isSettled(from));
});

test("of two transactions that need the same key one gives way, and nothing of it is done", () => {
  const from = cluster();
  const member = from.member(stranger);
  const other = transaction({ group: b, success: [txn.put("k", "b2")] }, { group: c, success: [txn.put("k", "c2")] });
  const calls = [member.call(both), member.call(other)];
  from.until(() => calls.every((call) => member.replies.has(call)));
  const outcomes = calls.map((call) => failureOf(member.replies.get(call)));
  from.until(() => isSettled(from));
  const found = [a, b, c].map((group) => read(from, group));
  const expected = {
    "transact txn_conflict none": ["a1", "b1", null],
    "txn_conflict none transact": [null, "b2", "c2"],
  };
  assert.deepEqual(found, expected[outcomes.join(" ") as keyof typeof expected], outcomes.join(" "));
});

test("a group that does not prepare in time has the transaction aborted everywhere, and named", () => {
  const from = cluster();
  losing(from, ({ type }) => type === "prepare");
  const member = from.member(stranger);
  const call = member.call(both, 10_000);
  from.until(() => member.replies.has(call));
  const reply = member.replies.get(call);
  assert.equal(failureOf(reply), "deadline none");
  assert.match(reply?.type === "failed" ? reply.failure.message : "", /^b did not prepare/);
  from.copies = () => 1;
  from.until(() => isSettled(from));
  assert.deepEqual([read(from, a), read(from, b)], [null, null]);
});

test("a caller whose time is up before that is told which group it waited for", () => {
  const from = cluster();
  losing(from, ({ type }) => type === "prepare");
  const member = from.member(stranger);
  const call = member.call(both, limits.transactionTimeoutMs / 2);
  from.until(() => member.replies.has(call));
  const reply = member.replies.get(call);
  assert.equal(failureOf(reply), "deadline unknown");
  assert.match(reply?.type === "failed" ? reply.failure.message : "", /^The group b did not do its part/);
});

test("a manager that is lost before it decided leaves nothing done, one that is lost afterwards everything", () => {
  for (const [lost, found] of [
    ["prepare", [null, null]],
    ["finish", ["a1", "b1"]],
  ] as const) {
    const from = cluster();
    const manager = leaderOf(from, a);
    losing(from, ({ type }) => type === lost);
    from.member(stranger).call(both);
    from.until(() => from.sent.some(({ message }) => message.type === "forward" && message.request.type === lost));
    from.advance(100);
    from.stop(manager);
    from.copies = () => 1;
    from.until(() => isSettled(from), 30_000);
    assert.deepEqual([read(from, a), read(from, b)], found, lost);
  }
});

test("a group that is prepared asks what became of it when it is told nothing", () => {
  const from = cluster();
  losing(from, ({ type }) => type === "finish");
  from.ask(stranger, both, "transact");
  from.until(() => read(from, b) === "b1");
  from.copies = () => 1;
  from.until(() => isSettled(from));
});

test("a request to prepare that comes after the end holds nothing, and is carried out no second time", () => {
  for (const isAborted of [false, true]) {
    const from = cluster();
    const late: { to: NodeId; message: PeerMessage & { type: "forward" } }[] = [];
    from.copies = (_from, to, message) => {
      if (message.type !== "forward" || message.request.type !== "prepare") return 1;
      late.push({ to, message });
      return isAborted ? 0 : 1;
    };
    const member = from.member(stranger);
    const call = member.call(both, 10_000);
    from.until(() => member.replies.has(call));
    from.copies = () => 1;
    from.until(() => isSettled(from));
    from.ask(stranger, put("k", "after", b), "put");
    const request = late[0]?.message.request as Request;
    const again = from.member(late[0]?.to as NodeId).call(request);
    from.advance(2 * limits.transactionInquireMs);
    assert.equal(failureOf(from.member(late[0]?.to as NodeId).replies.get(again)), "txn_conflict none");
    assert.ok(isSettled(from));
    assert.equal(read(from, b), "after");
  }
});

test("a transaction names the group that does not exist, and nothing is done", () => {
  const from = cluster();
  const absent = transaction({ group: a, success: [txn.put("k", "1")] }, { group: toGroupId("absent") });
  const call = from.member(stranger).call(absent);
  from.until(() => from.member(stranger).replies.has(call));
  const reply = from.member(stranger).replies.get(call);
  assert.equal(failureOf(reply), "not_found none");
  assert.match(reply?.type === "failed" ? reply.failure.message : "", /absent/);
  assert.equal(read(from, a), null);
  from.until(() => isSettled(from));
});

/** A group of which some nodes have not heard, until messages arrive again; nobody is told a decision meanwhile. */
function makeUnheard(from: Cluster, { group, owners, late }: Unheard): void {
  const lost = new Set(["clusterNews", "clusterEntries", "clusterState"]);
  from.copies = (_from, to, message) => {
    const isOutcome = message.type === "forward" && ["finish", "decision"].includes(message.request.type);
    return isOutcome || (late.includes(to) && lost.has(message.type)) ? 0 : 1;
  };
  from.ask(stranger, { type: "createGroup", group, owners, validateOnly: false }, "createGroup");
  from.knows(stranger, group);
  const manager = () => from.ask(stranger, { type: "groupStatus", group }, "groupStatus").status.manager;
  from.until(() => manager() === owners[0], 60_000);
}

interface Unheard {
  readonly group: GroupId;
  readonly owners: readonly NodeId[];
  readonly late: readonly NodeId[];
}

test("a decision holds for a group that is prepared on nodes that have not heard of the one that coordinates", () => {
  const from = cluster();
  const aa = toGroupId("aa");
  makeUnheard(from, { group: aa, owners: nodesOf(1, 2, 3), late: nodesOf(5, 6) });
  const parts = [aa, c].map((group) => ({ group, success: [txn.put("k", "new")] }));
  assert.equal(from.ask(stranger, transaction(...parts), "transact").succeeded, true);
  from.advance(2 * limits.transactionInquireMs);
  from.copies = () => 1;
  from.advance(5_000);
  assert.deepEqual([read(from, aa), read(from, c)], ["new", "new"]);
});

test("a decision is kept by a manager that has not heard of a group that takes part", () => {
  const from = cluster();
  const cc = toGroupId("cc");
  const [manager, ...late] = nodesOf(1, 2, 3) as [NodeId, NodeId, NodeId];
  makeUnheard(from, { group: cc, owners: nodesOf(5, 6, 7), late });
  const parts = [a, cc].map((group) => ({ group, success: [txn.put("k", "new")] }));
  assert.equal(from.ask(stranger, transaction(...parts), "transact").succeeded, true);
  from.stop(manager);
  from.advance(5_000);
  from.copies = () => 1;
  from.advance(5_000);
  assert.deepEqual([read(from, a), read(from, cc)], ["new", "new"]);
});

test("all of it outlives a restart of every node in between", () => {
  const from = cluster();
  losing(from, ({ type }) => type === "finish");
  from.ask(stranger, both, "transact");
  for (const node of nodes) from.stop(node);
  for (const node of nodes) from.start(node);
  from.copies = () => 1;
  from.until(() => isSettled(from), 30_000);
  assert.deepEqual([read(from, a), read(from, b)], ["a1", "b1"]);
});

test("a group that was recovered goes on with what it had decided, and aborts what it had not", () => {
  for (const [lost, found] of [
    ["prepare", [null, null]],
    ["finish", ["a1", "c1"]],
  ] as const) {
    const from = cluster();
    losing(from, ({ type }) => type === lost);
    from
      .member(stranger)
      .call(transaction({ group: a, success: [txn.put("k", "a1")] }, { group: c, success: [txn.put("k", "c1")] }));
    from.until(() => from.sent.some(({ message }) => message.type === "forward" && message.request.type === lost));
    from.advance(100);
    const [kept, ...gone] = nodesOf(1, 2, 3) as [NodeId, NodeId, NodeId];
    for (const node of gone) from.stop(node);
    from.copies = () => 1;
    from.advance(3_000);
    const why = { owners: [kept], reason: "two disks burnt", validateOnly: false };
    from.ask(stranger, { type: "recoverGroup", group: a, from: kept, ...why }, "recoverGroup", 20_000);
    from.until(() => isSettled(from), 60_000);
    assert.deepEqual([read(from, a), read(from, c)], found, lost);
  }
});

/** Whether a message drives a transaction on: between groups, or within one. */
function isStep({ type, ...message }: PeerMessage): boolean {
  if (type === "forward" || type === "forwardReply") return true;
  const raft = "message" in message ? message.message : null;
  return type === "raft" && raft !== null && ["append", "appendReply"].includes(raft.type);
}

test("nothing is split when the manager of either group goes down at any message of a transaction", () => {
  for (const group of [a, b]) {
    let isWhole = false;
    for (let step = 0; !isWhole; step++) {
      const from = cluster();
      const manager = leaderOf(from, group);
      from.advance(1_000);
      let steps = 0;
      from.copies = (sender, to, message) => {
        if (steps > step && (sender === manager || to === manager)) return 0;
        if (isStep(message)) steps += 1;
        return 1;
      };
      from.member(stranger).call(both);
      from.settle();
      isWhole = steps <= step;
      from.stop(manager);
      from.copies = () => 1;
      from.advance(500);
      from.start(manager);
      from.until(() => isSettled(from), 60_000);
      const found = [read(from, a), read(from, b)];
      const isAllOrNothing = found.every((value) => value === null) || (found[0] === "a1" && found[1] === "b1");
      assert.ok(isAllOrNothing, `${found} when the manager of ${group} went down at message ${step}`);
    }
  }
});
