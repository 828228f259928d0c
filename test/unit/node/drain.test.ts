// Planned changes of a node through whole nodes: all groups that it owns come to it, or none; or each when it can.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type GroupId, type NodeId, toGroupId, toLogIndex, toNodeId } from "../../../proto/ids.ts";
import type { PeerMessage } from "../../../proto/messages.ts";
import type { Intent, RecoveryStatus } from "../../../proto/model.ts";
import type { GroupStatus, Reply, Request } from "../../../proto/requests.ts";
import { partFor } from "../../../server/recovery/intents.ts";
import { Cluster, put, type Shape } from "./cluster.ts";

const nodes = ["n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8"].map(toNodeId);
const [n1, n2, n3, n4, n5, n6, n7, n8] = nodes as unknown as readonly NodeId[] & { readonly [At in number]: NodeId };
const [a, b, c] = ["a", "b", "c"].map(toGroupId) as [GroupId, GroupId, GroupId];
/** n3 is in a and b, and runs both. */
const shape: Shape = {
  nodes,
  groups: { a: [n3, n1, n2] as NodeId[], b: [n3, n4, n5] as NodeId[], c: [n5, n6, n7] as NodeId[] },
  voters: [n1, n4, n7] as NodeId[],
};
const outsider = n8 as NodeId;
const drained = n3 as NodeId;

function cluster(): Cluster {
  const made = new Cluster(shape);
  // Leadership goes over to the first of each list: that is not what is looked at here.
  const isFirst = ({ ownership, manager }: GroupStatus) => ownership.currentOwner === drained && manager === drained;
  made.until(() => [a, b].every((group) => isFirst(statusOf(made, group))), 60_000);
  return made;
}

function drain(wanted: Intent = "drained", changes: Partial<Request & { readonly type: "drainNode" }> = {}): Request {
  const base = { type: "drainNode", node: drained, wanted, reason: "new disk" } as const;
  return { ...base, skipUnavailable: false, validateOnly: false, ...changes };
}

function statusOf(from: Cluster, group: GroupId): GroupStatus {
  const owners = shape.groups[group] as readonly NodeId[];
  const asked = owners.find((owner) => from.members.has(owner)) as NodeId;
  return from.ask(asked, { type: "groupStatus", group }, "groupStatus").status;
}

function wordOf(from: Cluster, group: GroupId, node = drained): RecoveryStatus | undefined {
  return statusOf(from, group).verdicts.find((verdict) => verdict.node === node)?.status;
}

function areIn(from: Cluster, word: RecoveryStatus): boolean {
  return [a, b].every((group) => wordOf(from, group) === word);
}

function failureOf(reply: Reply | undefined): string {
  return reply?.type === "failed" ? `${reply.failure.code} ${reply.failure.effect}` : `${reply?.type}`;
}

function intentOf(from: Cluster, node = drained) {
  return from.ask(outsider, { type: "nodeStatus", node }, "nodeStatus").status.intent;
}

test("a drained node gives up its applications in all its groups, votes and stores on, and takes part again when told", () => {
  const from = cluster();
  const done = from.ask(outsider, drain(), "drainNode");
  assert.deepEqual(done.unreachable, []);
  assert.deepEqual(
    done.moves.map(({ group, from: before, to }) => [group, before, to]),
    [
      ["a", "n3", "n1"],
      ["b", "n3", "n4"],
    ],
  );
  from.until(() => areIn(from, "maintenance"));
  assert.deepEqual(
    [a, b].map((group) => statusOf(from, group).ownership.currentOwner),
    ["n1", "n4"],
  );
  const { status } = from.ask(outsider, { type: "nodeStatus", node: drained }, "nodeStatus");
  assert.equal(status.status, "maintenance");
  assert.match(status.components[0]?.reason ?? "", /^Drained: new disk$/);
  from.until(() => intentOf(from)?.pending.length === 0);
  assert.equal(intentOf(from)?.wanted, "drained");
  from.stop(n1 as NodeId);
  from.ask(outsider, put("k", "v", a), "put", 10_000);
  from.ask(outsider, drain("none"), "drainNode");
  from.until(() => areIn(from, "up"));
  assert.equal(statusOf(from, b).ownership.currentOwner, "n4");
  const { events } = from.ask(outsider, { type: "clusterEvents", after: toLogIndex(0), limit: 100 }, "clusterEvents");
  const told = events.map(({ change }) => change).filter(({ type }) => type.endsWith("rained"));
  assert.deepEqual(told, [
    { type: "nodeDrained", node: drained, reason: "new disk" },
    { type: "nodeUndrained", node: drained, reason: "new disk" },
  ]);
});

