// Who is told of verdicts and summaries by one node of the reference cluster, and what it takes in.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type NodeId, toGroupId, toIncarnation, toLogIndex, toMillis, toNodeId } from "../../../proto/ids.ts";
import type { GroupSummary } from "../../../proto/model.ts";
import { limits } from "../../../server/node/limits.ts";
import { StatusExchange } from "../../../server/node/status-exchange.ts";
import type { World } from "../../../server/node/world.ts";
import { Directory } from "../../../server/sphere/directory.ts";
import { StatusTable } from "../../../server/sphere/status-table.ts";
import {
  componentOf,
  nodesOf,
  referenceDirectory,
  referenceGroups,
  referenceNodes,
  summaryOf,
} from "../sphere/reference-cluster.ts";
import { effectsOf, sentBy, worldOf } from "./cluster.ts";

function exchangeOn(node: string, own: readonly GroupSummary[] = []) {
  const world = worldOf(toNodeId(node));
  const options = { changed: () => {}, ownSummaries: () => own, nowMs: toMillis(0) };
  return { world, exchange: new StatusExchange(world, new StatusTable(), referenceDirectory(), options) };
}

function written(world: World): number {
  return effectsOf(world).flatMap((effect) => (effect.type === "write" ? effect.batch.operations : [])).length;
}

test("a verdict on a node of the sphere is kept, once; one on a stranger is not", () => {
  const { world, exchange } = exchangeOn("n202");
  const known = componentOf({ node: "208", group: "rg226" });
  const strange = componentOf({ node: "212", group: "rg226" });
  exchange.receive({ type: "statuses", components: [known, strange], summaries: [] });
  assert.equal(written(world), 1);
  assert.deepEqual(exchange.components(), [known]);
  exchange.receive({ type: "statuses", components: [known], summaries: [] });
  assert.equal(written(world), 0);
});

test("a summary is kept by owners of interlocked groups alone, and never of an own group", () => {
  for (const [node, groups] of [
    ["n202", ["rg226"]],
    ["n208", ["rg222", "rg224"]],
    ["n204", ["rg226"]],
  ] as const) {
    const { exchange } = exchangeOn(node);
    const summaries = ["rg220", "rg222", "rg224", "rg226"].map((group) => summaryOf(group));
    exchange.receive({ type: "statuses", components: [], summaries });
    assert.deepEqual(
      exchange.summaries().map(({ group }) => group),
      groups,
    );
  }
});

test("a change is told to interlocked owners by the nodes that both share, and by no one else", () => {
  const heard = (node: string): string[] => {
    const { world, exchange } = exchangeOn(node);
    exchange.groupChanged([], summaryOf("rg226", { index: 7 }), false);
    return sentBy(world).map(([to]) => to);
  };
  assert.deepEqual(heard("n208").sort(), ["n202", "n214"]);
  assert.deepEqual(heard("n210").sort(), ["n204", "n216"]);
  const { world, exchange } = exchangeOn("n202");
  exchange.groupChanged([], summaryOf("rg220", { index: 7 }), false);
  assert.deepEqual(sentBy(world), []);
});

test("the manager publishes a new verdict to the node's sphere; other owners keep it", () => {
  for (const [isManager, count] of [
    [true, 1],
    [false, 0],
  ] as const) {
    const { world, exchange } = exchangeOn("n208");
    exchange.groupChanged([componentOf({ node: "210", group: "rg226" })], null, isManager);
    const topics = effectsOf(world).flatMap((effect) => (effect.type === "publish" ? [effect.topic] : []));
    assert.deepEqual(topics, count === 1 ? ["sphere/n210"] : []);
  }
});

test("what a peer lacks is sent when it says what it has, and the other way round", () => {
  const left = exchangeOn("n208");
  const right = exchangeOn("n202");
  const component = componentOf({ node: "210", group: "rg226" });
  const shared = componentOf({ node: "208", group: "rg226", index: 9 });
  left.exchange.receive({ type: "statuses", components: [component, shared], summaries: [] });
  effectsOf(left.world);
  right.exchange.peerUp(toNodeId("n208"));
  const sides = new Map<NodeId, typeof left>([
    [toNodeId("n208"), left],
    [toNodeId("n202"), right],
  ]);
  const queue = [...sentBy(right.world)].map(([to, message]) => ({ from: toNodeId("n202"), to, message }));
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const side = sides.get(next.to) as typeof left;
    if (next.message.type === "statusDigest") side.exchange.compare(next.from, next.message);
    if (next.message.type === "statuses") side.exchange.receive(next.message);
    for (const [to, message] of sentBy(side.world)) queue.push({ from: next.to, to, message });
  }
  assert.deepEqual(right.exchange.components(), [shared]);
});

