// Agents as their nodes see them, on the clock of a test: each reports to its own node, acts while its right lasts, and counts
// as one that acts from the moment it may until it has stopped.

import assert from "node:assert/strict";
import { type GroupId, type NodeId, toEpoch } from "../../../proto/ids.ts";
import type { AgentState, FenceOrder, FenceOutcome, GroupReport, OwnershipGrant } from "../../../proto/placement.ts";
import type { Reply } from "../../../proto/requests.ts";
import type { Cluster, Member } from "./cluster.ts";

const reportEveryMs = 200;
const startMs = 100;
const stopMs = 100;
const clockRateError = 0.05;

interface Run {
  readonly epoch: number;
  state: AgentState;
  /** When `state` changes by itself: a start or a stop takes its time. */
  changesMs: number;
  /** The right of the epoch is over. */
  endsMs: number;
}

/** What becomes of fences. */
export interface FencePlan {
  readonly takesMs: number;
  /** 0: the node and its agent are killed. */
  readonly exitStatus: number;
}

interface FakeFence {
  readonly order: string;
  readonly node: NodeId;
  readonly group: GroupId;
  readonly endsMs: number;
  outcome: FenceOutcome | null;
}

class FakeAgent {
  readonly node: NodeId;
  readonly name: string;
  readonly runs = new Map<GroupId, Run>();
  fails = false;
  /** It cannot read what it is to run. */
  isUnread = false;
  /** It was told to end. */
  isLeaving = false;
  /** It has stopped everything, said so, and ended. */
  hasLeft = false;
  /** All that it was told to carry out. */
  readonly orders: string[] = [];
  fence: FakeFence | null = null;
  #asked: {
    readonly call: number;
    readonly atMs: number;
    readonly member: Member;
    readonly isLast: boolean;
  } | null = null;
  #nextMs = 0;
  #isFirst = true;

  constructor(node: NodeId, name: string) {
    this.node = node;
    this.name = name;
  }

  turn(cluster: Cluster, plan: FencePlan, kill: (node: NodeId) => void): void {
    const { nowMs } = cluster;
    for (const run of this.runs.values()) this.#pass(run, nowMs);
    this.#endFence(plan, kill, nowMs);
    const member = cluster.members.get(this.node);
    this.#hear(member);
    if (member === undefined || this.#asked !== null || nowMs < this.#nextMs) return;
    this.#nextMs = nowMs + reportEveryMs;
    const groups = this.#tellFence([...this.runs].map(([group, run]) => this.#report(group, run)));
    const { node, name: agent, isLeaving } = this;
    const request = { type: "reportResources", node, agent, groups, isComplete: this.#isFirst, isLeaving } as const;
    const isLast = isLeaving && [...this.runs.values()].every(({ state }) => state === "offline");
    this.#asked = { call: member.call(request, 1_000), atMs: nowMs, member, isLast };
  }

  #pass(run: Run, nowMs: number): void {
    const isActive = run.state === "acquiring" || run.state === "online";
    if (isActive && (this.isLeaving || nowMs >= run.endsMs - stopMs)) this.#stop(run, nowMs);
    if (nowMs < run.changesMs) return;
    if (run.state === "acquiring" && !this.isUnread) run.state = this.fails ? "error" : "online";
    if (run.state === "releasing") run.state = "offline";
  }

  #stop(run: Run, nowMs: number): void {
    run.state = "releasing";
    run.changesMs = nowMs + stopMs;
  }

  #hear(member: Member | undefined): void {
    if (this.#asked === null) return;
    const reply = this.#asked.member.replies.get(this.#asked.call);
    if (reply === undefined && this.#asked.member === member) return;
    const { atMs, isLast } = this.#asked;
    this.#asked = null;
    this.hasLeft = isLast;
    if (reply?.type === "reportResources") this.#take(reply, atMs);
    // A node that has started anew wants to hear of everything.
    else this.#isFirst = true;
  }

  #take({ grants }: Extract<Reply, { type: "reportResources" }>, sentMs: number): void {
    this.#isFirst = false;
    for (const grant of grants) {
      this.#grant(grant, sentMs);
      if (grant.fence !== null) this.#beginFence(grant.group, grant.fence, sentMs);
      else if (this.fence?.group === grant.group) this.fence = null;
    }
  }

  #beginFence(group: GroupId, { order, node }: FenceOrder, nowMs: number): void {
    if (this.fence?.order === order) return;
    this.fence = { order, node, group, endsMs: nowMs, outcome: null };
    this.orders.push(order);
  }

  #endFence({ takesMs, exitStatus }: FencePlan, kill: (node: NodeId) => void, nowMs: number): void {
    const { fence } = this;
    if (fence === null || fence.outcome !== null || nowMs < fence.endsMs + takesMs) return;
    fence.outcome = { order: fence.order, exitStatus, reason: exitStatus === 0 ? "" : "The switch does not answer" };
    if (exitStatus === 0) kill(fence.node);
  }

  #tellFence(groups: readonly GroupReport[]): readonly GroupReport[] {
    const outcome = this.fence?.outcome ?? null;
    const group = this.fence?.group;
    if (outcome === null || group === undefined) return groups;
    const idle = { group, epoch: toEpoch(0), renews: false, state: "offline", resources: [] } as const;
    const known = groups.find((report) => report.group === group) ?? idle;
    return [...groups.filter((report) => report !== known), { ...known, fence: outcome }];
  }

  #grant({ group, epoch, isGranted, ttlMs, wanted, isEndless }: OwnershipGrant, sentMs: number): void {
    const run = this.runs.get(group);
    if (!isGranted || ttlMs === 0) {
      if (run !== undefined && run.state !== "offline" && run.state !== "releasing") this.#stop(run, sentMs);
      if (run?.state === "offline") this.runs.delete(group);
      return;
    }
    const endsMs = isEndless ? Number.POSITIVE_INFINITY : sentMs + ttlMs * (1 - clockRateError);
    if (run !== undefined && run.epoch === epoch) {
      run.endsMs = endsMs;
      if (wanted === "offline" && run.state !== "releasing" && run.state !== "offline") this.#stop(run, sentMs);
      return;
    }
    if (run !== undefined && run.state !== "offline") return this.#stop(run, sentMs);
    if (wanted === "online" && !this.isLeaving)
      this.runs.set(group, { epoch, state: "acquiring", changesMs: sentMs + startMs, endsMs });
  }

  #report(group: GroupId, { epoch, state }: Run): GroupReport {
    const resource = {
      resource: "web",
      state: state === "error" ? ("failed" as const) : ("online" as const),
      // What failed to start runs no more.
      epoch: toEpoch(state === "error" || state === "offline" ? 0 : epoch),
      reason: state === "error" ? "It does not start" : "",
      exitStatus: 0,
      restarts: 0,
      atMs: 0,
      sinceMs: 0,
    };
    const resources = state === "acquiring" && this.isUnread ? [] : [resource];
    return { group, epoch: toEpoch(epoch), renews: state !== "offline", state, resources, fence: null };
  }
}

