// A world of one group for the tests of placement: a log, a manager that changes, agents that obey, lag, are cut off and die, and
// clocks whose rates differ. It carries out what planPlacement() says, as the log would, and tells who acts.

import assert from "node:assert/strict";
import { type Epoch, type NodeId, toEpoch, toGroupId, toLogIndex } from "../../../proto/ids.ts";
import type { Ownership, RecoveryStatus } from "../../../proto/model.ts";
import type { AgentState, GroupWish, Placement } from "../../../proto/placement.ts";
import type { GroupPolicies } from "../../../proto/policies.ts";
import type { Random } from "../../../proto/random.ts";
import { Fencing } from "../../../server/recovery/fencing.ts";
import { OwnerRights } from "../../../server/recovery/owner-rights.ts";
import { planPlacement } from "../../../server/recovery/placement-plan.ts";
import {
  unplaced,
  withAdvance,
  withAssignment,
  withFailure,
  withWish,
} from "../../../server/recovery/placement-record.ts";
import type { PlacementStep, PlacementView, ReservationAnswer } from "../../../server/recovery/placement-view.ts";
import { ms, verdictOf } from "./fixtures.ts";
import { never, noonMs } from "./placement-fixtures.ts";

/** True time that passes at once. */
export const tickMs = 100;
const freshMs = 1_000;
const stepsPerTickMax = 12;

/** A clock of its own rate, within the bound that the lease allows for. */
class WorldClock {
  readonly #rate: number;
  readonly #offsetMs: number;

  constructor(random: Random, rateError: number) {
    this.#rate = 1 + random.pick([-1, 1, random.fraction()]) * rateError;
    this.#offsetMs = random.between(0, 1_000_000);
  }

  at(trueMs: number): number {
    return this.#offsetMs + trueMs * this.#rate;
  }
}

interface Message {
  readonly dueMs: number;
  readonly deliver: () => void;
}

/** A fence under way, or its end. */
interface WorldFence {
  readonly order: string;
  readonly node: NodeId;
  /** In true time; null: it kills nothing. */
  killAtMs: number | null;
  readonly endsAtMs: number;
  readonly exitStatus: number;
}

/** One node's agent. What it remembers it loses when it dies. */
class WorldAgent {
  readonly node: NodeId;
  readonly clock: WorldClock;
  isAlive = true;
  /** It reaches the manager, and the manager it. */
  isLinked = true;
  epoch = toEpoch(0);
  state: AgentState = "offline";
  /** On its own clock: it acts only before. */
  rightEndsMs = Number.NEGATIVE_INFINITY;
  /** Every request of before its last start is dead. */
  boot = 0;
  /** The fence that it was told to carry out last. */
  fence: WorldFence | null = null;

  constructor(node: NodeId, clock: WorldClock) {
    this.node = node;
    this.clock = clock;
  }

  /** The application may do something at this instant. */
  actsAt(trueMs: number): boolean {
    const isRunning =
      this.state === "acquiring" || this.state === "online" || this.state === "releasing" || this.state === "error";
    return this.isAlive && isRunning && this.clock.at(trueMs) < this.rightEndsMs;
  }

  die(): void {
    this.isAlive = false;
    this.boot++;
    this.epoch = toEpoch(0);
    this.state = "offline";
    this.rightEndsMs = Number.NEGATIVE_INFINITY;
    this.fence = null;
  }
}

interface Heard {
  readonly atMs: number;
  readonly epoch: Epoch;
  readonly state: AgentState;
}

interface Manager {
  readonly clock: WorldClock;
  readonly rights: OwnerRights;
  readonly fencing: Fencing;
  readonly sinceMs: number;
  readonly heard: Map<NodeId, Heard>;
  readonly reservations: Map<NodeId, ReservationAnswer>;
}

export interface WorldOptions {
  readonly owners: readonly NodeId[];
  readonly policies: GroupPolicies;
  readonly random: Random;
  /** How often something goes wrong, 0 to 1. */
  readonly trouble: number;
}

