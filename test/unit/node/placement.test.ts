// Where applications run, through whole nodes: agents report to their nodes, managers renew rights and assign them anew, and at
// no moment may two agents act for one group.

import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeGroupConfig } from "../../../proto/group-config.ts";
import { type GroupId, type NodeId, toEpoch, toGroupId, toIncarnation } from "../../../proto/ids.ts";
import { type GroupWish, historyOf } from "../../../proto/placement.ts";
import type { GroupStatus, Reply } from "../../../proto/requests.ts";
import { limits } from "../../../server/node/limits.ts";
import { Cluster, n1, n2, n3, n4, put, rg, smallShape } from "./cluster.ts";
import { FakeAgents } from "./fake-agents.ts";

const rg2 = toGroupId("rg2");
const lease = { ttlMs: 6_000, renewIntervalMs: 500, stopBudgetMs: 500 };
const resources = [{ name: "web", application: {}, run: { exec: { start: ["/bin/web"], foreground: true } } }];

interface Scene {
  readonly cluster: Cluster;
  readonly agents: FakeAgents;
  status(): GroupStatus;
  wish(wish: GroupWish): Reply["type"];
  /** Advances until the group is online there; fails after a minute. */
  onlineOn(node: NodeId): void;
}

/** @param management policies of the group */
function scene(management: object = {}, others: object = {}): Scene {
  const cluster = new Cluster();
  cluster.leader();
  const config = encodeGroupConfig({ lease, resources, management, ...others });
  cluster.ask(n4, { type: "configure", group: rg, config }, "configure");
  const agents = new FakeAgents(cluster, [n1, n2, n3]);
  const status = () => cluster.ask(n4, { type: "groupStatus", group: rg }, "groupStatus").status;
  return {
    cluster,
    agents,
    status,
    wish: (wish) => {
      const said = { validateOnly: false, who: "mona", why: "new disk" } as const;
      return cluster.ask(n4, { type: "wish", group: rg, wish, ...said }, "wish").type;
    },
    onlineOn: (node) => {
      agents.until(() => {
        const { currentOwner, state } = status().ownership;
        return currentOwner === node && state === "online" && agents.actingFor(rg)[0] === node;
      });
    },
  };
}

test("the first owner whose agent is there is given the application, and its right is renewed", () => {
  const { cluster, agents, status, onlineOn } = scene();
  onlineOn(n1);
  const { epoch } = status().ownership;
  agents.advance(4 * lease.ttlMs);
  assert.deepEqual([status().ownership.epoch, agents.actingFor(rg)], [epoch, [n1]]);
  assert.equal(status().resources[0]?.resource, "web");
  cluster.ask(n4, put("a", "1"), "put");
});

test("an owner that is lost is followed by the next one, no sooner than its right is over", () => {
  const { cluster, agents, status, onlineOn } = scene();
  onlineOn(n1);
  const { epoch } = status().ownership;
  const lostMs = cluster.nowMs;
  cluster.stop(n1);
  agents.die(n1);
  onlineOn(n2);
  const { ownership } = status();
  assert.equal(ownership.epoch, epoch + 1);
  const tookMs = cluster.nowMs - lostMs;
  assert(tookMs >= lease.ttlMs - lease.renewIntervalMs, `${tookMs} ms`);
  assert(tookMs < 2 * lease.ttlMs, `${tookMs} ms`);
});

test("an application whose agent is gone is moved, though its node is up", () => {
  const { agents, onlineOn, status } = scene();
  onlineOn(n1);
  agents.die(n1);
  onlineOn(n2);
  assert.equal(status().verdicts.find(({ node }) => node === n1)?.status, "up");
});

test("an application whose agent leaves in order goes to another owner at once, and not back to the one that was left", () => {
  const endless = { lostQuorum: "freeze", fence: { command: ["/sbin/off"], timeoutMs: 1_000 } };
  for (const others of [{}, endless]) {
    const { cluster, agents, onlineOn, status } = scene({}, others);
    onlineOn(n1);
    const { epoch } = status().ownership;
    const toldMs = cluster.nowMs;
    agents.leave(n1);
    onlineOn(n2);
    assert.equal(status().ownership.epoch, epoch + 1);
    assert(cluster.nowMs - toldMs < limits.agentSilentMs, `${cluster.nowMs - toldMs} ms`);
  }
});

