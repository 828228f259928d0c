// Whole nodes, three owners of a group and one that owns nothing, through their only entry: inputs.

import assert from "node:assert/strict";
import { test } from "node:test";
import { clusterGroup, type NodeId, toGroupId, toLogIndex, toRevision, toTerm } from "../../../proto/ids.ts";
import { founderId } from "../../../proto/membership.ts";
import type { PeerMessage } from "../../../proto/messages.ts";
import type { Request } from "../../../proto/requests.ts";
import { limits } from "../../../server/node/limits.ts";
import { textOf } from "../../../storage/bytes.ts";
import {
  Cluster,
  type Disk,
  get,
  list,
  n1,
  n2,
  n3,
  n4,
  peerInput,
  put,
  remove,
  rg,
  smallShape,
  textIn,
  watchAll,
} from "./cluster.ts";

function hashesOf(cluster: Cluster): string[] {
  return [n1, n2, n3].flatMap((node) => {
    if (!cluster.members.has(node)) return [];
    const { status } = cluster.ask(node, { type: "groupStatus", group: rg }, "groupStatus");
    return [`${status.applied} ${status.revision} ${status.stateHash}`];
  });
}

test("a put through any node is read through any other", () => {
  const cluster = new Cluster();
  cluster.leader();
  for (const node of [n1, n2, n3, n4]) cluster.ask(node, put(`k-${node}`, node), "put");
  for (const node of [n1, n2, n3, n4]) assert.equal(textIn(cluster.ask(node, get(`k-n4`), "get")), "n4");
  const { kvs, count } = cluster.ask(n4, list(3), "list");
  assert.deepEqual([kvs.map(({ key }) => textOf(key)), count], [["k-n1", "k-n2", "k-n3"], 4]);
  assert.equal(cluster.ask(n4, remove("k-n1", "k-n3"), "delete").deleted, 2);
  assert.equal(textIn(cluster.ask(n2, get("k-n1"), "get")), null);
});

test("the replicas of a group come to the same hash at the same index", () => {
  const cluster = new Cluster();
  cluster.leader();
  for (let at = 0; at < 50; at++) cluster.ask(n4, put(`k${at % 7}`, `v${at}`), "put");
  cluster.advance(1000);
  const [first, ...others] = hashesOf(cluster);
  for (const hash of others) assert.equal(hash, first);
});

test("a put is answered only when a second owner holds it", () => {
  const cluster = new Cluster();
  const leader = cluster.leader();
  cluster.advance(3000);
  cluster.copies = (from, _to, message) => (from === leader && message.type === "raft" ? 0 : 1);
  const call = cluster.member(leader).call(put("k", "v"), 900);
  cluster.advance(800);
  assert.equal(cluster.member(leader).replies.get(call), undefined);
  cluster.advance(200);
  const reply = cluster.member(leader).replies.get(call);
  assert.equal(reply?.type === "failed" && `${reply.failure.code} ${reply.failure.effect}`, "deadline unknown");
});

test("many puts of one turn travel in one append", () => {
  const cluster = new Cluster();
  const leader = cluster.leader();
  cluster.advance(1000);
  cluster.sent = [];
  const member = cluster.member(leader);
  const calls = Array.from({ length: 20 }, (_, at) => member.call(put(`k${at}`, "v")));
  cluster.settle();
  assert.ok(calls.every((call) => member.replies.get(call)?.type === "put"));
  const appends = cluster.sent.filter(({ from, message }) => {
    return from === leader && message.type === "raft" && message.message.type === "append";
  });
  assert.equal(appends.length, 2);
});

test("a watch through any node sees every revision in order, from where it wants to begin", () => {
  const cluster = new Cluster();
  cluster.leader();
  cluster.ask(n1, put("a", "1"), "put");
  const members = [n2, n4].map((node) => cluster.member(node));
  const calls = members.map((member) => member.watch(watchAll(2)));
  cluster.settle();
  for (const value of ["2", "3"]) cluster.ask(n3, put("a", value), "put");
  cluster.advance(500);
  for (const [at, member] of members.entries()) {
    const messages = member.watched.get(calls[at] as number) ?? [];
    const events = messages.flatMap((message) => (message.type === "events" ? message.events : []));
    assert.equal(messages[0]?.type, "opened");
    assert.deepEqual(
      events.map(({ revision, kv }) => `${revision} ${textOf(kv?.value as Uint8Array)}`),
      ["2 1", "3 2", "4 3"],
    );
  }
});

