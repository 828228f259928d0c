// Fences and rights without end, through whole nodes: agents carry out what managers order, and at no moment may two agents act
// for one group.

import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeGroupCommand } from "../../../proto/codec/commands.ts";
import { encodeGroupConfig } from "../../../proto/group-config.ts";
import { type NodeId, toEpoch } from "../../../proto/ids.ts";
import type { PeerMessage } from "../../../proto/messages.ts";
import type { FenceOutcome } from "../../../proto/placement.ts";
import { isControl } from "../../../proto/raft.ts";
import type { GroupStatus, Reply } from "../../../proto/requests.ts";
import { Cluster, n1, n2, n3, n4, rg } from "./cluster.ts";
import { FakeAgents } from "./fake-agents.ts";

const lease = { ttlMs: 60_000, renewIntervalMs: 500, stopBudgetMs: 500 };
const resources = [{ name: "web", application: {}, run: { exec: { start: ["/bin/web"], foreground: true } } }];
const fence = { command: ["/sbin/off"], timeoutMs: 8_000 };

/** The right of this node is on its way into the logs of the owners. */
function assigns(message: PeerMessage, node: NodeId): boolean {
  if (message.type !== "raft" || message.group !== rg || message.message.type !== "append") return false;
  return message.message.slice.entries.some(({ payload }) => {
    if (payload.length === 0 || isControl(payload)) return false;
    const command = decodeGroupCommand(payload);
    return command.type === "assign" && command.owner === node;
  });
}

class Scene {
  readonly cluster = new Cluster();
  readonly agents: FakeAgents;

  /** The group is online on n1, which does not lead it. */
  constructor(parts: object = {}) {
    this.cluster.leader();
    const config = encodeGroupConfig({ lease, resources, fence, ...parts });
    this.cluster.ask(n4, { type: "configure", group: rg, config }, "configure");
    this.agents = new FakeAgents(this.cluster, [n1, n2, n3]);
    this.onlineOn(n1);
  }

  get status(): GroupStatus {
    return this.cluster.ask(n4, { type: "groupStatus", group: rg }, "groupStatus").status;
  }

  get reasons(): readonly string[] {
    return this.status.placement.decisions.map(({ reason }) => reason);
  }

  get explained(): string {
    return this.cluster.ask(n4, { type: "explainGroup", group: rg, decisions: 1 }, "explainGroup").explanation.summary;
  }

  onlineOn(node: NodeId): void {
    this.agents.until(() => {
      const { currentOwner, state } = this.status.ownership;
      return currentOwner === node && state === "online" && this.agents.actingFor(rg)[0] === node;
    });
  }

  move(to: NodeId): void {
    const wish = { type: "move", to, ifEpoch: null } as const;
    this.cluster.ask(n4, { type: "wish", group: rg, wish, validateOnly: false, who: "", why: "" }, "wish");
    this.onlineOn(to);
  }

  /** Its machine is gone. */
  lose(node: NodeId): void {
    this.cluster.stop(node);
    this.agents.die(node);
  }

  return(node: NodeId): void {
    this.cluster.start(node);
    this.agents.begin(node);
  }

  /** Its manager ends, and there is another one, or the same node once more. */
  depose(): void {
    const before = this.cluster.leader();
    this.cluster.stop(before);
    this.cluster.start(before);
    this.cluster.leader();
  }

  confirm(onlyOn: NodeId, ifEpoch: number | null = null): Reply {
    const epoch = ifEpoch === null ? null : toEpoch(ifEpoch);
    const wish = { type: "confirm", onlyOn, ifEpoch: epoch, reason: "n1 is unplugged", atMs: 0 } as const;
    const { cluster } = this;
    const member = cluster.member(n4);
    const call = member.call({ type: "wish", group: rg, wish, validateOnly: false, who: "", why: "" });
    cluster.until(() => member.replies.has(call));
    return member.replies.get(call) as Reply;
  }

  refusal(...given: Parameters<Scene["confirm"]>): string {
    const reply = this.confirm(...given);
    return reply.type === "failed" ? reply.failure.message : `not refused: ${reply.type}`;
  }
}

test("with a fence an application moves long before the right of its lost owner is over, and says why", () => {
  const scene = new Scene();
  scene.agents.fences = { takesMs: 500, exitStatus: 0 };
  const { epoch } = scene.status.ownership;
  const lostMs = scene.cluster.nowMs;
  scene.lose(n1);
  scene.onlineOn(n2);
  const tookMs = scene.cluster.nowMs - lostMs;
  assert(tookMs < 8_000, `${tookMs} ms`);
  assert.equal(scene.status.ownership.epoch, epoch + 1);
  assert.match(scene.reasons.join("\n"), /n1 is down .*: n2 fences it\nn1 is down .*, fenced by n2; n2 is chosen/);
  assert.equal(scene.agents.ordersTo(n2).length, 1);
});