test("a manager that stood still with all others gives nothing up because the first agent that it hears again has failed", () => {
  const { cluster, agents, wish, onlineOn, status } = scene();
  onlineOn(n1);
  agents.until(() => status().manager === n1);
  agents.advance(2 * limits.agentSilentMs);
  agents.failOn(n2);
  wish({ type: "move", to: n2, ifEpoch: null });
  agents.until(() => agents.actingFor(rg)[0] === n2);
  const { term } = status();
  for (const node of [n1, n3]) agents.die(node);
  cluster.nowMs += 3_500;
  agents.advance(400);
  for (const node of [n1, n3]) agents.begin(node);
  onlineOn(n3);
  assert.equal(status().term, term);
});

test("a wall clock that is set opens the window in which an application returns to a better owner", () => {
  const { cluster, agents, status, onlineOn } = scene({
    fallback: { window: { window: { from: "12:00", to: "13:00" } } },
  });
  onlineOn(n1);
  agents.die(n1);
  onlineOn(n2);
  agents.begin(n1);
  agents.advance(60_000);
  assert.equal(status().ownership.currentOwner, n2);
  const noonMs = Date.UTC(2030, 0, 1, 12, 30);
  for (const { host } of cluster.members.values())
    host.deliver({ type: "wallClock", offsetMs: noonMs - cluster.nowMs });
  onlineOn(n1);
});

test("an operator moves an application: it stops before it starts elsewhere", () => {
  const { agents, wish, onlineOn, status } = scene();
  onlineOn(n1);
  const { epoch } = status().ownership;
  assert.equal(wish({ type: "move", to: n3, ifEpoch: epoch }), "wish");
  onlineOn(n3);
  assert.equal(status().ownership.epoch, epoch + 1);
  assert.equal(status().placement.intent.pinnedTo, n3);
  assert.equal(agents.overlaps, 0);
});

test("of a group without resources it is explained that it can go where it then goes, though no agent is there", () => {
  const cluster = new Cluster();
  cluster.leader();
  const explanation = () =>
    cluster.ask(n4, { type: "explainGroup", group: rg, decisions: 1 }, "explainGroup").explanation;
  const ranks = () => explanation().candidates.map(({ node, rank }) => `${node} ${rank}`);
  assert.deepEqual(ranks(), ["n1 1", "n2 2", "n3 3"]);
  assert.deepEqual(explanation().triggers[0], { event: "n1 fails", to: n2, atMs: null });
  const wish = { type: "move", to: n3, ifEpoch: null } as const;
  cluster.ask(n4, { type: "wish", group: rg, wish, validateOnly: false, who: "mona", why: "" }, "wish");
  cluster.until(() => ranks()[0] === "n3 1");
});

test("what a drain would move is told as it is then decided: not to an owner that is up and has no agent", () => {
  const { cluster, agents, onlineOn } = scene();
  onlineOn(n1);
  agents.die(n2);
  agents.advance(2 * limits.agentSilentMs);
  const drain = { type: "drainNode", node: n1, wanted: "drained", reason: "", skipUnavailable: false } as const;
  const foreseen = cluster.ask(n4, { ...drain, validateOnly: true }, "drainNode");
  const move = { group: rg, from: n1, to: n3, reason: "n1 is draining; n3 is chosen by fallover nextInList" };
  assert.deepEqual(foreseen, { type: "drainNode", moves: [move], unreachable: [] });
  assert.deepEqual(cluster.ask(n4, { ...drain, validateOnly: false }, "drainNode").moves, [move]);
  onlineOn(n3);
  const { moves } = cluster.ask(n4, { ...drain, node: n3, validateOnly: true }, "drainNode");
  const stay = "no other owner can take it: n1 is maintenance (Drained); The agent of n2 is silent";
  assert.deepEqual(moves, [{ ...move, from: n3, to: null, reason: `n3 keeps it: n3 is draining, but ${stay}` }]);
});

