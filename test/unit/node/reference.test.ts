// The reference cluster of S1 Fig. 2A, nine whole nodes: who holds what, on disk, and who hears of a failure (A1, A2, A4, D1).

import assert from "node:assert/strict";
import { test } from "node:test";
import { type NodeId, toGroupId, toNodeId } from "../../../proto/ids.ts";
import { holdings, referenceGroups, referenceNodes } from "../sphere/reference-cluster.ts";
import { Cluster, type Disk, put } from "./cluster.ts";

const groups = Object.fromEntries(referenceGroups.map(({ group, owners }) => [group, owners]));
const voters = ["n202", "n204", "n206", "n214", "n216"].map(toNodeId);
const [n202, n204, n206, n208] = ["n202", "n204", "n206", "n208"].map(toNodeId) as [NodeId, NodeId, NodeId, NodeId];

function started(isGossipDead: boolean): Cluster {
  const cluster = new Cluster({ nodes: referenceNodes, groups, voters }, []);
  cluster.isGossipDead = isGossipDead;
  for (const node of referenceNodes) cluster.start(node);
  cluster.advance(6000);
  return cluster;
}

function held(cluster: Cluster, node: NodeId) {
  const stored = (cluster.disks.get(node) as Disk).read();
  assert.ok(stored.type === "image", JSON.stringify(stored));
  const { image } = stored;
  const statuses = new Set(image.statuses.map((component) => component.node.slice(1)));
  return {
    node: node.slice(1),
    groups: image.groups.map(({ group }) => group).join(" "),
    statuses: [...statuses].sort().join(" "),
    summaries: image.summaries.map(({ group }) => group).join(" "),
  };
}

for (const isGossipDead of [false, true]) {
  test(`every disk holds what the table says, and nothing else${isGossipDead ? ", with gossip dead" : ""}`, () => {
    const cluster = started(isGossipDead);
    for (const { group } of referenceGroups) cluster.ask(n204, put("k", "v", group), "put");
    for (const row of holdings) assert.deepEqual(held(cluster, toNodeId(`n${row.node}`)), row);
  });

  test(`a failure is recorded by the sphere alone, and groups move on${isGossipDead ? ", with gossip dead" : ""}`, () => {
    const cluster = started(isGossipDead);
    cluster.stop(n208);
    cluster.advance(10_000);
    const verdicts = referenceNodes.flatMap((node) => {
      const stored = (cluster.disks.get(node) as Disk).read();
      if (node === n208 || stored.type !== "image") return [];
      const about = stored.image.statuses.filter((component) => component.node === n208);
      return about.length === 0 ? [] : [`${node} ${[...new Set(about.map(({ status }) => status))]}`];
    });
    assert.deepEqual(verdicts, ["n202 down", "n210 down", "n212 down", "n214 down"]);
    const owner = (group: string) => {
      return cluster.ask(n206, { type: "groupStatus", group: toGroupId(group) }, "groupStatus").status.ownership;
    };
    assert.deepEqual([owner("rg226").currentOwner, owner("rg226").epoch], ["n210", 2]);
    assert.deepEqual([owner("rg222").currentOwner, owner("rg222").epoch], ["n204", 1]);
    const { events } = cluster.ask(n206, { type: "clusterEvents", after: 0 as never, limit: 100 }, "clusterEvents");
    assert.deepEqual(
      events.map(({ change }) => (change.type === "nodeFailed" ? change.node : change.type)),
      ["n208"],
    );
    cluster.start(n208);
    cluster.advance(10_000);
    const { status } = cluster.ask(n202, { type: "nodeStatus", node: n208 }, "nodeStatus");
    assert.equal(status.status, "up");
    const later = cluster.ask(n206, { type: "clusterEvents", after: 0 as never, limit: 100 }, "clusterEvents").events;
    assert.deepEqual(
      later.map(({ change }) => change.type),
      ["nodeFailed", "nodeReintegrated"],
    );
  });
}

test("with two nodes on, a group with a quorum serves and the others do not; a third node brings its group in", () => {
  const cluster = new Cluster({ nodes: referenceNodes, groups, voters }, [n202, n208]);
  cluster.advance(3000);
  cluster.ask(n202, put("k", "v", toGroupId("rg220")), "put");
  const { failure } = cluster.ask(n202, put("k", "v", toGroupId("rg226")), "failed", 8000);
  assert.deepEqual([failure.code, failure.details.missing], ["no_quorum", "n210,n212"]);
  cluster.start(toNodeId("n210"));
  cluster.ask(n202, put("k", "v", toGroupId("rg226")), "put", 5000);
});

test("an idle cluster sends beats between pairs, not between groups, and nothing grows with time", () => {
  const cluster = started(false);
  const perSecond = () => {
    cluster.sent = [];
    cluster.advance(4000);
    return cluster.sent.length / 4;
  };
  const first = perSecond();
  cluster.advance(20_000);
  const later = perSecond();
  assert.ok(Math.abs(later - first) < 0.2 * first, `${first} and ${later} messages a second`);
  const beats = cluster.sent.filter(({ message }) => message.type === "beat");
  const pairs = new Set(beats.map(({ from, to }) => `${from} ${to}`));
  assert.ok(beats.length <= pairs.size * 21, `${beats.length} beats of ${pairs.size} pairs in 4 s`);
});

test("a group may list every node: full replication works, and a minority may fail (A5)", () => {
  const all = toGroupId("all");
  const cluster = new Cluster({ nodes: referenceNodes, groups: { all: referenceNodes }, voters }, []);
  for (const node of referenceNodes) cluster.start(node);
  cluster.advance(6000);
  cluster.ask(n204, put("k", "before", all), "put");
  for (const node of referenceNodes.slice(5)) cluster.stop(node);
  cluster.advance(10_000);
  cluster.ask(n208, put("k", "after", all), "put");
  for (const node of referenceNodes.slice(5)) cluster.start(node);
  cluster.advance(10_000);
  const hashes = referenceNodes.map((node) => {
    return cluster.ask(node, { type: "groupStatus", group: all }, "groupStatus").status.stateHash;
  });
  assert.deepEqual(new Set(hashes).size, 1);
});
