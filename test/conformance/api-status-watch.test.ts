// Watches over gRPC of what exists, of groups, nodes and cluster events: what clients are told and what they resume from.

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { ClusterEventType } from "../../proto/gen/bailiwick/v1/cluster_event_pb.ts";
import type { WatchCreateSchema, WatchEvents } from "../../proto/gen/bailiwick/v1/watch_pb.ts";
import {
  clusterGroup,
  type NodeId,
  toGroupId,
  toIncarnation,
  toLogIndex,
  toNodeId,
  toRevision,
} from "../../proto/ids.ts";
import type { ClusterEvent, StatusComponent } from "../../proto/model.ts";
import type { KeyEvent, NodeState, NodesPosition } from "../../proto/requests.ts";
import { entry, statusOf } from "./api-fixtures.ts";
import { type FakeWatch, Harness, header, type WatchClient } from "./api-harness.ts";

let harness: Harness;
beforeEach(async () => {
  harness = await Harness.start();
});
afterEach(() => harness.stop());

const groupStatus = statusOf(entry("rg220", ["n202", "n208"]));
const bytes = (text: string) => new TextEncoder().encode(text);
const allKeys = { case: "prefix", value: new Uint8Array(0) } as const;

async function asked(watch: WatchClient, wish: MessageInitShape<typeof WatchCreateSchema>): Promise<FakeWatch> {
  const count = harness.node.watches.length;
  watch.send({ request: { case: "create", value: { watchId: 1, ...wish } } });
  await harness.node.until(() => harness.node.watches.length > count);
  return harness.node.watches[count] as FakeWatch;
}

async function events(watch: WatchClient): Promise<WatchEvents> {
  const { response } = await watch.next();
  assert.ok(response.case === "events", String(response.case));
  return response.value;
}

async function said<Case extends string>(watch: WatchClient, wanted: Case) {
  const answer = await watch.next();
  assert.equal(answer.response.case, wanted);
  return answer;
}

function put(revision: number, key: string, size = 1): KeyEvent {
  const at = toRevision(revision);
  const kv = {
    key: bytes(key),
    value: new Uint8Array(size),
    createRevision: at,
    modRevision: at,
    version: 1,
    lease: 0,
  };
  return { key: kv.key, kv, previous: null, revision: at, endedLease: 0 };
}

test("what exists comes marked, and only the last of it may be resumed from", async () => {
  const watch = harness.openWatch();
  const fake = await asked(watch, { group: "rg220", target: allKeys, initial: true });
  assert.ok(fake.request.type === "watch" && fake.request.initial);
  fake.say({ type: "opened", header, revision: toRevision(43) });
  const created = await said(watch, "created");
  assert.ok(created.response.case === "created" && created.response.value.position === undefined);
  fake.say({ type: "initial", revision: toRevision(42), page: 1, more: true, events: [put(3, "a"), put(40, "b")] });
  const first = await events(watch);
  assert.deepEqual([first.initial, first.fragment, first.position], [true, true, undefined]);
  fake.say({ type: "initial", revision: toRevision(42), page: 2, more: false, events: [put(5, "c")] });
  const second = await events(watch);
  assert.deepEqual([second.initial, second.fragment, second.position?.groups[0]?.revision], [true, false, 42n]);
  assert.deepEqual(
    second.events.map(({ revision }) => revision),
    [5n],
  );
  fake.say({ type: "events", revision: toRevision(44), events: [put(43, "a")] });
  assert.equal((await events(watch)).initial, false);
});

test("a page too large for one message comes in fragments without a position", async () => {
  const watch = harness.openWatch();
  const fake = await asked(watch, { group: "rg220", target: allKeys, initial: true });
  fake.say({ type: "opened", header, revision: toRevision(43) });
  await said(watch, "created");
  const large = [put(3, "a", 700_000), put(4, "b", 700_000)];
  fake.say({ type: "initial", revision: toRevision(42), page: 1, more: false, events: large });
  const messages = [await events(watch), await events(watch)];
  assert.deepEqual(
    messages.map(({ fragment }) => fragment),
    [true, false],
  );
  assert.deepEqual(
    messages.map(({ position }) => position?.groups[0]?.revision),
    [undefined, 42n],
  );
});

test("that nothing exists is said by progress, which a request for it waits for", async () => {
  const watch = harness.openWatch();
  const fake = await asked(watch, { group: "rg220", target: allKeys, initial: true });
  fake.say({ type: "opened", header, revision: toRevision(43) });
  await said(watch, "created");
  watch.send({ request: { case: "progress", value: { watchId: 1 } } });
  fake.say({ type: "initial", revision: toRevision(42), page: 1, more: false, events: [] });
  const { response } = await said(watch, "progress");
  assert.ok(response.case === "progress");
  assert.equal(response.value.position?.groups[0]?.revision, 42n);
  await harness.node.until(() => harness.node.all("drained").length === 1);
});

test("a reader that is behind is told so beside its events", async () => {
  const watch = harness.openWatch();
  const fake = await asked(watch, { group: "rg220", target: allKeys, bufferBytesMax: 70_000 });
  assert.ok(fake.request.type === "watch");
  assert.equal(fake.request.bufferBytesMax, 70_000);
  fake.say({ type: "opened", header, revision: toRevision(42) });
  await said(watch, "created");
  fake.say({ type: "behind", delivered: toRevision(44), newest: toRevision(99) });
  const { response } = await said(watch, "behind");
  assert.ok(response.case === "behind");
  assert.deepEqual([response.value.delivered, response.value.newest], [44n, 99n]);
});

