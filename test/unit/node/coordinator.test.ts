import assert from "node:assert/strict";
import { test } from "node:test";
import { toGroupId, toIncarnation, toLogIndex, toMillis } from "../../../proto/ids.ts";
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
