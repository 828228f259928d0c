import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeClusterCommand } from "../../../proto/codec/commands.ts";
import { type NodeId, toGroupId, toIncarnation, toLogIndex, toMillis, toTerm } from "../../../proto/ids.ts";
import type { RecoveryStatus, StatusComponent } from "../../../proto/model.ts";
import { ClusterState } from "../../../server/node/cluster-state.ts";
import { Coordinator } from "../../../server/node/coordinator.ts";
import { bootstrapOf, n1, n2, n3, n4, sentBy, worldOf } from "./cluster.ts";

const shape = { nodes: [n1, n2, n3, n4], groups: { ga: [n1, n2], gb: [n2, n3] }, voters: [n1, n2, n3] };

function component(group: string, status: RecoveryStatus): StatusComponent {
  const key = { group: toGroupId(group), incarnation: toIncarnation(1) };
  return { ...key, node: n2, index: toLogIndex(5), status, reason: "" };
}

function started() {
  const world = worldOf(n1);
  return { world, coordinator: new Coordinator(world), state: ClusterState.genesis(bootstrapOf(shape), 1) };
}

/** n1 leads a cluster in which n3 and n4 are in no group, and carries out what it decides. */
class Leader {
  readonly state = ClusterState.genesis(bootstrapOf({ ...shape, groups: { ga: [n1, n2] } }), 1);
  readonly world = worldOf(n1);
  coordinator = new Coordinator(this.world);
  #index = 0;