test("a group that operators start waits for one after a cold start of all its owners, and not after a fail-over", () => {
  const { cluster, agents, wish, onlineOn, status } = scene({ startAutomatically: false });
  agents.advance(2 * lease.ttlMs);
  assert.deepEqual([status().placement.lease, agents.actingFor(rg)], [null, []]);
  wish({ type: "start", on: null });
  onlineOn(n1);
  // One after the other they start anew, as for an upgrade; what ran goes on, or fails over.
  for (const node of [n3, n2, n1]) {
    cluster.stop(node);
    agents.advance(2 * lease.ttlMs);
    cluster.start(node);
    agents.advance(lease.ttlMs);
  }
  onlineOn(n2);
  const { epoch } = status().ownership;
  for (const node of [n1, n2, n3]) agents.die(node);
  for (const node of [n1, n2, n3]) cluster.stop(node);
  for (const node of [n1, n2, n3]) cluster.start(node);
  const anew = new FakeAgents(cluster, [n1, n2, n3]);
  anew.until(() => status().ownership.currentOwner === null);
  anew.advance(2 * lease.ttlMs);
  assert.deepEqual([status().ownership.epoch, anew.actingFor(rg)], [epoch, []]);
  const { summary } = cluster.ask(n4, { type: "explainGroup", group: rg, decisions: 1 }, "explainGroup").explanation;
  assert.match(summary, /startAutomatically is false: rg .* all its owners have started anew$/);
  wish({ type: "start", on: null });
  anew.until(() => status().ownership.state === "online");
  assert.equal(status().ownership.epoch, epoch + 1);
});

test("while the right of a group that operators start is renewed its log knows in which start each of its owners is", () => {
  const { cluster, agents, wish, onlineOn, status } = scene({ startAutomatically: false });
  const noted = () => status().placement.starts.map(({ node, boot }) => `${node} ${boot}`);
  wish({ type: "start", on: null });
  assert.deepEqual(noted(), []);
  onlineOn(n1);
  agents.until(() => noted().join() === "n1 1,n2 1,n3 1");
  cluster.stop(n3);
  cluster.start(n3);
  agents.until(() => noted().join() === "n1 1,n2 1,n3 2");
});

test("an operator's word in time lets an application go on that a cold start has ended", () => {
  const { cluster, agents, wish, onlineOn, status } = scene({ startAutomatically: false });
  wish({ type: "start", on: null });
  onlineOn(n1);
  agents.advance(2 * limits.agentSilentMs);
  for (const node of [n1, n2, n3]) agents.die(node);
  for (const node of [n1, n2, n3]) cluster.stop(node);
  for (const node of [n1, n2, n3]) cluster.start(node);
  assert.equal(wish({ type: "start", on: null }), "wish");
  const anew = new FakeAgents(cluster, [n1, n2, n3]);
  anew.until(() => anew.actingFor(rg).length === 1 && status().ownership.state === "online");
});

test("agents that outlive all nodes of their group go on, though operators start it", () => {
  const { cluster, agents, wish, onlineOn, status } = scene({ startAutomatically: false });
  wish({ type: "start", on: null });
  onlineOn(n1);
  agents.advance(2 * limits.agentSilentMs);
  const { epoch } = status().ownership;
  for (const node of [n1, n2, n3]) cluster.stop(node);
  for (const node of [n1, n2, n3]) cluster.start(node);
  agents.advance(4 * lease.ttlMs);
  assert.deepEqual([status().ownership.epoch, agents.actingFor(rg)], [epoch, [n1]]);
});

test("a move to an owner without room is refused by its ledger, with the numbers, and nothing is decided", () => {
  const { cluster, agents, status, onlineOn } = scene();
  onlineOn(n1);
  const load = { node: n3, atMs: 0, ageMs: 0, load: new Map(), capacity: new Map([["cpu", 4]]) };
  cluster.member(n3).call({ type: "reportPerformance", sample: load });
  const config = encodeGroupConfig({ lease, resources, management: { demand: { cpu: 6n } } });
  cluster.ask(n4, { type: "configure", group: rg, config }, "configure");
  const ask = (to: NodeId, validateOnly: boolean) => {
    const wish = { type: "move", to, ifEpoch: null } as const;
    const call = cluster.member(n4).call({ type: "wish", group: rg, wish, validateOnly, who: "", why: "" });
    cluster.until(() => cluster.member(n4).replies.has(call));
    const reply = cluster.member(n4).replies.get(call) as Reply;
    return reply.type === "failed" ? `${reply.failure.code}: ${reply.failure.message}` : reply.type;
  };
  const refusal = "condition_failed: rg cannot move to n3: n3 has 4 of 4 cpu left, rg asks for 6";
  assert.deepEqual([ask(n3, true), ask(n3, false)], [refusal, refusal]);
  agents.advance(lease.ttlMs);
  assert.deepEqual([status().placement.move, status().ownership.currentOwner], [null, n1]);
  assert.deepEqual([ask(n2, true), ask(n2, false)], ["wish", "wish"]);
  onlineOn(n2);
});