test("a watch below the compaction floor is told where to begin anew", () => {
  const cluster = new Cluster();
  cluster.leader();
  for (const value of ["1", "2", "3"]) cluster.ask(n4, put("a", value), "put");
  cluster.ask(n4, { type: "compact", group: rg, revision: toRevision(3) }, "compact");
  cluster.advance(300);
  const call = cluster.member(n4).watch(watchAll(2));
  cluster.settle();
  assert.deepEqual(cluster.member(n4).watched.get(call), [{ type: "compacted", floor: 4 }]);
  assert.equal(cluster.ask(n1, { type: "groupStatus", group: rg }, "groupStatus").status.compactedRevision, 3);
});

test("a watch ends at the node that serves it when its caller goes", () => {
  const cluster = new Cluster();
  cluster.leader();
  const call = cluster.member(n4).watch(watchAll());
  cluster.settle();
  const server = cluster.sent.find(({ message }) => message.type === "forward")?.to ?? n1;
  cluster.member(n4).host.deliver({ type: "cancel", call });
  cluster.settle();
  cluster.sent = [];
  cluster.ask(server, put("a", "1"), "put");
  cluster.advance(300);
  assert.ok(!cluster.sent.some(({ message }) => message.type === "forwardWatch"));
});

test("a killed leader costs a moment, and every acknowledged write is there", () => {
  const cluster = new Cluster();
  const leader = cluster.leader();
  for (let at = 0; at < 10; at++) cluster.ask(n4, put(`k${at}`, "v"), "put");
  cluster.stop(leader);
  cluster.ask(n4, put("after", "w"), "put", 8000);
  assert.equal(cluster.ask(n4, list(), "list").count, 11);
  cluster.start(leader);
  cluster.advance(5000);
  const [first, ...others] = hashesOf(cluster);
  for (const hash of others) assert.equal(hash, first);
});

test("all nodes stop at once, and go on with what was acknowledged", () => {
  const cluster = new Cluster();
  cluster.leader();
  cluster.ask(n4, put("k", "v"), "put");
  for (const node of [n1, n2, n3, n4]) cluster.stop(node);
  for (const node of [n1, n2, n3, n4]) cluster.start(node);
  assert.equal(textIn(cluster.ask(n4, get("k"), "get", 8000)), "v");
});

test("without a quorum a put fails, and names the owners that are missing", () => {
  const cluster = new Cluster(undefined, [n1, n4]);
  cluster.advance(2500);
  for (const node of [n1, n4]) {
    const { failure } = cluster.ask(node, put("k", "v"), "failed", 8000);
    assert.equal(`${failure.code} ${failure.details.missing} ${failure.effect}`, "no_quorum n2,n3 none");
  }
});

test("with gossip dead everything still finishes", () => {
  const cluster = new Cluster();
  cluster.isGossipDead = true;
  const leader = cluster.leader();
  const member = cluster.member(leader);
  const calls = Array.from({ length: 30 }, (_, at) => member.call(put(`k${at}`, "v")));
  cluster.advance(3000);
  assert.ok(calls.every((call) => member.replies.get(call)?.type === "put"));
  const group = toGroupId("late");
  cluster.ask(n4, { type: "createGroup", group, owners: [n2, n4], validateOnly: false }, "createGroup");
  cluster.knows(n1, group);
  cluster.ask(n1, put("k", "v", group), "put", 10_000);
});

test("a node that has lost its connection to the author of the cluster's log has an entry within two seconds", () => {
  const cluster = new Cluster();
  cluster.until(() => authors(cluster).length > 0);
  const [author] = authors(cluster) as [NodeId];
  cluster.cut(author, n4);
  const group = toGroupId("late");
  const create: Request = { type: "createGroup", group, owners: [n1, n2, n3], validateOnly: false };
  cluster.ask(author, create, "createGroup");
  const askedMs = cluster.nowMs;
  cluster.knows(n4, group);
  assert.ok(cluster.nowMs - askedMs <= limits.clusterPullIntervalMs);
  assert.deepEqual(authors(cluster), [author]);
});

test("a publication under another's name is refused and counted, of the cluster's log too", () => {
  const cluster = new Cluster();
  cluster.leader();
  const news: PeerMessage = { type: "clusterNews", term: toTerm(9), index: toLogIndex(1_000), entries: [] };
  cluster.sent = [];
  cluster.member(n4).host.deliver(peerInput(n2, news, { from: n3 }));
  cluster.settle();
  assert.deepEqual(cluster.sent, []);
  const { counters } = cluster.ask(n4, { type: "nodeSelf", node: n4 }, "nodeSelf").self;
  assert.equal(new Map(counters).get("publications not from their author"), 1);
});

/** Who has published the cluster's log. */
function authors(cluster: Cluster): readonly NodeId[] {
  return [...new Set(cluster.sent.flatMap(({ from, message }) => (message.type === "clusterNews" ? [from] : [])))];
}