  /** @returns false when there is nothing to decide */
  decide(atMs: number): boolean {
    const command = this.coordinator.decide(this.state, 0, toMillis(atMs));
    if (command === null) return false;
    const [index, term] = [toLogIndex(++this.#index), toTerm(1)];
    this.state.applyEntry({ index, term, payload: encodeClusterCommand(command) });
    this.coordinator.decided();
    return true;
  }

  settle(atMs: number): void {
    for (let decisions = 0; this.decide(atMs); decisions++) assert.ok(decisions < 10);
  }

  deadline(atMs: number): void {
    this.coordinator.wake();
    this.settle(atMs);
  }

  hear(node: NodeId, atMs: number): void {
    this.coordinator.heard(node, toMillis(atMs));
    this.settle(atMs);
  }

  own(owners: readonly NodeId[], atMs: number): void {
    const key = { group: toGroupId("ga"), incarnation: toIncarnation(1) };
    this.coordinator.reportOwners({ ...key, owners, index: toLogIndex(atMs) });
    this.settle(atMs);
  }

  /** What the manager of the group says of n4. */
  report(status: RecoveryStatus, atMs: number): void {
    this.coordinator.report({ ...component("ga", status), node: n4 }, this.state, toMillis(atMs));
    this.settle(atMs);
  }

  /** What the cluster was told of n4. */
  get told(): readonly string[] {
    return this.state.events.flatMap(({ change }) => ("node" in change && change.node === n4 ? [change.type] : []));
  }

  /** On n4. */
  get verdict(): RecoveryStatus | null {
    return this.state.verdicts().find(({ node }) => node === n4)?.status ?? null;
  }
}

/** n4 came up in no group, failed in one, and was taken from it. */
function failedInGroup(): Leader {
  const leader = new Leader();
  leader.settle(0);
  leader.hear(n4, 100);
  leader.own([n1, n4], 1_000);
  leader.report("down", 5_000);
  leader.own([n1, n2], 60_000);
  return leader;
}

test("the managers of a node's other groups are asked, this node itself without a message", () => {
  const { world, coordinator, state } = started();
  coordinator.report(component("gb", "down"), state, toMillis(100));
  assert.equal(coordinator.decide(state, 0, toMillis(100)), null);
  assert.deepEqual(coordinator.takeOwnPolls(), [n2]);
  assert.deepEqual(coordinator.takeOwnPolls(), []);
  assert.deepEqual(
    sentBy(world).map(([to, message]) => `${to} ${message.type}`),
    ["n2 verdictPoll"],
  );
});

test("a failure becomes an event when the node's groups agree, and none when one still hears it", () => {
  for (const [status, type] of [
    ["down", "events"],
    ["up", undefined],
  ] as const) {
    const { coordinator, state } = started();
    coordinator.report(component("gb", "down"), state, toMillis(100));
    coordinator.report(component("ga", status), state, toMillis(110));
    assert.equal(coordinator.decide(state, 0, toMillis(120))?.type, type);
  }
});

test("a late answer to a poll that says what is known begins no discussion, and so no other poll", () => {
  const { world, coordinator, state } = started();
  coordinator.report(component("gb", "up"), state, toMillis(100));
  assert.equal(coordinator.decide(state, 0, toMillis(100)), null);
  assert.deepEqual([coordinator.takeOwnPolls(), sentBy(world)], [[], []]);
});

test("one decision is under way at a time", () => {
  const { coordinator, state } = started();
  coordinator.report(component("gb", "down"), state, toMillis(100));
  coordinator.report(component("ga", "down"), state, toMillis(100));
  assert.notEqual(coordinator.decide(state, 0, toMillis(100)), null);
  coordinator.wake();
  assert.equal(coordinator.decide(state, 0, toMillis(200)), null);
  assert.equal(coordinator.deadlineMs(), null);
});

test("time in which the coordinator stood still itself is held against no node", () => {
  const leader = new Leader();
  leader.settle(0);
  leader.hear(n4, 100);
  leader.coordinator.stoodStill(1_800);
  leader.deadline(2_400);
  assert.equal(leader.verdict, "up");
  leader.deadline(3_900);
  assert.equal(leader.verdict, "down");
});

test("a node in no group is given a verdict, and its deadlines end when it comes into a group", () => {
  const { coordinator, state } = started();
  coordinator.decide(state, 0, toMillis(0));
  coordinator.heard(n4, toMillis(10));
  const command = coordinator.decide(state, 0, toMillis(20));
  assert.deepEqual(command?.type === "verdicts" && command.changes.map(({ node, status }) => [node, status]), [
    [n4, "up"],
  ]);
  coordinator.decided();
  const entry = { group: toGroupId("gc"), incarnation: toIncarnation(1), owners: [n1, n4] };
  const grown = ClusterState.genesis({ ...bootstrapOf(shape), groups: [entry, ...bootstrapOf(shape).groups] }, 1);
  coordinator.decide(grown, 0, toMillis(30));
  assert.equal(coordinator.deadlineMs(), null);
});

test("a dead node that leaves its last group is not told as back for a verdict of before it came into it", () => {
  const leader = failedInGroup();
  for (const atMs of [60_001, 61_200, 61_300, 62_000, 63_000]) leader.deadline(atMs);
  assert.deepEqual([leader.told, leader.verdict], [["nodeFailed"], "down"]);
});

test("a node that is there when it leaves the group in which it failed is told as back once it is heard", () => {
  const leader = failedInGroup();
  leader.hear(n4, 60_100);
  assert.deepEqual([leader.told, leader.verdict], [["nodeFailed", "nodeReintegrated"], "up"]);
});

test("a node that came back in a group and leaves it is not told as failed for a verdict of before it came into it", () => {
  const leader = new Leader();
  leader.settle(0);
  leader.hear(n4, 100);
  leader.deadline(2_100);
  leader.own([n1, n4], 3_000);
  leader.report("up", 5_000);
  leader.own([n1, n2], 7_000);
  leader.deadline(8_200);
  leader.hear(n4, 8_300);
  assert.deepEqual([leader.told, leader.verdict], [["nodeFailed", "nodeReintegrated"], "up"]);
});

test("a failure that a leader has found and not told is told by the next one, once it misses the node too", () => {
  const leader = new Leader();
  leader.settle(0);
  leader.hear(n4, 100);
  leader.coordinator.wake();
  assert.ok(leader.decide(2_100));
  leader.coordinator = new Coordinator(leader.world);
  leader.settle(3_000);
  assert.deepEqual([leader.told, leader.verdict], [[], "down"]);
  leader.deadline(5_000);
  assert.deepEqual(leader.told, ["nodeFailed"]);
});

test("a node in no group that is in quarantine is told as failed though it is heard", () => {
  const leader = new Leader();
  leader.settle(0);
  leader.hear(n4, 100);
  leader.world.quarantines.set(n4, "Lost");
  leader.deadline(200);
  assert.deepEqual([leader.told, leader.verdict], [["nodeFailed"], "down"]);
});

test("a leader in no group that was told as failed tells that it is back, though it never hears itself", () => {
  const leader = new Leader();
  const changes = [{ type: "nodeFailed", node: n4, reason: "" }] as const;
  const payload = encodeClusterCommand({ type: "events", atMs: 0, changes });
  leader.state.applyEntry({ index: toLogIndex(1), term: toTerm(1), payload });
  leader.coordinator = new Coordinator(worldOf(n4));
  leader.settle(100);
  assert.deepEqual([leader.told, leader.verdict], [["nodeFailed", "nodeReintegrated"], "up"]);
});

test("echoes of nodes that are known to be there are no reason to decide", (t) => {
  const leader = new Leader();
  leader.settle(0);
  for (const node of [n3, n4]) leader.hear(node, 100);
  const looks = t.mock.method(leader.state, "ungrouped");
  for (let atMs = 200; atMs <= 10_000; atMs += 200) for (const node of [n3, n4]) leader.hear(node, atMs);
  assert.equal(looks.mock.callCount(), 0);
});

test("a node in no group that is heard again is up at once", () => {
  const leader = new Leader();
  leader.settle(0);
  leader.hear(n4, 100);
  leader.deadline(2_100);
  assert.equal(leader.verdict, "down");
  leader.hear(n4, 2_200);
  assert.equal(leader.verdict, "up");
});

test("a deadline that passes while another node is heard is not passed over", () => {
  const leader = new Leader();
  leader.settle(0);
  for (const node of [n4, n3]) leader.hear(node, 100);
  for (let atMs = 300; atMs < 2_100; atMs += 200) leader.hear(n3, atMs);
  leader.hear(n3, 2_101);
  assert.equal(leader.verdict, "down");
});
