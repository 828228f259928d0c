// Voters of the cluster group that stay away, by whole nodes: another node takes the place, and who comes back finds out.

import assert from "node:assert/strict";
import { test } from "node:test";
import { clusterGroup, type NodeId, toGroupId, toNodeId } from "../../../proto/ids.ts";
import type { Request } from "../../../proto/requests.ts";
import { Cluster, peerInput, type Shape } from "./cluster.ts";

const nodes = "n1 n2 n3 n4 n5 n6".split(" ").map(toNodeId);
const [n1, n2, n3, n4, n5, n6] = nodes as [NodeId, NodeId, NodeId, NodeId, NodeId, NodeId];
const afterMs = 20_000;
const shape: Shape = {
  nodes,
  groups: { rg: [n4, n5, n6] },
  voters: [n1, n2, n3],
  voterReplacement: { afterMs, candidates: [] },
};

function votersAt(cluster: Cluster, node: NodeId): string {
  return cluster.member(node).machine.database.state.voters.join(" ");
}

/** Nothing of a change is left, as the one that leads knows it. */
function isSettled(cluster: Cluster): boolean {
  return [...cluster.members.values()].some(({ machine }) => {
    const { replica } = machine.database;
    const { outgoing, target } = replica?.membership ?? { outgoing: [], target: [] };
    return replica?.role === "leader" && outgoing.length === 0 && target === null;
  });
}

function leaderOf(cluster: Cluster): NodeId {
  let leader: NodeId | null = null;
  cluster.until(() => {
    leader =
      [...cluster.members.values()].find(({ machine }) => machine.database.replica?.role === "leader")?.node ?? null;
    return leader !== null;
  });
  return leader as unknown as NodeId;
}

/** A voter that does not lead. */
function follower(cluster: Cluster): NodeId {
  const leader = leaderOf(cluster);
  return shape.voters.find((node) => node !== leader) as NodeId;
}

/** Nothing is heard of the node as a voter. */
function muteVoter(cluster: Cluster, node: NodeId): Cluster["copies"] {
  return (from, _to, { type }) => {
    const isVoter = from === node && cluster.members.get(node)?.machine.database.replica !== null;
    return isVoter && (type === "raft" || type === "beatEcho") ? 0 : 1;
  };
}

function replaced(cluster: Cluster, at: NodeId, by: string, withinMs: number): void {
  cluster.until(() => votersAt(cluster, at) === by && isSettled(cluster), withinMs);
}

function makeGroup(cluster: Cluster, through: NodeId, name: string): void {
  const request: Request = { type: "createGroup", group: toGroupId(name), owners: [n4, n5], validateOnly: false };
  cluster.ask(through, request, "createGroup", 10_000);
}

function eventsAt(cluster: Cluster, node: NodeId) {
  const { events } = cluster.member(node).machine.database.state;
  return events.flatMap(({ change }) => (change.type === "votersChanged" ? [change] : []));
}

function swap(voters: readonly NodeId[], lost: NodeId, heir: NodeId): string {
  return voters.map((node) => (node === lost ? heir : node)).join(" ");
}

test("a voter that stays away is replaced when its time has come, and not before; every node hears of it", () => {
  const cluster = new Cluster(shape);
  const lost = follower(cluster);
  cluster.stop(lost);
  cluster.advance(afterMs - 2_000);
  assert.equal(votersAt(cluster, n6), "n1 n2 n3");
  const voters = swap(shape.voters, lost, n4);
  replaced(cluster, n6, voters, 6_000);
  cluster.until(() => eventsAt(cluster, n6).length > 0, 3_000);
  const [event] = eventsAt(cluster, n6);
  assert.deepEqual([event?.left, event?.joined, event?.by], [[lost], [n4], leaderOf(cluster)]);
  assert.match(event?.reason ?? "", new RegExp(`^${lost} was not heard for 2\\d s$`));
  // The group bears the loss of another of those that it began with.
  const other = shape.voters.find((node) => node !== lost && node !== leaderOf(cluster)) as NodeId;
  cluster.stop(other);
  makeGroup(cluster, n6, "made");
});

