// Operators have a cluster group go on that lost its quorum: what they are told, and what becomes of groups that the node which
// goes on had never heard of.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type NodeId, toGroupId, toNodeId } from "../../../proto/ids.ts";
import type { Reply, Request } from "../../../proto/requests.ts";
import { Cluster, get, put, type Shape, textIn } from "./cluster.ts";

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
