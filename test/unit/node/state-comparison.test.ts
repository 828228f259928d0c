// What a replica believes of a word on its state, and what it answers. The whole is in test/sim/state-comparison.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type LogIndex, type NodeId, toIncarnation, toLogIndex, toMemberId, toNodeId } from "../../../proto/ids.ts";
import type { PeerMessage } from "../../../proto/messages.ts";
import type { GroupStatus } from "../../../proto/requests.ts";
import { limits } from "../../../server/node/limits.ts";
import type { LogKept } from "../../../server/node/log-trim.ts";
import { stateFormat } from "../../../server/node/state-rows.ts";
import { bytesOf } from "../../../storage/bytes.ts";
import { Cluster, get, n1, n2, n3, peerInput, put, rg, type Shape, smallShape, textIn } from "./cluster.ts";

type Verdict = PeerMessage & { readonly type: "stateVerdict" };
type Question = PeerMessage & { readonly type: "stateQuestion" };

const member = toMemberId(1);
const address = { group: rg, incarnation: toIncarnation(1), fromMember: member, toMember: member };
const other = "00000000000000ff";

/** The first of the list, when precedence has had its way. */
function settledLeader(cluster: Cluster): NodeId {
  cluster.until(() => cluster.leader() === n1, 60_000);
  return n1;
}

/** A comparison has just been made. */
function compared(logKept?: LogKept): {
  readonly cluster: Cluster;
  readonly leader: NodeId;
  readonly follower: NodeId;
} {
  const cluster = new Cluster(smallShape, smallShape.nodes, logKept);
  const leader = settledLeader(cluster);
  cluster.ask(leader, put("k", "v"), "put");
  cluster.sent = [];
  cluster.until(() => cluster.sent.some(({ message }) => message.type === "stateAnswer"), 70_000);
  cluster.advance(100);
  const follower = [n1, n2, n3].find((node) => node !== leader) as NodeId;
  return { cluster, leader, follower };
}

function toldBy(cluster: Cluster, node: NodeId): { readonly index: LogIndex; readonly hash: string } {
  const told = cluster.sent.findLast(({ from, message }) => from === node && message.type === "stateAnswer");
  assert.ok(told?.message.type === "stateAnswer");
  return told.message;
}

function deliver(cluster: Cluster, from: NodeId, to: NodeId, message: PeerMessage): void {
  cluster.sent = [];
  cluster.member(to).host.deliver(peerInput(from, message));
  cluster.advance(5);
}

function isQuarantined(cluster: Cluster, node: NodeId): boolean {
  return cluster.member(node).notes.includes("Quarantined a replica");
}

test("a verdict is believed when a quorum has another hash at the very index of which the replica has told its own", () => {
  const { cluster, leader, follower } = compared();
  const { index, hash } = toldBy(cluster, follower);
  const holders = [n1, n2, n3].filter((node) => node !== follower);
  const true_ = { type: "stateVerdict", ...address, index, format: stateFormat, hash: other, holders } as const;
  const wrong: Partial<Verdict>[] = [
    { index: toLogIndex(index - 1) },
    { format: stateFormat + 1 },
    { hash },
    { holders: [leader] },
    { holders: [leader, follower] },
    { holders: [] },
    { fromMember: toMemberId(3) },
    { toMember: toMemberId(3) },
    { incarnation: toIncarnation(2) },
  ];
  for (const change of wrong) {
    deliver(cluster, leader, follower, { ...true_, ...change });
    assert.equal(isQuarantined(cluster, follower), false, JSON.stringify(change));
  }
  deliver(cluster, leader, follower, true_);
  assert.ok(isQuarantined(cluster, follower));
});

test("a replica that was put back since it told its hash believes no verdict on what was there before", () => {
  const { cluster, leader, follower } = compared();
  const { index } = toldBy(cluster, follower);
  cluster.stop(follower);
  cluster.start(follower);
  cluster.advance(2_000);
  const holders = [n1, n2, n3].filter((node) => node !== follower);
  const message = { type: "stateVerdict", ...address, index, format: stateFormat, hash: other, holders } as const;
  deliver(cluster, leader, follower, message);
  assert.equal(isQuarantined(cluster, follower), false);
});

test("a replica that a snapshot has replaced since it told its hash believes no verdict on what was there before", () => {
  const { cluster, leader, follower } = compared({ bytes: 1e9, entries: 10 });
  const { index } = toldBy(cluster, follower);
  const others = [n1, n2, n3].filter((node) => node !== follower);
  for (const node of others) cluster.cut(follower, node);
  for (let at = 0; at < 30; at++) cluster.ask(leader, put("k", `v${at}`), "put");
  const installed = () => cluster.member(follower).notes.includes("Installed a snapshot");
  assert.equal(installed(), false);
  cluster.heal();
  cluster.until(installed, 20_000);
  const verdict = { index, format: stateFormat, hash: other, holders: others };
  deliver(cluster, leader, follower, { type: "stateVerdict", ...address, ...verdict });
  assert.equal(isQuarantined(cluster, follower), false);
});

test("a question is answered at exactly its index, now or when it is applied, and in this format alone", () => {
  const { cluster, leader, follower } = compared();
  const { index } = toldBy(cluster, follower);
  const question: Question = { type: "stateQuestion", ...address, index, format: stateFormat };
  const answers = () =>
    cluster.sent.flatMap(({ from, message }) => {
      return from === follower && message.type === "stateAnswer" ? [message.index] : [];
    });
  deliver(cluster, leader, follower, question);
  assert.deepEqual(answers(), [index]);
  deliver(cluster, leader, follower, { ...question, format: stateFormat + 1 });
  assert.deepEqual(answers(), []);
  const next = toLogIndex(index + 3);
  deliver(cluster, leader, follower, { ...question, index: next });
  assert.deepEqual(answers(), []);
  for (let at = 0; at < 5; at++) cluster.ask(leader, put("k", `v${at}`), "put");
  cluster.advance(100);
  assert.deepEqual(answers(), [next]);
  for (let at = 0; at < limits.hashTrailMax; at++) cluster.ask(leader, put("k", `v${at}`), "put");
  cluster.advance(100);
  deliver(cluster, leader, follower, question);
  assert.deepEqual(answers(), []);
});