test("a voter that comes back in time keeps its place", () => {
  const cluster = new Cluster(shape);
  const lost = follower(cluster);
  for (let round = 0; round < 2; round++) {
    cluster.stop(lost);
    cluster.advance(afterMs - 3_000);
    cluster.start(lost);
    cluster.advance(3_000);
  }
  cluster.advance(afterMs);
  assert.equal(votersAt(cluster, n6), "n1 n2 n3");
  assert.deepEqual(eventsAt(cluster, n6), []);
});

test("who comes back has no vote, follows as any other node does, and may be given one again", () => {
  const cluster = new Cluster(shape);
  const lost = follower(cluster);
  cluster.stop(lost);
  replaced(cluster, n6, swap(shape.voters, lost, n4), afterMs + 6_000);
  makeGroup(cluster, n6, "away");
  cluster.start(lost);
  cluster.settle();
  cluster.until(() => cluster.member(lost).machine.database.replica === null, 5_000);
  // A vote that it gave may wait for the very write that says that it has none: it must be in it.
  assert.ok(cluster.disks.get(lost)?.table.some(({ group, term }) => group === clusterGroup && term > 0));
  makeGroup(cluster, lost, "back");
  cluster.knows(lost, toGroupId("away"));
  cluster.knows(lost, toGroupId("back"));
  assert.equal(votersAt(cluster, lost), swap(shape.voters, lost, n4));
  // It stays so over another start.
  cluster.stop(lost);
  cluster.start(lost);
  cluster.settle();
  assert.equal(cluster.member(lost).machine.database.replica, null);
  cluster.advance(3_000);
  cluster.stop(n4);
  cluster.stop(n5);
  cluster.stop(n6);
  const heirs = swap(shape.voters, lost, lost);
  replaced(cluster, lost, heirs, afterMs + 10_000);
  cluster.until(() => cluster.member(lost).machine.database.replica !== null, 3_000);
});

test("who comes back when all whom it knew have been replaced hears it from whoever is ahead", () => {
  const cluster = new Cluster({ ...shape, voterReplacement: { afterMs: 5_000, candidates: [] } });
  const first = follower(cluster);
  const others = shape.voters.filter((node) => node !== first);
  cluster.stop(first);
  replaced(cluster, n6, swap(shape.voters, first, n4), 12_000);
  let voters = swap(shape.voters, first, n4);
  for (const [at, node] of others.entries()) {
    cluster.stop(node);
    voters = voters.replace(node, [n5, n6][at] as NodeId);
    replaced(cluster, n6, voters, 20_000);
  }
  cluster.start(first);
  cluster.advance(1_000);
  assert.notEqual(cluster.member(first).machine.database.replica, null);
  cluster.until(() => cluster.member(first).machine.database.replica === null, 10_000);
  cluster.until(() => votersAt(cluster, first) === voters, 5_000);
});

test("without a quorum nothing is replaced, and with one again it is", () => {
  const cluster = new Cluster(shape);
  const leader = leaderOf(cluster);
  const [one, other] = shape.voters.filter((node) => node !== leader) as [NodeId, NodeId];
  cluster.stop(one);
  cluster.stop(other);
  cluster.advance(3 * afterMs);
  assert.equal(votersAt(cluster, n6), "n1 n2 n3");
  assert.equal(cluster.member(leader).machine.database.replica?.membership.target, null);
  cluster.start(other);
  replaced(cluster, n6, swap(shape.voters, one, n4), afterMs + 10_000);
});

test("a node that gets a vote goes on from its copy: without a snapshot, and nothing that it knew is taken back", () => {
  const cluster = new Cluster(shape);
  const lost = follower(cluster);
  cluster.stop(lost);
  let known = 0;
  cluster.until(() => {
    const { index, replica } = cluster.member(n4).machine.database;
    assert.ok(index >= known, `${index} after ${known}`);
    known = index;
    return replica?.membership.voters.some(({ node }) => node === n4) === true;
  }, afterMs + 6_000);
  assert.deepEqual(
    cluster.sent.filter(({ to, message }) => to === n4 && message.type === "snapshotPart"),
    [],
  );
  cluster.stop(n4);
  makeGroup(cluster, n6, "made");
  cluster.start(n4);
  cluster.advance(10);
  cluster.until(() => cluster.member(n4).machine.database.leader !== null);
  cluster.until(() => votersAt(cluster, n4) === swap(shape.voters, lost, n4), 5_000);
});