test("whoever joins a group compares notes with its whole sphere at once, and its sphere with it", () => {
  // n218 joins rg226, which n204 has in common with nobody.
  const groups = referenceGroups.map((entry) =>
    entry.group === "rg226" ? { ...entry, owners: [...entry.owners, toNodeId("n218")] } : entry,
  );
  const asked = (node: string) => {
    const { world, exchange } = exchangeOn(node);
    for (const each of referenceNodes) world.connected.add(each);
    exchange.directoryChanged(new Directory({ nodes: referenceNodes, groups }));
    return sentBy(world)
      .map(([to]) => to)
      .toSorted();
  };
  assert.deepEqual(asked("n218"), nodesOf("206 208 210 212"));
  assert.deepEqual(asked("n208"), nodesOf("218"));
  assert.deepEqual(asked("n206"), nodesOf("218"));
  assert.deepEqual(asked("n204"), []);
});

test("the partners of a node are those of the spheres of all nodes of its sphere", () => {
  const directory = referenceDirectory();
  for (const node of referenceNodes) {
    const spheres = directory.sphereOf(node).flatMap((each) => directory.sphereOf(each));
    const others = [...new Set(spheres)].filter((each) => each !== node);
    const { exchange } = exchangeOn(node);
    assert.deepEqual(exchange.partners.toSorted(), others.toSorted());
  }
});

test("the directory that is known already is not looked at again", (t) => {
  const world = worldOf(toNodeId("n208"));
  const directory = referenceDirectory();
  const options = { changed: () => {}, ownSummaries: () => [], nowMs: toMillis(0) };
  const exchange = new StatusExchange(world, new StatusTable(), directory, options);
  const looks = (["joinedSince", "sphereOf", "groupsOf"] as const).map((method) => t.mock.method(directory, method));
  exchange.directoryChanged(directory);
  assert.deepEqual(
    looks.map(({ mock }) => mock.callCount()),
    [0, 0, 0],
  );
});

test("to find the partners no owner of a group is looked at for each other one", (t) => {
  const owners = Array.from({ length: 300 }, (_, position) => toNodeId(`n${position}`));
  const entry = { group: toGroupId("ga"), incarnation: toIncarnation(1), owners, index: toLogIndex(0) };
  const others = owners.map((owner) => ({ ...entry, group: toGroupId(`g-${owner}`), owners: [owner] }));
  const directory = new Directory({ nodes: owners, groups: [entry, ...others] });
  let looks = 0;
  const sphereOf = directory.sphereOf.bind(directory);
  t.mock.method(directory, "sphereOf", (node: NodeId) => {
    const sphere = sphereOf(node);
    looks += sphere.length;
    return sphere;
  });
  const { exchange } = exchangeOn("n0");
  exchange.directoryChanged(directory);
  assert.equal(exchange.partners.length, owners.length - 1);
  assert.ok(looks <= 2 * owners.length, `${looks} looks`);
});

test("what is on disk and not to be held any more goes when the node starts", () => {
  const world = worldOf(toNodeId("n202"));
  const table = new StatusTable();
  const known = componentOf({ node: "208", group: "rg226" });
  for (const component of [known, componentOf({ node: "212", group: "rg226" })]) table.mergeComponent(component);
  const options = { changed: () => {}, ownSummaries: () => [], nowMs: toMillis(0) };
  const exchange = new StatusExchange(world, table, referenceDirectory(), options);
  assert.deepEqual([exchange.components(), written(world)], [[known], 1]);
});

test("the partners take turns, so that two that meet nowhere else meet in time", () => {
  const { world, exchange } = exchangeOn("n208");
  for (const partner of exchange.partners) world.connected.add(partner);
  const rounds = Math.ceil(exchange.partners.length / limits.digestPeers);
  const asked = new Set<NodeId>();
  for (let round = 1; round <= rounds; round++) {
    exchange.deadline(toMillis(round * limits.digestIntervalMs));
    for (const [to] of sentBy(world)) asked.add(to);
  }
  assert.deepEqual([...asked].toSorted(), exchange.partners.toSorted());
});

test("notes are compared with a few partners at a time, and never with those that are not there", () => {
  const { world, exchange } = exchangeOn("n208");
  exchange.deadline(toMillis(0));
  assert.deepEqual(sentBy(world), []);
  for (const partner of exchange.partners) world.connected.add(partner);
  exchange.deadline(toMillis(limits.digestIntervalMs - 1));
  assert.deepEqual(sentBy(world), []);
  exchange.deadline(toMillis(limits.digestIntervalMs));
  assert.equal(sentBy(world).length, limits.digestPeers);
  assert.equal(exchange.deadlineMs(), 2 * limits.digestIntervalMs);
});