test("who watches a group is told at once of an owner that is drained and taken back, though nothing runs there", () => {
  const from = cluster();
  const form = { startIndex: null, initial: false, includeProgress: false, progressIntervalMs: 0 } as const;
  const watch = from.member(n2 as NodeId).watch({ type: "watchGroup", group: a, ...form });
  const told = () => {
    const states = from.member(n2 as NodeId).watched.get(watch) ?? [];
    from.member(n2 as NodeId).host.deliver({ type: "drained", call: watch });
    const last = states.findLast((message) => message.type === "groupState");
    return last?.type === "groupState" ? last.status.verdicts.find(({ node }) => node === n2)?.status : undefined;
  };
  for (const [wanted, word] of [
    ["drained", "maintenance"],
    ["none", "up"],
  ] as const) {
    from.ask(outsider, drain(wanted, { node: n2 as NodeId }), "drainNode");
    from.until(() => told() === word, 300);
  }
});

test("an application that nobody else can take stays, and moves when somebody can", () => {
  const from = cluster();
  from.stop(n4 as NodeId);
  from.until(() => wordOf(from, b, n4) === "down");
  from.ask(outsider, drain("drained", { node: n5 as NodeId }), "drainNode", 10_000);
  from.until(() => wordOf(from, b, n5) === "maintenance");
  const done = from.ask(outsider, drain(), "drainNode", 10_000);
  assert.deepEqual(
    done.moves.map(({ group, to }) => [group, to]),
    [
      ["a", "n1"],
      ["b", null],
    ],
  );
  from.until(() => wordOf(from, a) === "maintenance");
  from.advance(5_000);
  assert.deepEqual([wordOf(from, b), statusOf(from, b).ownership.currentOwner], ["draining", "n3"]);
  from.start(n4 as NodeId);
  from.until(() => wordOf(from, b) === "maintenance", 20_000);
  assert.equal(statusOf(from, b).ownership.currentOwner, "n4");
});

test("a drained node that falls silent is down, and drained again when it is back", () => {
  const from = cluster();
  from.ask(outsider, drain(), "drainNode");
  from.until(() => areIn(from, "maintenance"));
  from.stop(drained);
  from.until(() => areIn(from, "down"), 20_000);
  from.start(drained);
  from.until(() => areIn(from, "maintenance"), 20_000);
  assert.equal(statusOf(from, b).ownership.currentOwner, "n4");
});

test("what would move is told, and nothing done", () => {
  const from = cluster();
  const applied = statusOf(from, a).applied;
  const { moves } = from.ask(outsider, drain("drained", { validateOnly: true }), "drainNode");
  assert.equal(moves.length, 2);
  from.advance(2_000);
  assert.deepEqual([areIn(from, "up"), statusOf(from, a).applied, intentOf(from)], [true, applied, null]);
});

test("a group without a quorum refuses the whole and is named, or is skipped and follows", () => {
  const from = cluster();
  for (const node of [n4, n5]) from.stop(node as NodeId);
  from.until(() => !statusOf(from, b).hasQuorum, 20_000);
  const refused = from.ask(outsider, drain(), "failed", 10_000);
  assert.equal(failureOf(refused), "no_quorum none");
  assert.match(refused.failure.message, /^The group b of n3 has no quorum: nothing was done/);
  from.advance(2_000);
  assert.equal(wordOf(from, a), "up");
  const skipped = from.ask(outsider, drain("drained", { skipUnavailable: true }), "drainNode", 10_000);
  assert.deepEqual(skipped.unreachable, [b]);
  from.until(() => wordOf(from, a) === "maintenance", 60);
  from.until(() => intentOf(from)?.pending.join() === "b");
  // Whoever has to remember it may begin anew in between.
  for (const node of [n1, n7, n3]) {
    from.stop(node as NodeId);
    from.advance(3_000);
    from.start(node as NodeId);
    from.advance(3_000);
  }
  for (const node of [n4, n5]) from.start(node as NodeId);
  from.until(() => areIn(from, "maintenance"), 20_000);
  from.until(() => intentOf(from)?.pending.length === 0);
});

test("what a group has still to come to is taken back before it has", () => {
  const from = cluster();
  for (const node of [n4, n5]) from.stop(node as NodeId);
  from.until(() => !statusOf(from, b).hasQuorum, 20_000);
  from.ask(outsider, drain("drained", { skipUnavailable: true }), "drainNode", 10_000);
  from.until(() => wordOf(from, a) === "maintenance");
  from.ask(outsider, drain("none", { skipUnavailable: true }), "drainNode", 10_000);
  from.until(() => wordOf(from, a) === "up");
  for (const node of [n4, n5]) from.start(node as NodeId);
  from.until(() => intentOf(from)?.pending.length === 0, 20_000);
  assert.ok(areIn(from, "up"));
});

