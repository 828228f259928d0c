// The right to run an application where what is known of it gets lost, through whole nodes: with the group's quorum, with the agent,
// with the place in the owner list, with the manager. `FakeAgents` fails as soon as two act for one group.

import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeGroupConfig } from "../../../proto/group-config.ts";
import { type GroupId, type NodeId, toGroupId, toNodeId } from "../../../proto/ids.ts";
import type { GroupStatus, Reply, Request } from "../../../proto/requests.ts";
import { limits } from "../../../server/node/limits.ts";
import { Cluster, n1, n2, n3, n4, rg, type Shape, smallShape } from "./cluster.ts";
import { FakeAgents } from "./fake-agents.ts";

const n5 = toNodeId("n5");
/** Long enough for elections, recoveries and changes of owners to come about meanwhile. */
const ttlMs = 20_000;
const lease = { ttlMs, renewIntervalMs: 500, stopBudgetMs: 500 };
const resources = [{ name: "web", application: {}, run: { exec: { start: ["/bin/web"], foreground: true } } }];

interface Scene {
  readonly cluster: Cluster;
  readonly agents: FakeAgents;
  status(group?: GroupId): GroupStatus;
  onlineOn(node: NodeId, group?: GroupId): void;
}

/** Agents on all nodes. @param management policies of groups that have any */
function scene(shape: Shape = smallShape, management: Readonly<Record<string, object>> = {}): Scene {
  const cluster = new Cluster(shape);
  for (const group of Object.keys(shape.groups).map(toGroupId)) {
    cluster.leader(group);
    const config = encodeGroupConfig({ lease, resources, management: management[group] ?? {} });
    cluster.ask(n4, { type: "configure", group, config }, "configure");
  }
  const agents = new FakeAgents(cluster, shape.nodes);
  const status = (group = rg) => cluster.ask(n4, { type: "groupStatus", group }, "groupStatus").status;
  const onlineOn = (node: NodeId, group = rg) => {
    agents.until(() => {
      const { currentOwner, state } = status(group).ownership;
      return currentOwner === node && state === "online" && agents.actingFor(group)[0] === node;
    });
  };
  return { cluster, agents, status, onlineOn };
}

function move(cluster: Cluster, to: NodeId, group = rg): void {
  const wish = { type: "move", to, ifEpoch: null } as const;
  cluster.ask(n4, { type: "wish", group, wish, validateOnly: false, who: "", why: "" }, "wish");
}

function failureOf(reply: Reply): string {
  return reply.type === "failed" ? `${reply.failure.code}: ${reply.failure.message}` : reply.type;
}

const fiveNodes: Shape = { ...smallShape, nodes: [n1, n2, n3, n4, n5], voters: [n2, n4, n5] };

/** The machine of n1 goes on, and acts under its right. */
function goOnFromN2({ cluster, agents, status }: Scene): void {
  for (const node of [n1, n3]) cluster.stop(node);
  agents.advance(12_000);
  const recover = { type: "recoverGroup", group: rg, from: n2, owners: [n2], reason: "", validateOnly: false } as const;
  cluster.ask(n4, recover, "recoverGroup");
  agents.until(() => status().manager === n2);
}

test("a group that goes on from one node is run there no sooner than the right before it is over", () => {
  const begun = scene(fiveNodes);
  const { cluster, agents, status, onlineOn } = begun;
  onlineOn(n1);
  const { epoch } = status().ownership;
  const lostMs = cluster.nowMs;
  goOnFromN2(begun);
  assert.deepEqual(agents.actingFor(rg), [n1]);
  onlineOn(n2);
  assert(status().ownership.epoch > epoch);
  assert(cluster.nowMs >= lostMs + ttlMs, `${cluster.nowMs - lostMs} ms`);
});

test("a group that goes on from one node waits for an operator where the right before it had no end, also if its policy has changed", () => {
  const begun = scene(fiveNodes);
  const { cluster, agents, status, onlineOn } = begun;
  const configure = (lostQuorum: "LOST_QUORUM_POLICY_FREEZE" | "LOST_QUORUM_POLICY_STOP") => {
    const config = encodeGroupConfig({ lease, resources, lostQuorum, fence: { command: ["/bin/fence"] } });
    cluster.ask(n4, { type: "configure", group: rg, config }, "configure");
  };
  configure("LOST_QUORUM_POLICY_FREEZE");
  onlineOn(n1);
  configure("LOST_QUORUM_POLICY_STOP");
  agents.advance(3_000);
  goOnFromN2(begun);
  agents.advance(2 * ttlMs);
  assert.deepEqual([status().ownership.currentOwner, agents.actingFor(rg)], [n1, [n1]]);
});

