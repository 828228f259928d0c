// Operators have a group go on that lost its quorum, or the cluster group: what they are told, and what becomes of groups that
// the node which goes on had never heard of.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type NodeId, toGroupId, toNodeId } from "../../../proto/ids.ts";
import type { Reply, Request } from "../../../proto/requests.ts";
import { bytesOf } from "../proto/group-configs.ts";
import { Cluster, type Disk, get, put, rg, type Shape, textIn } from "./cluster.ts";

const nodes = [1, 2, 3, 4, 5, 6, 7, 8].map((number) => toNodeId(`n${number}`));
const [n1, n2, n3, n4, n5, n6, n7, n8] = nodes as [NodeId, NodeId, NodeId, NodeId, NodeId, NodeId, NodeId, NodeId];
const shape: Shape = { nodes, groups: { rg: [n1, n2, n3] }, voters: [n1, n2, n3] };
const forgotten = toGroupId("forgotten");

function create(...owners: NodeId[]): Request {
  return { type: "createGroup", group: forgotten, owners, validateOnly: false };
}

function recoverFrom(node: NodeId, ...voters: NodeId[]): Request {
  return { type: "recoverCluster", from: node, voters, reason: "burnt", validateOnly: false };
}

function answerTo(cluster: Cluster, through: NodeId, request: Request, budgetMs: number): Reply {
  const member = cluster.member(through);
  const call = member.call(request, budgetMs);
  cluster.until(() => member.replies.has(call), 30_000);
  return member.replies.get(call) as Reply;
}

/** n5 and n8, which have never heard of the group on n4, n6 and n7, go on apart from it. */
function goOnWithout(): Cluster {
  const cluster = new Cluster(shape);
  cluster.leader();
  for (const node of [n5, n8]) cluster.stop(node);
  cluster.ask(n1, create(n4, n6, n7), "createGroup");
  cluster.advance(4_000);
  cluster.ask(n4, { ...put("k", "old"), group: forgotten } as Request, "put");
  for (const node of [n1, n2, n3]) cluster.stop(node);
  for (const there of [n4, n6, n7]) for (const here of [n5, n8]) cluster.cut(there, here);
  for (const node of [n5, n8]) cluster.start(node);
  cluster.advance(5_000);
  assert.equal(answerTo(cluster, n5, recoverFrom(n5, n5, n8, n6), 20_000).type, "recoverCluster");
  cluster.advance(3_000);
  return cluster;
}

test("a group that a recovered cluster had forgotten is listed again as soon as its manager is heard", () => {
  const cluster = goOnWithout();
  cluster.heal();
  cluster.advance(8_000);
  for (const node of [n4, n5, n8]) {
    const { groups } = cluster.ask(node, { type: "directory" }, "directory");
    assert.deepEqual(groups.find(({ group }) => group === forgotten)?.owners, [n4, n6, n7]);
  }
  assert.equal(cluster.ask(n5, create(n4, n5, n8), "failed").failure.code, "already_exists");
  assert.equal(textIn(cluster.ask(n8, { ...get("k"), group: forgotten } as Request, "get")), "old");
});

test("a group that is made anew before the forgotten one is heard is another one, and nobody takes them for the same", () => {
  const cluster = goOnWithout();
  const { entry } = cluster.ask(n5, create(n4, n5, n8), "createGroup");
  cluster.ask(n5, { ...put("k", "new"), group: forgotten } as Request, "put", 10_000);
  cluster.heal();
  cluster.advance(8_000);
  const held = (node: NodeId) => cluster.member(node).machine.group(forgotten)?.replica.key.incarnation;
  assert.deepEqual(
    [n4, n5, n8].map(held),
    [n4, n5, n8].map(() => entry.incarnation),
  );
  assert.deepEqual([n6, n7].map(held), [undefined, undefined]);
  assert.equal(textIn(cluster.ask(n4, { ...get("k"), group: forgotten } as Request, "get")), "new");
});

/** Of three voters n3 is left. */
function loseTwoVoters(): Cluster {
  const cluster = new Cluster({ ...shape, nodes: [n1, n2, n3, n4] });
  cluster.leader();
  for (const node of [n1, n2]) cluster.stop(node);
  cluster.advance(5_000);
  return cluster;
}