test("a change that was begun ends although its leader is lost, and its heir's first message", () => {
  const cluster = new Cluster(shape);
  const lost = follower(cluster);
  cluster.stop(lost);
  cluster.copies = muteVoter(cluster, n4);
  const leader = leaderOf(cluster);
  const targetOf = () => cluster.member(leader).machine.database.replica?.membership.target ?? null;
  cluster.until(() => targetOf() !== null, afterMs + 6_000);
  cluster.advance(1_000);
  cluster.stop(leader);
  cluster.copies = () => 1;
  cluster.start(leader);
  const voters = swap(shape.voters, lost, n4);
  replaced(cluster, n6, voters, 15_000);
  cluster.until(() => eventsAt(cluster, n6).length === 1, 5_000);
});

test("an heir that is lost before it has its vote gives its place to another, the one that it was to replace if that is back", () => {
  const cluster = new Cluster(shape);
  const lost = follower(cluster);
  cluster.stop(lost);
  cluster.copies = muteVoter(cluster, n4);
  const leader = leaderOf(cluster);
  cluster.until(() => cluster.member(leader).machine.database.membership.target !== null, afterMs + 6_000);
  cluster.stop(n4);
  cluster.copies = () => 1;
  replaced(cluster, n6, swap(shape.voters, lost, n5), 2 * afterMs);
  cluster.start(n4);
  cluster.start(lost);
  cluster.settle();
  cluster.until(() => [n4, lost].every((node) => cluster.member(node).machine.database.replica === null), 15_000);
  makeGroup(cluster, n4, "made");
});

test("a node that was to vote, and is not wanted any more, follows as any other node does", () => {
  const cluster = new Cluster(shape);
  const lost = follower(cluster);
  cluster.stop(lost);
  const leader = leaderOf(cluster);
  const words = new Set(["raft", "beat", "beatEcho"]);
  // It holds the database as a member already when nothing of its replica is heard any more.
  cluster.copies = (from, to, message) => {
    const isHeld = cluster.members.get(n4)?.machine.database.replica !== null;
    return isHeld && ((from === n4 && to === leader) || (from === leader && to === n4)) && words.has(message.type)
      ? 0
      : 1;
  };
  cluster.until(() => cluster.members.get(n4)?.machine.database.replica !== null, afterMs + 6_000);
  assert.notEqual(cluster.member(leader).machine.database.membership.target, null);
  replaced(cluster, n6, swap(shape.voters, lost, n5), 2 * afterMs);
  cluster.copies = () => 1;
  cluster.until(() => cluster.member(n4).machine.database.replica === null, 15_000);
  cluster.until(() => votersAt(cluster, n4) === votersAt(cluster, leader), 5_000);
});

test("an invitation that comes when the place was given to another is passed over", () => {
  const cluster = new Cluster(shape);
  const lost = follower(cluster);
  cluster.stop(lost);
  cluster.copies = (_from, to, { type }) => (to === n4 && type === "invite" ? 0 : 1);
  replaced(cluster, n6, swap(shape.voters, lost, n5), 3 * afterMs);
  const late = cluster.sent.find(({ to, message }) => to === n4 && message.type === "invite");
  assert.ok(late !== undefined);
  cluster.advance(1_000);
  cluster.member(n4).host.deliver(peerInput(late.from, late.message));
  cluster.advance(1_000);
  assert.equal(cluster.member(n4).machine.database.replica, null);
  makeGroup(cluster, n6, "made");
  cluster.knows(n4, toGroupId("made"));
});