test("a group that takes a drained node in drains it before it can run anything", () => {
  const from = cluster();
  from.ask(outsider, drain(), "drainNode");
  from.until(() => intentOf(from)?.pending.length === 0);
  const owners = [n3, n5, n6, n7] as NodeId[];
  from.ask(outsider, { type: "setOwners", group: c, owners, ifIndex: null, validateOnly: false }, "setOwners", 20_000);
  from.until(() => wordOf(from, c) === "maintenance", 20_000);
  assert.equal(statusOf(from, c).ownership.currentOwner, "n5");
  from.ask(outsider, drain("none"), "drainNode");
  from.until(() => wordOf(from, c) === "up" && areIn(from, "up"));
});

test("an owner list is not changed while a drain of one of its owners is under way, nor the other way round", () => {
  const groups = { ...shape.groups, b: [n4, n3, n5] as NodeId[] };
  const from = new Cluster({ ...shape, groups });
  from.until(() => statusOf(from, a).manager === n3 && statusOf(from, b).manager === n4, 60_000);
  const isLost = ({ type }: Request) => type === "finish";
  from.copies = (_from, _to, message: PeerMessage) => (message.type === "forward" && isLost(message.request) ? 0 : 1);
  from.ask(outsider, drain(), "drainNode");
  const set = (owners: readonly NodeId[]): Request => {
    return { type: "setOwners", group: b, owners, ifIndex: null, validateOnly: false };
  };
  assert.equal(failureOf(from.ask(outsider, set([n4, n5] as NodeId[]), "failed")), "txn_conflict none");
  assert.equal(failureOf(from.ask(outsider, drain("none"), "failed")), "txn_conflict none");
  from.copies = () => 1;
  from.until(() => areIn(from, "maintenance"));
  // n6 is not there to be brought up, so that the change goes on.
  from.stop(n6 as NodeId);
  const call = from.member(outsider).call(set([n3, n4, n6] as NodeId[]), 30_000);
  from.until(() => statusOf(from, b).membership.target !== null);
  from.until(() => from.ask(n4 as NodeId, { type: "groupStatus", group: b }, "groupStatus").status.applied > 0);
  from.advance(1_000);
  assert.equal(failureOf(from.ask(outsider, drain("none"), "failed")), "txn_conflict none");
  from.start(n6 as NodeId);
  from.until(() => from.member(outsider).replies.has(call), 30_000);
  from.ask(outsider, drain("none"), "drainNode", 10_000);
  from.until(() => areIn(from, "up"));
});

test("whoever has not heard of what a group knows of a node changes nothing", () => {
  const from = cluster();
  from.ask(outsider, put("k", "v", a), "put");
  const part = (after: number) => {
    return partFor(a, { type: "intend", node: drained, wanted: "drained", reason: "", after: toLogIndex(after) });
  };
  const transact = (after: number): Request => ({ type: "transact", group: a, parts: [part(after)] });
  from.ask(outsider, transact(7), "transact");
  assert.equal(failureOf(from.ask(outsider, transact(6), "failed")), "txn_conflict none");
  const stranger = { ...part(9), success: [{ ...part(9).success[0], node: n8 }] } as never;
  const strange = from.ask(outsider, { type: "transact", group: a, parts: [stranger] }, "failed");
  assert.equal(failureOf(strange), "condition_failed none");
});

test("a node that nobody knows is refused, and one without groups is put on record", () => {
  const from = cluster();
  assert.equal(failureOf(from.ask(outsider, drain("drained", { node: toNodeId("n99") }), "failed")), "not_found none");
  const long = from.ask(outsider, drain("drained", { reason: "x".repeat(201) }), "failed");
  assert.equal(failureOf(long), "invalid_argument none");
  const done = from.ask(outsider, drain("drained", { node: outsider }), "drainNode");
  assert.deepEqual([done.moves, done.unreachable], [[], []]);
  assert.deepEqual(intentOf(from, outsider)?.pending, []);
});

test("without the cluster's quorum a node is drained all the same, and that it is not on record is said", () => {
  const from = cluster();
  for (const node of [n1, n7]) from.stop(node as NodeId);
  from.advance(5_000);
  const done = from.ask(outsider, drain(), "drainNode", 20_000);
  assert.deepEqual(done.unreachable, ["cluster"]);
  from.until(() => areIn(from, "maintenance"));
});