test("an application that an agent does not begin, for it cannot read what to run, goes to another owner in time", () => {
  const { agents, status, onlineOn } = scene();
  agents.readNothingOn(n1);
  agents.until(() => status().ownership.currentOwner === n1);
  agents.advance(limits.agentBeginsMs - 1_000);
  assert.equal(status().ownership.state, "acquiring");
  onlineOn(n2);
  assert.equal(status().placement.bans[0]?.reason, "The agent of n1 has not begun it");
});

test("a demand that is raised or lowered while the application runs counts in the ledger of its node", () => {
  const { cluster, onlineOn } = scene();
  onlineOn(n1);
  const load = { node: n1, atMs: 0, ageMs: 0, load: new Map(), capacity: new Map([["cpu", 16]]) };
  cluster.member(n1).call({ type: "reportPerformance", sample: load });
  const rules = { demand: new Map([["cpu", 8]]), sameNode: [], differentNode: [] };
  const key = { group: toGroupId("other"), incarnation: toIncarnation(1), epoch: toEpoch(1) };
  const asked = { type: "reserve", node: n1, reservation: { ...key, ...rules }, validateOnly: true } as const;
  const refusalAt = (cpu: bigint) => {
    const config = encodeGroupConfig({ lease, resources, management: { demand: { cpu } } });
    cluster.ask(n4, { type: "configure", group: rg, config }, "configure");
    cluster.advance(1_000);
    return cluster.ask(n1, asked, "reserve").reason;
  };
  assert.equal(refusalAt(14n), "n1 has 2 of 16 cpu left, other asks for 8");
  assert.equal(refusalAt(2n), "");
});

test("what began on a node whose agent never heard of it holds nothing there once the node has left the group", () => {
  const { cluster, agents, status, wish, onlineOn } = scene({ demand: { cpu: 8n } });
  onlineOn(n1);
  agents.die(n2);
  agents.advance(2 * limits.agentSilentMs);
  const load = { node: n2, atMs: 0, ageMs: 0, load: new Map(), capacity: new Map([["cpu", 8]]) };
  cluster.member(n2).call({ type: "reportPerformance", sample: load });
  const report = (isComplete: boolean) => {
    cluster
      .member(n2)
      .call({ type: "reportResources", node: n2, agent: "mute", groups: [], isComplete, isLeaving: false });
    agents.advance(500);
  };
  report(true);
  assert.equal(wish({ type: "move", to: n2, ifEpoch: null }), "wish");
  for (let told = 0; status().ownership.currentOwner !== n2; told++) {
    assert.ok(told < 20);
    report(false);
  }
  const key = { group: toGroupId("other"), incarnation: toIncarnation(1), epoch: toEpoch(1) };
  const reservation = { ...key, demand: new Map([["cpu", 8]]), sameNode: [], differentNode: [] };
  const refusal = () =>
    cluster.ask(n2, { type: "reserve", node: n2, reservation, validateOnly: true }, "reserve").reason;
  report(false);
  assert.equal(refusal(), "n2 has 0 of 8 cpu left, other asks for 8");
  cluster
    .member(n4)
    .call({ type: "setOwners", group: rg, owners: [n1, n3], ifIndex: null, validateOnly: false }, 20_000);
  agents.until(() => cluster.member(n2).machine.group(rg) === null);
  onlineOn(n1);
  for (let told = 0; told < 3; told++) report(false);
  assert.equal(refusal(), "");
});

test("the agents of both owners of a move are told of it at once, and nobody else's is", () => {
  const { cluster, agents, wish, onlineOn } = scene();
  onlineOn(n1);
  agents.advance(lease.ttlMs);
  const listen = (node: NodeId, after: number) => {
    const call = cluster.member(node).call({ type: "awaitOwnership", node, after }, 60_000);
    cluster.advance(1);
    return call;
  };
  const heard = (node: NodeId, call: number) => {
    const reply = cluster.member(node).replies.get(call);
    return reply?.type === "awaitOwnership" ? reply.change : null;
  };
  const changes = new Map([n1, n2, n3].map((node) => [node, heard(node, listen(node, 0))]));
  const calls = new Map([...changes].map(([node, change]) => [node, listen(node, change ?? 0)]));
  const isTold = (node: NodeId) => heard(node, calls.get(node) ?? 0) !== null;
  assert.deepEqual([n1, n2, n3].map(isTold), [false, false, false]);
  assert.equal(wish({ type: "move", to: n2, ifEpoch: null }), "wish");
  cluster.until(() => isTold(n1), 50);
  assert.equal(isTold(n2), false);
  agents.until(() => isTold(n2));
  assert.equal(agents.actingFor(rg).length, 0);
  onlineOn(n2);
  assert.equal(isTold(n3), false);
});