test("a node that is to vote again before it knew that it had lost its first vote, and loses that place too, follows as any other", () => {
  const cluster = new Cluster({ ...shape, voterReplacement: { afterMs, candidates: [n1, n2, n3, n4] } });
  const lost = follower(cluster);
  cluster.stop(lost);
  replaced(cluster, n6, swap(shape.voters, lost, n4), afterMs + 6_000);
  const dropped = new Set(["clusterNews", "clusterEntries", "clusterState", "raft"]);
  cluster.copies = (_from, to, { type, ...message }) => {
    const isWord = type === "raft" && "message" in message && message.message.type !== "append";
    return to === lost && dropped.has(type) && !isWord ? 0 : 1;
  };
  cluster.start(lost);
  cluster.advance(1);
  const replica = () => cluster.member(lost).machine.database.replica;
  cluster.until(() => replica() === null, 60_000);
  cluster.stop(n4);
  cluster.until(() => (replica()?.status.leader ?? null) !== null, 2 * afterMs);
  for (const type of ["beat", "invite"]) dropped.add(type);
  cluster.start(n4);
  cluster.advance(1);
  cluster.until(() => isSettled(cluster), 2 * afterMs);
  cluster.copies = () => 1;
  makeGroup(cluster, n6, "made");
  cluster.knows(lost, toGroupId("made"));
});

test("a node that was to vote and was never heard as a voter finds in its log that it is not wanted any more", () => {
  const cluster = new Cluster(shape);
  const lost = follower(cluster);
  cluster.stop(lost);
  const leader = leaderOf(cluster);
  cluster.copies = (from, to, { type }) => {
    return from === n4 && to === leader && (type === "raft" || type === "beatEcho") ? 0 : 1;
  };
  cluster.until(() => cluster.member(leader).machine.database.membership.target !== null, afterMs + 6_000);
  replaced(cluster, n6, swap(shape.voters, lost, n5), 2 * afterMs);
  assert.ok(cluster.member(n4).notes.includes("Joins a group"));
  cluster.until(() => cluster.member(n4).notes.includes("Left a group"), 5_000);
});

test("only nodes that may vote, are up, and are not drained take a place; the reason why none does is told", () => {
  const cluster = new Cluster({ ...shape, voterReplacement: { afterMs, candidates: [n1, n2, n3, n5, n6] } });
  const lost = follower(cluster);
  cluster.ask(
    n6,
    { type: "drainNode", node: n5, wanted: "drained", reason: "", skipUnavailable: false, validateOnly: false },
    "drainNode",
    10_000,
  );
  cluster.stop(n6);
  cluster.advance(5_000);
  cluster.stop(lost);
  cluster.advance(afterMs + 5_000);
  assert.equal(votersAt(cluster, n4), "n1 n2 n3");
  const { status } = cluster.ask(leaderOf(cluster), { type: "groupStatus", group: clusterGroup }, "groupStatus");
  assert.match(status.hindrance, new RegExp(`^${lost} was not heard for 2\\d s; no other node that may vote is up$`));
  assert.ok(cluster.member(leaderOf(cluster)).notes.includes("A voter stays away"));
  cluster.start(n6);
  replaced(cluster, n4, swap(shape.voters, lost, n6), 10_000);
});

test("a drained voter keeps its place while it is up, and loses it as any other when it stays away", () => {
  const cluster = new Cluster({ ...shape, groups: { rg: [n1, n2, n3, n4] } });
  const lost = follower(cluster);
  cluster.ask(
    n6,
    { type: "drainNode", node: lost, wanted: "drained", reason: "", skipUnavailable: false, validateOnly: false },
    "drainNode",
    10_000,
  );
  cluster.advance(2 * afterMs);
  assert.equal(votersAt(cluster, n6), "n1 n2 n3");
  cluster.stop(lost);
  replaced(cluster, n6, swap(shape.voters, lost, n5), afterMs + 6_000);
});

test("a node of the emptiest failure domain takes the place", () => {
  const domains = { n1: "r1", n2: "r2", n3: "r3", n4: "r1", n5: "r2", n6: "r3" };
  const cluster = new Cluster({ ...shape, domains });
  const lost = follower(cluster);
  const heir = nodes.find((node) => node !== lost && domains[node as "n1"] === domains[lost as "n1"]) as NodeId;
  cluster.stop(lost);
  replaced(cluster, heir, swap(shape.voters, lost, heir), afterMs + 6_000);
});

test("switched off, a voter stays one for ever", () => {
  const cluster = new Cluster({ ...shape, voterReplacement: { afterMs: null, candidates: [] } });
  cluster.stop(follower(cluster));
  cluster.advance(20 * afterMs);
  assert.equal(votersAt(cluster, n6), "n1 n2 n3");
});