test("a recovery of the cluster that is not answered in time may have happened", () => {
  const cluster = loseTwoVoters();
  const late = answerTo(cluster, n3, recoverFrom(n3), 2_900);
  assert.ok(late.type === "failed", JSON.stringify(late));
  assert.deepEqual([late.failure.code, late.failure.effect], ["deadline", "unknown"]);
  cluster.advance(3_000);
  const { status } = cluster.ask(n3, { type: "clusterStatus" }, "clusterStatus");
  assert.equal(status.events.at(-1)?.change.type, "clusterRecovered");
});

const apart: Shape = { nodes, groups: { rg: [n1, n2, n3] }, voters: [n5, n6, n7] };

function recoverGroupFrom(from: NodeId, ...owners: NodeId[]): Request {
  return { type: "recoverGroup", group: rg, from, owners, reason: "burnt", validateOnly: false };
}

test("an owner without votes that is left alone says that there is no quorum, and the group goes on from it", () => {
  const cluster = new Cluster(apart);
  cluster.leader();
  const config = bytesOf("quorum: { weighted: { votes: { n3: 0 } } }");
  cluster.ask(n1, { type: "configure", group: rg, config }, "configure");
  cluster.ask(n1, put("k", "v"), "put");
  cluster.advance(5_000);
  for (const node of [n1, n2]) cluster.stop(node);
  cluster.advance(20_000);
  const { status } = cluster.ask(n3, { type: "groupStatus", group: rg }, "groupStatus");
  assert.deepEqual([status.manager, status.hasQuorum, status.missing], [null, false, [n1, n2]]);
  assert.equal(cluster.ask(n6, get("k"), "failed").failure.code, "no_quorum");
  assert.equal(answerTo(cluster, n6, recoverGroupFrom(n3), 20_000).type, "recoverGroup");
  cluster.advance(5_000);
  assert.equal(textIn(cluster.ask(n6, get("k"), "get")), "v");
});

test("a new owner that had received nothing yet when the others were lost stops no recovery of its group", () => {
  const cluster = new Cluster(apart);
  cluster.leader();
  cluster.copies = (_from, to, { type }) => (to === n4 && type === "snapshotPart" ? 0 : 1);
  cluster
    .member(n1)
    .call({ type: "setOwners", group: rg, owners: [n1, n2, n3, n4], ifIndex: null, validateOnly: false });
  cluster.until(() => (cluster.member(n4).machine.group(rg)?.leader ?? null) !== null);
  for (const node of [n1, n2]) cluster.stop(node);
  cluster.advance(20_000);
  assert.equal(answerTo(cluster, n6, recoverGroupFrom(n3, n3, n4), 20_000).type, "recoverGroup");
});

test("a group that goes on alone is on the disk before the hard state counts on it, also when its first vote is written with it", () => {
  const cluster = new Cluster(apart);
  cluster.leader();
  cluster.ask(n1, put("k", "v"), "put");
  cluster.advance(5_000);
  for (const node of [n1, n2]) cluster.stop(node);
  cluster.advance(20_000);
  const disk = cluster.disks.get(n3) as Disk;
  disk.hung = [];
  cluster.ask(n6, create(n5, n6, n7), "createGroup");
  cluster.member(n6).call(recoverGroupFrom(n3), 20_000);
  cluster.until(() => cluster.member(n3).notes.includes("Goes on alone"), 30_000);
  cluster.advance(4_000);
  const wasHeld = heldWhenCountedOn(disk);
  for (const tell of disk.hung) tell();
  disk.hung = null;
  cluster.until(() => wasHeld() !== null, 10_000);
  assert.equal(wasHeld(), true);
});

/** Whether the disk had the group that goes on when the first table came that says something was acknowledged in it; null: none has come. */
function heldWhenCountedOn(disk: Disk): () => boolean | null {
  let wasHeld: boolean | null = null;
  const write = disk.write.bind(disk);
  disk.write = (batch) => {
    const row = batch.hardStates?.find((one) => one.group === rg && one.incarnation > 1 && one.acknowledged > 0);
    if (row !== undefined) wasHeld ??= groupsOn(disk).includes(row.incarnation);
    write(batch);
  };
  return () => wasHeld;
}

/** Incarnations of the group of which the disk has a replica. */
function groupsOn(disk: Disk): readonly number[] {
  const stored = disk.image().read();
  assert.equal(stored.type, "image");
  return stored.type === "image" ? stored.image.groups.map(({ incarnation }) => incarnation) : [];
}