export class PlacementWorld {
  readonly agents: readonly WorldAgent[];
  ownership: Ownership = never;
  placement: Placement = unplaced;
  trueMs = 0;
  readonly #options: WorldOptions;
  readonly #verdicts = new Map<NodeId, RecoveryStatus>();
  readonly #upSinceMs = new Map<NodeId, number>();
  /** When the latest report of each was sent, by its own clock. */
  readonly #sentMs = new Map<WorldAgent, number>();
  #messages: Message[] = [];
  #manager: Manager;
  #entries = 0;
  #terms = 0;
  #trouble: number;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.#trouble = options.trouble;
    this.agents = options.owners.map((node) => new WorldAgent(node, this.#newClock()));
    for (const node of options.owners) this.#judge(node, "up");
    this.#manager = this.#newManager();
  }

  /** One moment passes: things happen, agents and manager act, and the rule of one holder is checked. */
  tick(): void {
    this.trueMs += tickMs;
    if (this.#random.chance(this.#trouble)) this.#cause();
    for (const agent of this.agents) this.#run(agent);
    for (const agent of this.agents) this.#carryOutFence(agent);
    this.#deliver();
    this.#manage();
    this.#check();
  }

  /** Everything is repaired, and operators want the group to run. */
  heal(): void {
    this.#trouble = 0;
    for (const agent of this.agents) {
      agent.isAlive = true;
      agent.isLinked = true;
      this.#judge(agent.node, "up");
    }
    this.#wish({ type: "unfreeze" });
    this.#wish({ type: "clearError", forgetMoves: true });
    this.#wish({ type: "start", on: null });
    this.#manager.reservations.clear();
  }

  /** An operator looks after it once more: what went wrong before, as a fence that comes late, may show only now. */
  attend(): void {
    for (const agent of this.agents) agent.isAlive = true;
    if (this.placement.error !== null) this.#wish({ type: "clearError", forgetMoves: true });
    if (this.ownership.state === "suspended") this.#wish({ type: "start", on: null });
  }

  /** Those that may do something at this instant, by their own clocks. */
  holders(): readonly WorldAgent[] {
    return this.agents.filter((agent) => agent.actsAt(this.trueMs));
  }

  get #random(): Random {
    return this.#options.random;
  }

  #newClock(): WorldClock {
    return new WorldClock(this.#random, this.#options.policies.lease.clockRateError);
  }

  #newManager(): Manager {
    const clock = this.#newClock();
    const rights = new OwnerRights();
    const sinceMs = clock.at(this.trueMs);
    rights.begin(ms(sinceMs));
    for (const node of this.#upSinceMs.keys()) this.#upSinceMs.set(node, sinceMs);
    const fencing = new Fencing({ identity: `${++this.#terms}`, pauseMs: 1_000, wayMs: 2_000 });
    return { clock, rights, fencing, sinceMs, heard: new Map(), reservations: new Map() };
  }

  #check(): void {
    const holders = this.holders();
    const names = holders.map(({ node, epoch, state }) => `${node} ${state} epoch ${epoch}`).join(", ");
    assert.ok(holders.length <= 1, `at ${this.trueMs} ms several hold the right: ${names}`);
  }

  // What goes wrong, and what operators want.