test("a move to a node that an operator names does not wait until a new manager has heard all agents", () => {
  const { cluster, agents, status, wish, onlineOn } = scene();
  onlineOn(n1);
  wish({ type: "move", to: n2, ifEpoch: null });
  onlineOn(n2);
  agents.die(n3);
  const isUp = (node: NodeId) => status().verdicts.some((verdict) => verdict.node === node && verdict.status === "up");
  const { manager } = status();
  cluster.stop(n1);
  cluster.start(n1);
  agents.until(() => isUp(n1) && ![null, manager].includes(status().manager));
  wish({ type: "move", to: n1, ifEpoch: null });
  agents.until(() => status().ownership.currentOwner === n1, limits.agentSilentMs / 2);
});

test("a group tells what its minimum lacks, on whichever owner", () => {
  const minimum = { owners: 3, resources: ["web"] };
  const { cluster, agents, status, onlineOn } = scene({}, { quorum: { minimum } });
  onlineOn(n1);
  assert.deepEqual(status().minimumMissing, []);
  cluster.stop(n3);
  agents.until(() => status().ownership.state === "suspended");
  const lacks = ["2 of at least 3 owners are up"];
  for (const node of [n1, n2]) {
    const told = cluster.ask(node, { type: "replicaStatus", group: rg, node }, "replicaStatus");
    assert.deepEqual(told.status.minimumMissing, lacks);
  }
  cluster.start(n3);
  onlineOn(n1);
  assert.deepEqual(status().minimumMissing, []);
});

test("a stopped application stays stopped until an operator starts it", () => {
  const { agents, wish, onlineOn, status } = scene();
  onlineOn(n1);
  wish({ type: "stop" });
  agents.until(() => status().ownership.state === "offline");
  agents.advance(3 * lease.ttlMs);
  assert.deepEqual([status().ownership.currentOwner, agents.actingFor(rg)], [null, []]);
  wish({ type: "start", on: n2 });
  onlineOn(n2);
});

test("a manager that is lost while the application runs elsewhere stops nothing", () => {
  const { cluster, agents, wish, onlineOn, status } = scene();
  onlineOn(n1);
  const manager = cluster.leader();
  const other = [n2, n3].find((node) => node !== manager) as NodeId;
  if (manager === n1) {
    wish({ type: "move", to: other, ifEpoch: null });
    onlineOn(other);
  }
  const { epoch, currentOwner } = status().ownership;
  cluster.stop(manager);
  agents.die(manager);
  agents.advance(4 * lease.ttlMs);
  assert.deepEqual([status().ownership.epoch, agents.actingFor(rg)], [epoch, [currentOwner]]);
});

test("an application that cannot be started on one owner is tried on the next, and nowhere when all have failed", () => {
  const { agents, wish, onlineOn, status } = scene();
  agents.failOn(n1);
  onlineOn(n2);
  assert.deepEqual(
    status().placement.bans.map(({ node, resource }) => [node, resource]),
    [[n1, "web"]],
  );
  agents.failOn(n2);
  agents.failOn(n3);
  wish({ type: "move", to: n3, ifEpoch: null });
  agents.until(() => status().ownership.state === "error");
  assert.equal(status().placement.error !== null, true);
  agents.recover();
  wish({ type: "clearError", forgetMoves: true });
  agents.until(() => status().ownership.state === "online");
});

test("a new manager gives a failed application up only when all agents have had time to be heard", () => {
  const { cluster, agents, wish, onlineOn, status } = scene();
  onlineOn(n1);
  agents.die(n3);
  agents.until(() => status().manager === n1);
  agents.advance(2 * limits.agentSilentMs);
  agents.failOn(n2);
  wish({ type: "move", to: n2, ifEpoch: null });
  agents.until(() => agents.actingFor(rg)[0] === n2);
  cluster.stop(n1);
  agents.die(n1);
  agents.until(() => ![null, n1].includes(status().manager));
  agents.advance(limits.agentSilentMs / 2);
  agents.begin(n3);
  onlineOn(n3);
});