test("a group is told as GetGroup answers it, and resumed from an index of its log", async () => {
  const watch = harness.openWatch();
  const resume = { groups: [{ group: "rg220", incarnation: 3n, index: 70n }] };
  const fake = await asked(watch, { group: "rg220", target: { case: "groupStatus", value: {} }, resume });
  assert.deepEqual(fake.request, {
    type: "watchGroup",
    group: toGroupId("rg220"),
    startIndex: toLogIndex(71),
    initial: false,
    includeProgress: false,
    progressIntervalMs: 60_000,
  });
  fake.say({ type: "opened", header, revision: toRevision(71) });
  await said(watch, "created");
  fake.say({ type: "groupState", revision: toRevision(80), initial: false, status: groupStatus });
  const message = await events(watch);
  const [event] = message.events;
  assert.ok(event?.event.case === "group");
  assert.equal(event.revision, 80n);
  assert.equal(event.event.value.name, groupStatus.object.group);
  assert.ok(event.event.value.config);
  const [mark] = message.position?.groups ?? [];
  assert.deepEqual([mark?.incarnation, mark?.index, mark?.revision], [3n, 80n, 0n]);
});

const component = (group: string, node: NodeId, index: number): StatusComponent => {
  const key = { group: toGroupId(group), incarnation: toIncarnation(1) };
  return { ...key, node, index: toLogIndex(index), status: "up", reason: "" };
};

test("nodes are told with their verdicts, those that left by name, and resumed from a vector", async () => {
  const watch = harness.openWatch();
  const resume = { groups: [{ group: "rg220", incarnation: 1n, index: 7n }], clusterIndex: 4n };
  const target = { case: "nodeStatus" as const, value: { nodes: ["n208", "n202"] } };
  const fake = await asked(watch, { target, resume });
  const position: NodesPosition = {
    groups: [{ group: toGroupId("rg220"), incarnation: toIncarnation(1), index: toLogIndex(7) }],
    clusterIndex: toLogIndex(4),
    sphere: null,
  };
  assert.ok(fake.request.type === "watchNodes");
  assert.deepEqual([fake.request.nodes, fake.request.after], [["n202", "n208"], position]);
  fake.say({ type: "opened", header: { ...header, group: clusterGroup }, revision: toRevision(9) });
  await said(watch, "created");
  const node = toNodeId("n202");
  const record = { node, identity: "i", peerAddress: "p:1", apiAddress: "a:1", labels: [], capacity: [] };
  const components = [component("rg216", node, 30), component("rg220", node, 8)];
  const state: NodeState = { record, status: "up", components, groups: [toGroupId("rg220"), toGroupId("rg216")] };
  const more = { revision: toRevision(10), initial: false, more: false, position };
  fake.say({ type: "nodeStates", ...more, nodes: [state], departed: [toNodeId("n208")] });
  const message = await events(watch);
  const [first, second] = message.events;
  assert.ok(first?.event.case === "node" && second?.event.case === "nodeDeparted");
  assert.deepEqual(
    first.event.value.verdicts.map(({ group }) => group),
    ["rg216", "rg220"],
  );
  assert.deepEqual([first.revision, second.event.value], [30n, "n208"]);
  assert.deepEqual([message.position?.groups[0]?.index, message.position?.clusterIndex], [7n, 4n]);
  fake.say({ type: "nodeStates", ...more, revision: toRevision(11), nodes: [], departed: [] });
  const { response } = await said(watch, "progress");
  assert.ok(response.case === "progress" && response.value.position?.groups.length === 1);
});

test("cluster events of other types are passed over without a word", async () => {
  const watch = harness.openWatch();
  const types = [ClusterEventType.NODE_FAILED];
  const target = { case: "clusterEvents" as const, value: { types } };
  const fake = await asked(watch, { target, resume: { clusterIndex: 5n } });
  assert.ok(fake.request.type === "watchCluster");
  assert.equal(fake.request.startIndex, 6);
  fake.say({ type: "opened", header: { ...header, group: clusterGroup }, revision: toRevision(6) });
  await said(watch, "created");
  const event = (index: number, type: "nodeFailed" | "nodeReintegrated"): ClusterEvent => {
    return { index: toLogIndex(index), atMs: 0, change: { type, node: toNodeId("n202"), reason: "" } };
  };
  const plain = { type: "clusterEvents", initial: false, more: false } as const;
  fake.say({ ...plain, revision: toRevision(7), events: [event(7, "nodeReintegrated")] });
  await harness.node.until(() => harness.node.all("drained").length === 1);
  fake.say({ ...plain, revision: toRevision(9), events: [event(8, "nodeReintegrated"), event(8, "nodeFailed")] });
  const message = await events(watch);
  assert.ok(message.events.length === 1 && message.events[0]?.event.case === "clusterEvent");
  assert.equal(message.events[0].event.value.ordinal, 1);
  assert.equal(message.position?.clusterIndex, 9n);
});

test("two watches that the node tells the same get the same bytes under their own numbers", async () => {
  const watch = harness.openWatch();
  const first = await asked(watch, { group: "rg220", target: allKeys });
  const second = await asked(watch, { group: "rg220", target: allKeys, watchId: 2_000_000 });
  const message = { type: "events", revision: toRevision(50), events: [put(50, "a")] } as const;
  for (const fake of [first, second]) {
    fake.say({ type: "opened", header, revision: toRevision(42) });
    await said(watch, "created");
  }
  first.say(message);
  second.say(message);
  const told = [await watch.next(), await watch.next()];
  assert.deepEqual(
    told.map(({ watchId }) => watchId),
    [1, 2_000_000],
  );
  assert.deepEqual(told[0]?.response, told[1]?.response);
});