test("a fence that fails is tried by the next owner, and explained; the right is waited for all the same", () => {
  const scene = new Scene({ lease: { ...lease, ttlMs: 20_000 } });
  scene.agents.fences = { takesMs: 100, exitStatus: 1 };
  scene.lose(n1);
  scene.agents.until(() => scene.agents.ordersTo(n2).length === 1);
  scene.agents.until(() => scene.explained.includes("n2 could not fence it (The switch does not answer)"));
  scene.agents.until(() => scene.agents.ordersTo(n3).length === 1);
  assert.match(scene.reasons.join("\n"), /n2 could not fence it \(The switch does not answer\): n3 fences it/);
  scene.onlineOn(n2);
  assert.match(scene.reasons.join("\n"), /n1 is down \([^)]*\); n2 is chosen by fallover/);
});

test("nobody is fenced for what a manager did not hear while all hosts stood still", () => {
  const scene = new Scene();
  const { cluster, agents } = scene;
  scene.move(n2);
  agents.until(() => scene.status.manager === n1);
  const { epoch } = scene.status.ownership;
  cluster.nowMs += 2_300;
  const lateMs = cluster.nowMs + 150;
  cluster.copies = (from) => (from === n2 && cluster.nowMs < lateMs ? 0 : 1);
  agents.advance(10_000);
  assert.deepEqual([scene.status.manager, scene.status.ownership.epoch], [n1, epoch]);
  assert.deepEqual([...agents.ordersTo(n1), ...agents.ordersTo(n3)], []);
});

test("an owner that returns while it is being fenced is told that its right is lost", () => {
  const scene = new Scene();
  for (const other of [n2, n3]) scene.cluster.cut(n1, other);
  scene.agents.until(() => scene.agents.ordersTo(n2).length === 1);
  assert.deepEqual(scene.agents.actingFor(rg), [n1]);
  const { epoch } = scene.status.ownership;
  scene.cluster.heal();
  scene.agents.until(() => scene.agents.actingFor(rg).length === 0);
  scene.agents.until(() => scene.status.ownership.epoch === epoch + 1 && scene.status.ownership.state === "online");
});

test("the outcome of another manager's order does not count: the next one orders the fence anew", () => {
  const scene = new Scene();
  scene.lose(n1);
  scene.agents.until(() => scene.agents.ordersTo(n2).length === 1);
  scene.depose();
  scene.agents.fences = { takesMs: 0, exitStatus: 0 };
  scene.agents.until(() => scene.status.ownership.state === "online" && scene.status.ownership.currentOwner !== n1);
  const orders = [...scene.agents.ordersTo(n2), ...scene.agents.ordersTo(n3)];
  const terms = new Set(orders.map((order) => order.split("/")[1]));
  assert.equal(terms.size, 2, orders.join());
});

test("an application whose right has no end goes on without a quorum, and under the same epoch when there is one again", () => {
  const scene = new Scene({ lostQuorum: "freeze" });
  const { epoch } = scene.status.ownership;
  for (const node of [n2, n3]) scene.lose(node);
  scene.agents.advance(3 * lease.ttlMs);
  assert.deepEqual(scene.agents.actingFor(rg), [n1]);
  for (const node of [n2, n3]) scene.return(node);
  scene.agents.advance(10_000);
  assert.deepEqual([scene.status.ownership.epoch, scene.status.ownership.state], [epoch, "online"]);
  assert.deepEqual(scene.agents.actingFor(rg), [n1]);
});

test("a right without end is not over by time: a fence ends it", () => {
  const scene = new Scene({ lostQuorum: "freeze", lease: { ...lease, ttlMs: 5_000 } });
  scene.agents.fences = { takesMs: 100, exitStatus: 1 };
  scene.lose(n1);
  scene.agents.advance(60_000);
  assert.equal(scene.status.ownership.currentOwner, n1);
  assert.match(scene.explained, /group unfreeze rg --confirmed-only-on NODE/);
  scene.agents.fences = { takesMs: 100, exitStatus: 0 };
  scene.agents.until(() => scene.status.ownership.state === "online" && scene.status.ownership.currentOwner !== n1);
});

test("an operator's confirmation ends it as well, and is on record; not while the owner's agent is heard", () => {
  const scene = new Scene({ lostQuorum: "freeze", lease: { ...lease, ttlMs: 5_000 } });
  const { epoch } = scene.status.ownership;
  assert.match(scene.refusal(n3), /The agent of n1 is heard, and may run rg: stop it, or move it/);
  scene.lose(n1);
  scene.agents.advance(10_000);
  assert.match(scene.refusal(n3, epoch + 1), new RegExp(`at epoch ${epoch}, not at ${epoch + 1}`));
  assert.match(scene.refusal(n4), /The node n4 is no owner of rg/);
  assert.equal(scene.confirm(n3, epoch).type, "wish");
  scene.onlineOn(n3);
  assert.match(scene.reasons.join("\n"), /An operator confirmed that it runs only on n3: n1 is unplugged/);
  const confirmed = scene.status.placement.decisions.find(({ isWish }) => isWish);
  assert.equal((confirmed?.atMs ?? 0) > 0, true);
});