test("a group that cannot begin because its node's disk hangs keeps no other from having its right renewed", () => {
  const cluster = new Cluster({ ...smallShape, groups: { rg: [n2, n3, n1], rg2: [n2, n3, n1] } });
  const config = encodeGroupConfig({ lease, resources, management: { startAutomatically: false } });
  for (const group of [rg, rg2]) cluster.ask(n4, { type: "configure", group, config }, "configure");
  cluster.until(() => [rg, rg2].every((group) => cluster.leader(group) === n2));
  const agents = new FakeAgents(cluster, [n1, n2, n3]);
  const start = (group: GroupId) => {
    const wish = { type: "start", on: n1 } as const;
    cluster.ask(n4, { type: "wish", group, wish, validateOnly: false, who: "mona", why: "a test" }, "wish");
  };
  start(rg);
  agents.until(() => agents.actingFor(rg)[0] === n1);
  const { disk } = cluster.member(n1);
  disk.hung = [];
  start(rg2);
  for (let passedMs = 0; passedMs < 2 * lease.ttlMs; passedMs += 100) {
    agents.advance(100);
    assert.deepEqual([agents.actingFor(rg), agents.actingFor(rg2)], [[n1], []]);
  }
  const untold = disk.hung;
  disk.hung = null;
  for (const tell of untold) tell();
  agents.until(() => agents.actingFor(rg2)[0] === n1);
});

test("the time that a group waits for another one counts from when neither operators nor policies hold it", () => {
  const dependencies = [{ group: "rg2", timeoutMs: 10_000 }];
  const { agents, wish, status } = scene({ startAutomatically: false, dependencies });
  const stateAfter = (ms: number) => {
    agents.advance(ms);
    return status().ownership.state;
  };
  assert.equal(stateAfter(20_000), "offline");
  wish({ type: "start", on: null });
  assert.equal(stateAfter(5_000), "offline");
  wish({ type: "freeze", reason: "a test" });
  assert.equal(stateAfter(20_000), "offline");
  wish({ type: "unfreeze" });
  assert.equal(stateAfter(9_000), "offline");
  assert.equal(stateAfter(2_000), "error");
});

/** What is on record of the group, oldest first. */
function told({ placement }: GroupStatus): readonly string[] {
  const entries = historyOf(placement).toReversed();
  assert(entries.every(({ manager, atMs }) => manager !== null && atMs > 0));
  return entries.map(({ what, from, to, who, isWish }) => `${what} ${from} ${to} ${isWish ? who || "wish" : "policy"}`);
}

test("every wish and every decision is on record, in their order, with who it was; each owner has the same", () => {
  const { cluster, agents, wish, onlineOn, status } = scene();
  onlineOn(n1);
  const before = told(status()).length;
  wish({ type: "freeze", reason: "a look at it" });
  wish({ type: "unfreeze" });
  wish({ type: "stop" });
  agents.until(() => status().ownership.state === "offline");
  wish({ type: "start", on: n2 });
  onlineOn(n2);
  agents.advance(1_000);
  assert.deepEqual(told(status()).slice(before), [
    "frozen n1 n1 mona",
    "unfrozen n1 n1 mona",
    "stopWanted n1 null mona",
    "releasing n1 n1 policy",
    "offline n1 null policy",
    "startWanted null n2 mona",
    "assigned null n2 wish",
    "online n2 n2 policy",
  ]);
  const ofOwner = (node: NodeId) => cluster.ask(n4, { type: "replicaStatus", group: rg, node }, "replicaStatus").status;
  for (const node of [n1, n2, n3]) assert.deepEqual(told(ofOwner(node)), told(status()));
});

test("a fail-over of a group without resources is on record too", () => {
  const cluster = new Cluster();
  cluster.leader();
  const status = () => cluster.ask(n4, { type: "groupStatus", group: rg }, "groupStatus").status;
  cluster.until(() => status().ownership.currentOwner === n1);
  cluster.stop(n1);
  cluster.until(() => status().ownership.currentOwner === n2);
  assert.deepEqual(told(status()), ["assigned null n1 policy", "assigned n1 n2 policy"]);
});