test("a second agent of a node is refused while the first may act, and takes over with a complete report", () => {
  const { cluster, agents, onlineOn } = scene();
  onlineOn(n1);
  const report = (isComplete: boolean): Request => {
    return { type: "reportResources", node: n1, agent: "second", groups: [], isComplete, isLeaving: false };
  };
  const ask = (isComplete: boolean) => {
    const call = cluster.member(n1).call(report(isComplete));
    agents.until(() => cluster.member(n1).replies.has(call));
    return failureOf(cluster.member(n1).replies.get(call) as Reply);
  };
  assert.match(
    ask(true),
    /^already_exists: Another agent, agent-n1, reports for n1, or may act for another [0-9]+ ms$/,
  );
  agents.die(n1);
  const lostMs = cluster.nowMs;
  agents.until(() => !ask(false).startsWith("already_exists"));
  // Its last report was answered up to one interval before.
  const tookMs = cluster.nowMs - lostMs;
  assert(tookMs > ttlMs - lease.renewIntervalMs && tookMs < 1.5 * ttlMs, `${tookMs} ms`);
  assert.match(ask(false), /^invalid_argument: The first report of the agent second must be complete$/);
  assert.equal(ask(true), "reportResources");
  assert.equal(ask(false), "reportResources");
});

test("two groups of the same owners know each other: the one that follows goes where the other is, and after it", () => {
  const [a, b] = [toGroupId("a"), toGroupId("b")];
  const owners = [n1, n2, n3];
  const { cluster, onlineOn } = scene({ ...smallShape, groups: { a: owners, b: owners } }, { b: { sameNode: ["a"] } });
  onlineOn(n1, a);
  onlineOn(n1, b);
  move(cluster, n3, a);
  onlineOn(n3, a);
  onlineOn(n3, b);
});

/** The group is given to n2, n3 and n4 while n1 runs it. */
function leaveOut({ cluster, agents, onlineOn }: Scene): void {
  onlineOn(n1);
  const owners = [n2, n3, n4];
  const call = cluster
    .member(n4)
    .call({ type: "setOwners", group: rg, owners, ifIndex: null, validateOnly: false }, 20_000);
  agents.until(() => cluster.member(n4).replies.has(call));
  assert.equal(cluster.member(n4).replies.get(call)?.type, "setOwners");
}

test("an owner that is taken off the list while it holds the right stops in order, and nobody waits for its end", () => {
  const staged = scene();
  leaveOut(staged);
  const sinceMs = staged.cluster.nowMs;
  staged.onlineOn(n2);
  assert(staged.cluster.nowMs - sinceMs < ttlMs / 2, `${staged.cluster.nowMs - sinceMs} ms`);
});

test("an owner that is taken off the list and lost before it has stopped keeps its right to the end", () => {
  const staged = scene();
  const { cluster, agents, onlineOn } = staged;
  leaveOut(staged);
  assert.deepEqual(agents.actingFor(rg), [n1]);
  const sinceMs = cluster.nowMs;
  cluster.stop(n1);
  onlineOn(n2);
  assert(cluster.nowMs - sinceMs >= ttlMs - 2 * lease.renewIntervalMs, `${cluster.nowMs - sinceMs} ms`);
});

test("a manager under which a right runs out hands leadership over only when that is done", () => {
  const { cluster, agents, status, onlineOn } = scene();
  onlineOn(n1);
  agents.until(() => status().manager === n1);
  // Whoever may have handed it over to n1 would do so again.
  agents.advance(2 * limits.precedencePauseMs);
  cluster.stop(n1);
  agents.die(n1);
  const isOther = (manager: NodeId | null) => manager !== null && manager !== n1;
  agents.until(() => isOther(status().manager));
  const { manager } = status();
  cluster.start(n1);
  const sinceMs = cluster.nowMs;
  agents.until(() => {
    const now = status();
    // n1 does not know of any yet when it has just begun.
    assert.equal(now.manager ?? manager, manager, `after ${cluster.nowMs - sinceMs} ms`);
    return isOther(now.ownership.currentOwner);
  });
  agents.until(() => status().manager === n1);
  assert.notEqual(status().ownership.currentOwner, n1);
});