  #cause(): void {
    const agent = this.#random.pick(this.agents);
    const causes: readonly (() => void)[] = [
      () => agent.die(),
      () => {
        agent.isAlive = true;
      },
      () => {
        agent.isLinked = !agent.isLinked;
      },
      () =>
        this.#judge(
          agent.node,
          this.#random.pick(["up", "up", "down", "suspect", "draining", "maintenance", "joining"]),
        ),
      () => {
        this.#manager = this.#newManager();
      },
      () => {
        if (agent.state === "online" || agent.state === "acquiring") agent.state = "error";
      },
      () => this.#wish(this.#anyWish(agent.node)),
      () => this.#manager.reservations.set(agent.node, { type: "refused", reason: "full" }),
      () => this.#manager.reservations.clear(),
    ];
    this.#random.pick(causes)();
  }

  #anyWish(node: NodeId): GroupWish {
    const to = this.#random.pick([node, null]);
    return this.#random.pick<GroupWish>([
      { type: "move", to, ifEpoch: null },
      { type: "move", to, ifEpoch: null },
      { type: "start", on: to },
      { type: "start", on: to },
      { type: "stop" },
      { type: "freeze", reason: "a test" },
      { type: "unfreeze" },
      { type: "unfreeze" },
      { type: "clearError", forgetMoves: true },
    ]);
  }

  #wish(wish: GroupWish): void {
    this.placement = withWish(wish, this.placement, this.ownership.currentOwner !== null);
  }

  #judge(node: NodeId, status: RecoveryStatus): void {
    this.#verdicts.set(node, status);
    if (status === "up") this.#upSinceMs.set(node, this.#manager?.clock.at(this.trueMs) ?? 0);
    else this.#upSinceMs.delete(node);
  }

  // Agents.

  #run(agent: WorldAgent): void {
    if (!agent.isAlive) return;
    const isOver = agent.clock.at(this.trueMs) >= agent.rightEndsMs;
    if (isOver && agent.state !== "offline") agent.state = "offline";
    if (agent.state === "acquiring" && this.#random.chance(0.3)) agent.state = "online";
    if (agent.state === "releasing" && this.#random.chance(0.3)) agent.state = "offline";
    if (this.#random.chance(0.6)) this.#ask(agent);
  }

  /** It reaches nodes that are cut off; whatever its end, it may have killed. */
  #carryOutFence({ isAlive, fence }: WorldAgent): void {
    if (!isAlive || fence === null || fence.killAtMs === null || this.trueMs < fence.killAtMs) return;
    fence.killAtMs = null;
    this.agents.find(({ node }) => node === fence.node)?.die();
  }

  #order(agent: WorldAgent): void {
    const order = this.#manager.fencing.orderFor(agent.node, this.ownership.epoch);
    if (order === null || agent.fence?.order === order.order) return;
    const endsAtMs = this.trueMs + this.#random.between(100, 4_000);
    const isDone = this.#trouble === 0 || this.#random.chance(0.7);
    const kills = isDone || this.#random.chance(0.3);
    const killAtMs = kills ? this.#random.between(this.trueMs, endsAtMs) : null;
    agent.fence = { order: order.order, node: order.node, killAtMs, endsAtMs, exitStatus: isDone ? 0 : 1 };
  }

  #ask(agent: WorldAgent): void {
    const { epoch, state, boot, fence } = agent;
    const sentMs = agent.clock.at(this.trueMs);
    const outcome = fence !== null && fence.killAtMs === null && this.trueMs >= fence.endsAtMs ? fence : null;
    this.#send(agent, () => this.#hear(agent, { epoch, state, boot, sentMs, outcome }));
  }

  /** Whoever is cut off when it is sent or when it arrives hears nothing. */
  #send(agent: WorldAgent, deliver: () => void): void {
    if (!agent.isLinked) return;
    const lagMs =
      this.#trouble > 0 && this.#random.chance(0.1) ? this.#random.between(0, 4_000) : this.#random.between(0, 50);
    this.#messages.push({
      dueMs: this.trueMs + lagMs,
      deliver: () => {
        if (agent.isLinked && agent.isAlive) deliver();
      },
    });
  }

  #deliver(): void {
    const due = this.#messages.filter(({ dueMs }) => dueMs <= this.trueMs);
    this.#messages = this.#messages.filter(({ dueMs }) => dueMs > this.trueMs);
    for (const { deliver } of due.toSorted((left, right) => left.dueMs - right.dueMs)) deliver();
  }

  #hear(
    agent: WorldAgent,
    asked: { epoch: Epoch; state: AgentState; boot: number; sentMs: number; outcome: WorldFence | null },
  ): void {
    // A report that was overtaken by a later one of its node says nothing new.
    if (agent.boot !== asked.boot || this.#lastSentMs(agent) > asked.sentMs) return;
    this.#sentMs.set(agent, asked.sentMs);
    const { heard, rights, fencing, clock } = this.#manager;
    if (asked.outcome !== null) {
      const { order, exitStatus } = asked.outcome;
      fencing.heard(agent.node, { order, exitStatus, reason: "" }, ms(clock.at(this.trueMs)));
    }
    this.#send(agent, () => this.#order(agent));
    heard.set(agent.node, { atMs: this.trueMs, epoch: asked.epoch, state: asked.state });
    const { currentOwner, epoch } = this.ownership;
    if (asked.epoch === epoch && asked.state === "offline" && currentOwner === agent.node) rights.released(epoch);
    const wanted = this.ownership.state === "acquiring" || this.ownership.state === "online" ? "online" : "offline";
    const isOver = rights.isReleased(epoch) || fencing.isOrdered(epoch) || this.#isOver();
    if (currentOwner !== agent.node || isOver || this.ownership.state === "error") {
      const isRevoked = currentOwner === agent.node;
      this.#send(agent, () => this.#refused(agent, epoch, isRevoked));
      return;
    }
    rights.answered(epoch, ms(clock.at(this.trueMs)));
    this.#send(agent, () => this.#granted(agent, { ...asked, granted: epoch, wanted }));
  }

  #lastSentMs(agent: WorldAgent): number {
    return this.#sentMs.get(agent) ?? Number.NEGATIVE_INFINITY;
  }

  #granted(
    agent: WorldAgent,
    answer: { epoch: Epoch; boot: number; sentMs: number; granted: Epoch; wanted: "online" | "offline" },
  ): void {
    const { granted, wanted } = answer;
    // An epoch that it has acted under and given up never comes back.
    if (agent.boot !== answer.boot || granted < agent.epoch || (granted === agent.epoch && agent.state === "offline"))
      return;
    const { ttlMs, clockRateError, isEndless } = this.#options.policies.lease;
    const endsMs = isEndless ? Number.POSITIVE_INFINITY : answer.sentMs + ttlMs * (1 - clockRateError);
    agent.rightEndsMs = Math.max(granted === agent.epoch ? agent.rightEndsMs : 0, endsMs);
    if (granted > agent.epoch) {
      agent.epoch = granted;
      agent.state = wanted === "online" ? "acquiring" : "offline";
    } else if (wanted === "offline" && agent.state !== "error") agent.state = "releasing";
    else if (wanted === "offline" && this.#random.chance(0.5)) agent.state = "releasing";
  }

  /** It stops at once. */
  #refused(agent: WorldAgent, epoch: Epoch, isRevoked: boolean): void {
    if (epoch >= agent.epoch && agent.state !== "offline") agent.state = "offline";
    // It says that it runs nothing under that epoch, and will not.
    if (isRevoked && epoch > agent.epoch) agent.epoch = epoch;
  }

  // The manager, and the log.

  #isOver(): boolean {
    const endsMs = this.#endsMs();
    return endsMs !== null && this.#manager.clock.at(this.trueMs) >= endsMs;
  }

  #endsMs(): number | null {
    return this.#manager.rights.endsMs(this.ownership.epoch, this.#options.policies.lease);
  }

  #manage(): void {
    for (let count = 0; count < stepsPerTickMax; count++) {
      const now = this.view();
      this.#manager.fencing.expire((node) => now.agents.has(node), now.nowMs);
      const step = planPlacement(this.view());
      if (step.type === "wait") return;
      this.#apply(step);
      if (step.type === "reserve") return;
    }
    assert.fail(`At ${this.trueMs} ms the plan does not come to rest: ${JSON.stringify(this.ownership)}`);
  }

  view(): PlacementView {
    const { owners, policies } = this.#options;
    const { clock, heard, sinceMs, reservations } = this.#manager;
    const { currentOwner, epoch } = this.ownership;
    const fresh = [...heard].filter(([, { atMs }]) => atMs > this.trueMs - freshMs);
    const word = fresh.find(([node, said]) => node === currentOwner && said.epoch === epoch && epoch > 0)?.[1];
    return {
      group: toGroupId("rg226"),
      owners,
      leaving: [],
      verdicts: owners.map((node) => verdictOf(node, this.#verdicts.get(node) ?? "joining")),
      ownership: this.ownership,
      placement: this.placement,
      policies,
      nowMs: ms(clock.at(this.trueMs)),
      wallMs: noonMs + this.trueMs,
      upSinceMs: new Map([...this.#upSinceMs].map(([node, atMs]) => [node, ms(atMs)])),
      managesSinceMs: ms(sinceMs),
      decidedSinceMs: ms(sinceMs),
      rightEndsMs: currentOwner === null ? null : (this.#endsMs() as PlacementView["rightEndsMs"]),
      fence: this.#manager.fencing.view(epoch),
      isRenewed: true,
      startableSinceMs: ms(0),
      beginsUntilMs: null,
      report: word === undefined ? null : { state: word.state, resource: "app", reason: "it failed", isStopped: true },
      agents: new Set(fresh.map(([node]) => node)),
      leavingAgents: new Set(),
      awaited: () => false,
      neighbours: [],
      starts: new Map(),
      samples: new Map(),
      capacities: new Map(),
      reservations,
    };
  }

  #apply(step: Exclude<PlacementStep, { readonly type: "wait" }>): void {
    const before = this.ownership;
    const { epoch } = before;
    const atMs = noonMs + this.trueMs;
    const index = toLogIndex(++this.#entries);
    switch (step.type) {
      case "reserve":
        this.#manager.reservations.set(step.node, this.#answer());
        return;
      case "fence": {
        const { fence } = this.#options.policies;
        assert.ok(fence !== null);
        this.#manager.fencing.begin({ ...step, epoch }, fence, ms(this.#manager.clock.at(this.trueMs)));
        return;
      }
      case "assign": {
        const next = toEpoch(epoch + 1);
        const { owner, reason, isMove } = step;
        assert.deepEqual(this.#manager.reservations.get(owner), { type: "admitted", epoch: next });
        const { lease } = this.#options.policies;
        const command = {
          type: "assign",
          owner,
          epoch: next,
          reason,
          atMs,
          isMove,
          isWish: false,
          lease,
          samples: [],
          manager: null,
        } as const;
        this.placement = withAssignment(this.placement, before, command, index);
        this.ownership = { currentOwner: owner, epoch: next, state: "acquiring", reason };
        this.#manager.rights.assigned(next, ms(this.#manager.clock.at(this.trueMs)));
        return;
      }
      case "advance": {
        assert.ok(step.owner === null || step.owner === before.currentOwner);
        const { owner, state, reason } = step;
        const command = { ...step, type: "advance", epoch, atMs, manager: null } as const;
        this.placement = withAdvance(this.placement, before, command, index);
        this.ownership = { currentOwner: owner, epoch, state, reason };
        return;
      }
      case "fail": {
        const { node, resource, reason, isFinal } = step;
        const error = { node, resource, reason, atMs };
        const command = { type: "failPlacement", epoch, manager: null } as const;
        this.placement = withFailure(this.placement, { ...command, error, isFinal }, index);
        this.ownership = { ...before, state: isFinal ? "error" : before.state, reason };
        return;
      }
    }
  }

  #answer(): ReservationAnswer {
    if (this.#trouble > 0 && this.#random.chance(0.1)) return { type: "refused", reason: "full" };
    return { type: "admitted", epoch: toEpoch(this.ownership.epoch + 1) };
  }
}