export class FakeAgents {
  readonly #cluster: Cluster;
  readonly #agents = new Map<NodeId, FakeAgent>();
  /** Moments at which two acted for one group. */
  overlaps = 0;
  /** At first they never end. */
  fences: FencePlan = { takesMs: Number.POSITIVE_INFINITY, exitStatus: 0 };

  constructor(cluster: Cluster, nodes: readonly NodeId[]) {
    this.#cluster = cluster;
    for (const node of nodes) this.#agents.set(node, new FakeAgent(node, `agent-${node}`));
  }

  /** It is gone, and all that it ran with it. */
  die(node: NodeId): void {
    this.#agents.delete(node);
  }

  /** It stops everything in order, says so, and ends. */
  leave(node: NodeId): void {
    (this.#agents.get(node) as FakeAgent).isLeaving = true;
  }

  /** Another one, that knows of nothing. */
  begin(node: NodeId): void {
    this.#agents.set(node, new FakeAgent(node, `agent-${node}-${this.#cluster.nowMs}`));
  }

  /** Fences that the agent of a node was told to carry out. */
  ordersTo(node: NodeId): readonly string[] {
    return this.#agents.get(node)?.orders ?? [];
  }

  failOn(node: NodeId): void {
    (this.#agents.get(node) as FakeAgent).fails = true;
  }

  readNothingOn(node: NodeId): void {
    (this.#agents.get(node) as FakeAgent).isUnread = true;
  }

  recover(): void {
    for (const agent of this.#agents.values()) agent.fails = false;
  }

  actingFor(group: GroupId): readonly NodeId[] {
    return [...this.#agents.values()].flatMap(({ node, runs }) => {
      const state = runs.get(group)?.state ?? "offline";
      return state === "offline" ? [] : [node];
    });
  }

  advance(ms: number): void {
    for (let passed = 0; passed < ms; passed += 20) {
      for (const agent of [...this.#agents.values()])
        agent.turn(this.#cluster, this.fences, (node) => this.#kill(node));
      for (const { node, hasLeft } of [...this.#agents.values()]) if (hasLeft) this.#agents.delete(node);
      this.#cluster.advance(20);
      this.#look();
    }
  }

  until(isTrue: () => boolean, ms = 60_000): void {
    for (let waited = 0; !isTrue(); waited += 100) {
      assert.ok(waited < ms, `it did not come true within ${ms} ms`);
      this.advance(100);
    }
  }

  /** The machine, as a fence does: nothing of it is left. */
  #kill(node: NodeId): void {
    this.die(node);
    if (this.#cluster.members.has(node)) this.#cluster.stop(node);
  }

  #look(): void {
    const groups = new Set([...this.#agents.values()].flatMap(({ runs }) => [...runs.keys()]));
    for (const group of groups) if (this.actingFor(group).length > 1) this.overlaps += 1;
    assert.equal(this.overlaps, 0, `two act for one group at ${this.#cluster.nowMs}`);
  }
}