test("a new group serves on its owners, also after all of them have stopped", () => {
  const cluster = new Cluster();
  const group = toGroupId("late");
  const create: Request = { type: "createGroup", group, owners: [n2, n3, n4], validateOnly: false };
  cluster.ask(n4, { ...create, validateOnly: true }, "createGroup", 10_000);
  cluster.ask(n4, create, "createGroup");
  assert.equal(cluster.ask(n1, create, "failed").failure.code, "already_exists");
  cluster.knows(n1, group);
  cluster.ask(n1, put("k", "v", group), "put", 10_000);
  for (const node of [n2, n3, n4]) cluster.stop(node);
  for (const node of [n2, n3, n4]) cluster.start(node);
  assert.equal(textIn(cluster.ask(n1, get("k", "linearizable", group), "get", 10_000)), "v");
});

test("a group that was created while an owner was off is there when it is back", () => {
  const cluster = new Cluster();
  cluster.leader();
  cluster.stop(n4);
  const group = toGroupId("late");
  cluster.ask(n1, { type: "createGroup", group, owners: [n1, n4], validateOnly: false }, "createGroup", 10_000);
  cluster.advance(5000);
  cluster.start(n4);
  cluster.knows(n2, group);
  cluster.ask(n2, put("k", "v", group), "put", 15_000);
});

test("a node whose data was wiped promises nothing as the member it was, and begins anew as another", () => {
  const cluster = new Cluster();
  cluster.leader();
  cluster.ask(n4, put("k", "v"), "put");
  cluster.stop(n3);
  cluster.wipe(n3);
  cluster.start(n3, "its data was wiped");
  cluster.sent = [];
  cluster.advance(4000);
  const promises = ["voteReply", "preVoteReply", "appendReply", "beatReply"];
  const raft = cluster.sent.flatMap(({ from, message }) => {
    return from === n3 && message.type === "raft" && promises.includes(message.message.type) ? [message] : [];
  });
  assert.ok(raft.length > 0);
  assert.ok(raft.every(({ fromMember }) => fromMember > founderId));
  const { status } = cluster.ask(n1, { type: "groupStatus", group: rg }, "groupStatus");
  assert.deepEqual(
    status.membership.voters.map(({ node, member }) => `${node}#${member}`),
    ["n1#1", "n2#1", "n3#2"],
  );
  assert.equal(textIn(cluster.ask(n3, get("k"), "get")), "v");
});

test("a survivor goes on with an owner whose data was wiped and brought back, and without the manager", () => {
  const cluster = new Cluster({ ...smallShape, voters: [n4] });
  const manager = cluster.leader();
  const [survivor, wiped] = [n1, n2, n3].filter((owner) => owner !== manager) as [NodeId, NodeId];
  cluster.ask(n4, put("k", "v"), "put");
  cluster.stop(wiped);
  cluster.wipe(wiped);
  cluster.start(wiped, "its data was wiped");
  cluster.advance(4000);
  cluster.stop(manager);
  cluster.ask(survivor, put("k", "with the one that came back"), "put", 10_000);
});

test("a node that ends again while it is rebuilt begins anew once more, and is readmitted", () => {
  const cluster = new Cluster();
  const leader = cluster.leader();
  const wiped = [n1, n2, n3].find((owner) => owner !== leader) as NodeId;
  cluster.ask(n4, put("k", "v"), "put");
  cluster.stop(wiped);
  cluster.wipe(wiped);
  cluster.start(wiped, "its data was wiped");
  // It has its number, and is not level yet.
  cluster.copies = (_from, to, { type }) => (to === wiped && type === "raft" ? 0 : 1);
  cluster.until(() => cluster.member(wiped).notes.includes("Joins a group"));
  cluster.stop(wiped);
  cluster.copies = () => 1;
  cluster.start(wiped);
  cluster.until(() => cluster.member(wiped).notes.includes("Readmitted"), 10_000);
  const { status } = cluster.ask(leader, { type: "groupStatus", group: rg }, "groupStatus");
  assert.equal(status.membership.voters.find(({ node }) => node === wiped)?.member, 3);
  assert.equal(status.membership.voters.length, 3);
  assert.equal(textIn(cluster.ask(wiped, get("k", "local"), "get")), "v");
});