test("a leader takes answers of another format for none", () => {
  const cluster = new Cluster();
  cluster.change = (message) => (message.type === "stateAnswer" ? { ...message, format: 2, hash: other } : message);
  const leader = settledLeader(cluster);
  cluster.ask(leader, put("k", "v"), "put");
  cluster.advance(70_000);
  const { status } = cluster.ask(leader, { type: "groupStatus", group: rg }, "groupStatus");
  assert.deepEqual(
    status.compared?.hashes.map(({ node }) => node),
    [leader],
  );
  assert.equal(status.dispute, null);
  assert.ok([n1, n2, n3].every((node) => !isQuarantined(cluster, node)));
});

const five = ["n1", "n2", "n3", "n4", "n5"].map(toNodeId);
const pair: Shape = { nodes: five, groups: { rg: [n1, n2] }, voters: [n3] };

/** Two owners and a witness; n2 has taken something else for the value that n1 sent. */
function disputed(): Cluster {
  const cluster = new Cluster(pair);
  settledLeader(cluster);
  cluster.until(() => statusOf(cluster).membership.voters.length === 3, 10_000);
  cluster.change = altered;
  cluster.ask(n1, put("mark", "right"), "put", 10_000);
  cluster.change = (message) => message;
  cluster.until(() => statusOf(cluster).dispute !== null, 70_000);
  assert.equal(cluster.ask(n1, put("mark", "later"), "failed").failure.code, "corrupt");
  assert.deepEqual(values(cluster), ["right", "wrong"]);
  return cluster;
}

function altered(message: PeerMessage): PeerMessage {
  if (message.type !== "raft" || message.message.type !== "append") return message;
  const { slice } = message.message;
  const entries = slice.entries.map((entry) => {
    const text = Buffer.from(entry.payload).toString("latin1").replace("right", "wrong");
    return { ...entry, payload: new Uint8Array(Buffer.from(text, "latin1")) };
  });
  return { ...message, message: { ...message.message, slice: { ...slice, entries } } };
}

function statusOf(cluster: Cluster): GroupStatus {
  return cluster.ask(n1, { type: "groupStatus", group: rg }, "groupStatus").status;
}

function values(cluster: Cluster): readonly (string | null)[] {
  return [n1, n2].map((node) => textIn(cluster.ask(node, get("mark", "local"), "get")));
}

test("a dispute of two owners ends when the one that is wrong is wiped and brought up again", () => {
  const cluster = disputed();
  cluster.stop(n2);
  cluster.wipe(n2);
  cluster.start(n2, "wiped");
  cluster.until(() => cluster.member(n2).notes.includes("Readmitted"), 30_000);
  cluster.until(() => statusOf(cluster).dispute === null, 2 * limits.stateCheckRetryMs + 1_000);
  assert.deepEqual(values(cluster), ["right", "right"]);
  cluster.ask(n1, put("mark", "later"), "put");
});

test("a dispute of two owners ends when the one that is wrong is replaced by another node", () => {
  const cluster = disputed();
  const [, , , n4, n5] = five as [NodeId, NodeId, NodeId, NodeId, NodeId];
  const owners = [n1, n4];
  cluster.ask(n5, { type: "setOwners", group: rg, owners, ifIndex: null, validateOnly: false }, "setOwners", 20_000);
  cluster.until(() => statusOf(cluster).dispute === null, 2 * limits.stateCheckRetryMs + 1_000);
  assert.deepEqual(values(cluster), ["right", "right"]);
  cluster.ask(n1, put("mark", "later"), "put");
});

/** Not what was computed of it, and not what is on the disk. */
function turnBit(cluster: Cluster, node: NodeId): void {
  const found = cluster.member(node).machine.group(rg)?.state.mvcc.get(bytesOf("mark"), null);
  assert.ok(found?.type === "value" && found.kv !== null);
  found.kv.value[0] = (found.kv.value[0] as number) ^ 1;
}

test("a bit that turns in the memory of an owner is found although nobody writes its key again", () => {
  for (const victim of [n1, n3]) {
    const cluster = new Cluster();
    settledLeader(cluster);
    cluster.ask(n1, put("mark", "right"), "put");
    cluster.advance(100);
    turnBit(cluster, victim);
    assert.equal(textIn(cluster.ask(victim, get("mark", "local"), "get")), "sight");
    cluster.until(() => isQuarantined(cluster, victim), 70_000);
    cluster.until(() => cluster.member(victim).machine.group(rg)?.isOwner === true, 10_000);
    assert.equal(textIn(cluster.ask(victim, get("mark", "local"), "get")), "right");
  }
});

test("a bit that turns in the memory of one of two owners is a dispute that ends with the process that had it", () => {
  const cluster = new Cluster(pair);
  settledLeader(cluster);
  cluster.ask(n1, put("mark", "right"), "put", 10_000);
  cluster.advance(100);
  turnBit(cluster, n2);
  cluster.until(() => statusOf(cluster).dispute !== null, 70_000);
  cluster.stop(n2);
  cluster.start(n2);
  cluster.until(() => statusOf(cluster).dispute === null, 20_000);
  assert.deepEqual(values(cluster), ["right", "right"]);
});