test("a manager that has just begun has not listened for long enough to take an operator's word", () => {
  const scene = new Scene({ lostQuorum: "freeze" });
  scene.lose(n1);
  scene.agents.until(() => scene.agents.ordersTo(n2).length === 1);
  scene.agents.die(n2);
  scene.agents.die(n3);
  scene.depose();
  for (const stillMs of [0, 3_500]) {
    scene.cluster.nowMs += stillMs;
    assert.match(scene.refusal(n3), /has just begun, and listens 3000 ms for the agent of n1: ask again/);
  }
});

test("an owner that lost its memory with its machine says through its node that it runs nothing", () => {
  const scene = new Scene({ lostQuorum: "freeze" });
  const { epoch } = scene.status.ownership;
  scene.agents.fences = { takesMs: 100, exitStatus: 1 };
  scene.lose(n1);
  scene.agents.until(() => scene.agents.ordersTo(n2).length === 1);
  scene.return(n1);
  scene.agents.until(() => scene.status.ownership.epoch === epoch + 1 && scene.status.ownership.state === "online");
});

test("a change of the policy counts from the next epoch on", () => {
  const scene = new Scene({ lostQuorum: "freeze" });
  assert.equal(scene.status.placement.lease?.isEndless, true);
  const config = encodeGroupConfig({ lease, resources, fence });
  scene.cluster.ask(n4, { type: "configure", group: rg, config }, "configure");
  scene.agents.advance(5_000);
  assert.equal(scene.status.placement.lease?.isEndless, true);
  const wish = { type: "move", to: n3, ifEpoch: null } as const;
  scene.cluster.ask(n4, { type: "wish", group: rg, wish, validateOnly: false, who: "", why: "" }, "wish");
  scene.onlineOn(n3);
  assert.equal(scene.status.placement.lease?.isEndless, false);
});

test("an owner keeps its place in the list as long as it has a right that no time ends", () => {
  const scene = new Scene({ lostQuorum: "freeze" });
  const ask = () => {
    const member = scene.cluster.member(n4);
    const request = { type: "setOwners", group: rg, owners: [n2, n3], ifIndex: null, validateOnly: false } as const;
    const call = member.call(request, 10_000);
    scene.agents.until(() => member.replies.has(call));
    const reply = member.replies.get(call) as Reply;
    return reply.type === "failed" ? reply.failure.message : reply.type;
  };
  assert.equal(ask(), "n1 runs rg under a right that no time ends: move it first, or have it fenced");
  const wish = { type: "move", to: n3, ifEpoch: null } as const;
  scene.cluster.ask(n4, { type: "wish", group: rg, wish, validateOnly: false, who: "", why: "" }, "wish");
  scene.onlineOn(n3);
  assert.equal(ask(), "setOwners");
});

test("owners without the one who is just being chosen are not put in force: its right would have no end", () => {
  const scene = new Scene({ lostQuorum: "freeze" });
  const { cluster } = scene;
  const manager = cluster.leader();
  let call: number | null = null;
  cluster.copies = (_from, _to, message) => {
    if (call === null && assigns(message, n3)) {
      const request = { type: "setOwners", group: rg, owners: [n1, n2], ifIndex: null, validateOnly: false } as const;
      call = cluster.member(manager).call(request, 10_000);
    }
    return 1;
  };
  const wish = { type: "move", to: n3, ifEpoch: null } as const;
  cluster.ask(n4, { type: "wish", group: rg, wish, validateOnly: false, who: "", why: "" }, "wish");
  scene.onlineOn(n3);
  scene.agents.until(() => call !== null && cluster.member(manager).replies.has(call));
  const reply = cluster.member(manager).replies.get(call ?? 0);
  assert.match(reply?.type === "failed" ? reply.failure.message : "", /^n3 runs rg under a right that no time ends/);
  assert.deepEqual(scene.status.membership.owners, [n1, n2, n3]);
});

test("a manager that is not confirmed answers an idle agent's report, and none that tells what came of a fence", () => {
  const { cluster } = new Scene();
  const manager = cluster.leader();
  const [node] = [n2, n3].filter((owner) => owner !== manager) as [NodeId];
  for (const other of [n1, n2, n3, n4]) if (other !== manager) cluster.cut(manager, other);
  const member = cluster.member(manager);
  const idle = { group: rg, epoch: toEpoch(0), renews: false, state: "offline", resources: [] } as const;
  const report = (fence: FenceOutcome | null) =>
    member.call({ type: "renewOwnership", group: rg, node, report: { ...idle, fence }, isLeaving: false });
  const plain = report(null);
  const outcome = report({ order: "1.1.1.1", exitStatus: 0, reason: "" });
  cluster.advance(200);
  assert.equal(member.replies.get(plain)?.type, "renewOwnership");
  assert.equal(member.replies.get(outcome), undefined);
  cluster.heal();
  cluster.until(() => member.replies.has(outcome));
});