test("a wiped node is readmitted only when it has heard of all groups that it may have begun, and begins none twice", () => {
  const cluster = new Cluster();
  cluster.leader();
  const late = toGroupId("late");
  const create: Request = { type: "createGroup", group: late, owners: [n1, n2, n3], validateOnly: false };
  cluster.ask(n4, create, "createGroup");
  cluster.ask(n4, put("k", "v", late), "put", 8000);
  cluster.advance(1000);
  cluster.stop(n3);
  cluster.wipe(n3);
  // As a copy of the cluster database it hears nothing, and as a voter neither.
  const isOfCluster = (message: PeerMessage) =>
    /^cluster/.test(message.type) || ("group" in message && message.group === clusterGroup);
  cluster.copies = (_from, to, message) => (to === n3 && isOfCluster(message) ? 0 : 1);
  cluster.sent = [];
  cluster.start(n3, "its data was wiped");
  cluster.until(() => cluster.member(n3).machine.group(rg)?.isOwner === true);
  cluster.advance(1000);
  assert.notEqual(cluster.ask(n3, { type: "nodeSelf", node: n3 }, "nodeSelf").self.quarantine, null);
  cluster.copies = () => 1;
  cluster.until(() => cluster.member(n3).notes.includes("Readmitted"), 10_000);
  const said = cluster.sent.flatMap(({ from, message }) => (from === n3 && message.type === "raft" ? [message] : []));
  assert.deepEqual(
    said.filter(({ fromMember }) => fromMember === 1),
    [],
  );
  assert.equal(textIn(cluster.ask(n3, get("k", "local", late), "get")), "v");
});

test("a node in quarantine does not vote with the replicas that are still on its disk", () => {
  const cluster = new Cluster();
  cluster.leader();
  cluster.advance(1000);
  cluster.stop(n2);
  cluster.stop(n3);
  cluster.start(n3, "an old copy");
  cluster.sent = [];
  cluster.advance(5000);
  const raft = cluster.sent.filter(({ from, message }) => from === n3 && message.type === "raft");
  assert.equal(raft.length, 0);
});

test("the leader of the cluster group decides on the quarantine of a node in no group in the moment when it hears of it", () => {
  const cluster = new Cluster();
  cluster.leader();
  cluster.advance(3000);
  cluster.stop(n4);
  cluster.wipe(n4);
  const heardMs: number[] = [];
  const toldMs: number[] = [];
  cluster.copies = (from, _to, message) => {
    if (from === n4 && message.type === "beatEcho") heardMs.push(cluster.nowMs);
    if (message.type === "clusterNews") toldMs.push(cluster.nowMs);
    return 1;
  };
  cluster.start(n4, "wiped");
  cluster.advance(1000);
  assert.equal(toldMs[0], heardMs[0]);
});

test("the system group has no keys: asking for them is refused, and harms nobody", () => {
  const cluster = new Cluster();
  cluster.leader();
  const system = toGroupId("cluster");
  const requests: Request[] = [put("k", "v", system), get("k", "local", system)];
  for (const node of [n1, n4]) {
    for (const request of requests) {
      assert.equal(cluster.ask(node, request, "failed").failure.code, "invalid_argument");
    }
  }
});

test("a late answer to a call of the start before is not taken for that of another call", () => {
  const cluster = new Cluster();
  cluster.leader();
  cluster.ask(n4, put("k", "old"), "put");
  const late = cluster.sent.findLast(({ to, message }) => to === n4 && message.type === "forwardReply");
  assert.ok(late !== undefined);
  cluster.stop(n4);
  const member = cluster.start(n4);
  cluster.copies = (from) => (from === n4 ? 0 : 1);
  const call = member.call(put("k", "new"), 500);
  cluster.settle();
  member.host.deliver(peerInput(late.from, late.message));
  cluster.advance(1000);
  assert.equal(member.replies.get(call)?.type, "failed");
});

test("a leader whose disk hangs gives way although a follower has started anew meanwhile, and comes back", () => {
  const cluster = new Cluster();
  cluster.advance(20_000);
  const leader = cluster.leader();
  cluster.ask(n4, put("k", "before"), "put");
  cluster.advance(2_000);
  const disk = cluster.disks.get(leader) as Disk;
  disk.hung = [];
  const [follower] = [n1, n2, n3].filter((node) => node !== leader) as [NodeId];
  cluster.stop(follower);
  cluster.start(follower);
  cluster.advance(1_000);
  assert.equal(cluster.leader(), leader);
  // What it has proposed itself is told when the time of its caller is over.
  cluster.ask(n4, put("k", "by the former"), "failed", 2 * limits.diskPatienceMs);
  cluster.ask(n4, put("k", "after"), "put");
  const writes = disk.hung;
  disk.hung = null;
  for (const tell of writes) tell();
  cluster.advance(5_000);
  const hashes = hashesOf(cluster);
  assert.equal(hashes.length, 3);
  assert.equal(new Set(hashes).size, 1);
  assert.deepEqual(
    [n1, n2, n3].flatMap((node) => cluster.member(node).reasons),
    [],
  );
});
