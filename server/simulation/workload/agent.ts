// One start of an agent, as its node sees it: reports what runs on its machine, one report at a time, and does what the answers
// grant it (proto/placement.ts, OwnershipGrant). It counts its right from the sending of the report that was answered, and begins
// to stop in time. What runs goes on without it, and the next agent takes it over.

import { type Epoch, type GroupId, type Millis, toEpoch, toMillis } from "../../../proto/ids.ts";
import type {
  AgentState,
  ComponentState,
  FenceOutcome,
  GroupReport,
  OwnershipGrant,
} from "../../../proto/placement.ts";
import type { GroupPolicies } from "../../../proto/policies.ts";
import type { Random } from "../../../proto/random.ts";
import type { Reply } from "../../../proto/requests.ts";
import { limits } from "../../node/limits.ts";
import { Process } from "../process.ts";
import { SimClock } from "../sim-clock.ts";
import type { World } from "../world.ts";
import type { PowerSwitch } from "./fence.ts";
import type { Application, Machine, Phase, Right } from "./machine.ts";

export interface AgentOptions {
  readonly world: World;
  readonly machine: Machine;
  /** Of no other agent of the run. */
  readonly name: string;
  readonly random: Random;
  readonly reportEveryMs: number;
  readonly policiesOf: (group: GroupId) => GroupPolicies;
  readonly powerSwitch: PowerSwitch;
}

const answerMsMax = 2_500;
const retryMs = 200;
/** Share of the reports that name everything, without need. */
const completeShare = 0.1;
/** Of a fence that was killed because it took too long. */
const lateStatus = 256;

interface Fence {
  readonly order: string;
  /** null: it is under way. */
  outcome: FenceOutcome | null;
}

/** What an answer gives. */
interface Granted extends Readonly<Right> {
  /** On the world's clock. */
  readonly askedMs: number;
}

interface Asked {
  readonly id: number;
  /** On the agent's clock, and on the world's. */
  readonly sentMs: number;
  readonly worldMs: number;
  /** Nothing runs any more of what it was told to stop. */
  readonly isLast: boolean;
}

const states: Readonly<Record<Phase, { readonly agent: AgentState; readonly resource: ComponentState }>> = {
  starting: { agent: "acquiring", resource: "starting" },
  online: { agent: "online", resource: "online" },
  failed: { agent: "error", resource: "failed" },
  stopping: { agent: "releasing", resource: "stopping" },
};

export class Agent {
  readonly #options: AgentOptions;
  readonly #process: Process;
  readonly #clock: SimClock;
  #asked: Asked | null = null;
  #lastAsked = 0;
  #pauseAskingMs = 0;
  #nextMs: number;
  /** The node does not know yet all that runs here. */
  #isUnknown = true;
  /** Epochs under which nothing runs here any more, and of which the manager may not know it. */
  readonly #stopped = new Map<GroupId, Epoch>();
  /** By group: the fence that it was told to carry out last. */
  readonly #fences = new Map<GroupId, Fence>();
  /** Of the node's news what it has heard; null: it waits for them. */
  #news: number | null = 0;
  /** What was acting when this agent last looked. */
  #seen = new Map<GroupId, Epoch>();
  /** null: it was not told to end. */
  #leaves: (() => void) | null = null;

  constructor(options: AgentOptions) {
    const { world, machine, random } = options;
    this.#options = options;
    this.#process = new Process(machine.node, world.scheduler, random.fork());
    const offsetMs = machine.nowMs - world.nowMs;
    this.#clock = new SimClock(world.scheduler, this.#process, { offsetMs, rate: machine.clockRate });
    this.#nextMs = machine.nowMs;
    machine.onChange = () => this.#process.run("turn", () => this.#changed());
    this.#turn();
  }

  end(): void {
    this.#process.end();
  }

  /** It stops everything in order, says so, and has left once that is answered. */
  leave(hasLeft: () => void): void {
    this.#leaves = hasLeft;
    this.#process.run("turn", () => this.#changed());
  }

  /** Everything else on the machine goes on. */
  pause(untilMs: number): void {
    this.#process.pauseUntil(untilMs);
  }

  /** As soon as it has asked next: the answer waits for it until it goes on. */
  pauseAsking(durationMs: number): void {
    this.#pauseAskingMs = durationMs;
  }

  setClockRate(rate: number): void {
    this.#clock.setRate(rate);
  }

  #changed(): void {
    this.#nextMs = Math.min(this.#nextMs, this.#clock.nowMs());
    this.#turn();
  }

  #turn(): void {
    const nowMs = this.#clock.nowMs();
    this.#look();
    for (const application of this.#applications) {
      if (this.#leaves !== null || nowMs >= this.#stopMs(application)) this.#options.machine.stop(application);
    }
    if (this.#asked !== null && nowMs >= this.#asked.sentMs + answerMsMax) this.#asked = null;
    if (this.#asked === null && nowMs >= this.#nextMs) this.#report(nowMs);
    this.#listen();
    this.#arm();
  }

  get #applications(): readonly Application[] {
    return [...this.#options.machine.applications.values()];
  }

  #arm(): void {
    const stops = this.#applications
      .filter(({ phase }) => phase !== "stopping")
      .map((application) => this.#stopMs(application));
    const asked = this.#asked === null ? this.#nextMs : this.#asked.sentMs + answerMsMax;
    this.#clock.setTimer(toMillis(Math.min(asked, ...stops)) as Millis, () => this.#turn());
  }

  /** When it must begin to stop, while nobody renews its right. */
  #stopMs({ group, endsMs }: Application): number {
    return endsMs - this.#options.policiesOf(group).lease.stopBudgetMs;
  }

  /** What ran at the last look, and does not any more, has stopped. */
  #look(): void {
    const acting = new Map(this.#applications.map(({ group, epoch }) => [group, epoch]));
    const { failures } = this.#options.machine;
    for (const [group, epoch] of this.#seen) {
      if (acting.get(group) !== epoch && failures.get(group) !== epoch) this.#stopped.set(group, epoch);
    }
    this.#seen = acting;
  }

  #report(nowMs: number): void {
    const { machine, name, random, reportEveryMs } = this.#options;
    const node = machine.simNode;
    if (!node.isRunning) {
      this.#nextMs = nowMs + retryMs;
      return;
    }
    this.#nextMs = nowMs + reportEveryMs;
    const groups = this.#groupReports(nowMs);
    const isComplete = this.#isUnknown || random.chance(completeShare);
    const isLeaving = this.#leaves !== null;
    const isLast = isLeaving && machine.applications.size === 0;
    const asked: Asked = { id: ++this.#lastAsked, sentMs: nowMs, worldMs: this.#options.world.nowMs, isLast };
    this.#asked = asked;
    const hear = (reply: Reply | null) => this.#process.read("node", () => this.#hear(asked, reply, groups));
    const request = {
      type: "reportResources",
      node: machine.node,
      agent: name,
      groups,
      isComplete,
      isLeaving,
    } as const;
    node.call(request, answerMsMax, { reply: hear, watch: () => {}, lost: () => hear(null) });
    if (this.#pauseAskingMs > 0) this.pause(this.#options.world.nowMs + this.#pauseAskingMs);
    this.#pauseAskingMs = 0;
  }

  /** Another report is worth its while as soon as the node says so. */
  #listen(): void {
    const { machine } = this.#options;
    const after = this.#news;
    if (after === null || !machine.simNode.isRunning) return;
    this.#news = null;
    const hear = (reply: Reply | null) => {
      this.#news = reply?.type === "awaitOwnership" ? reply.change : 0;
      if (this.#news === 0 || this.#news === after) return;
      this.#nextMs = this.#clock.nowMs();
      this.#turn();
    };
    const read = (reply: Reply | null) => this.#process.read("node", () => hear(reply));
    const request = { type: "awaitOwnership", node: machine.node, after } as const;
    machine.simNode.call(request, limits.agentNewsMs, { reply: read, watch: () => {}, lost: () => read(null) });
  }

  #groupReports(nowMs: number): readonly GroupReport[] {
    const acting = this.#applications.map((application) => reportOn(application, nowMs));
    const { failures } = this.#options.machine;
    const failed = [...failures].map(([group, epoch]) => failureOf(group, epoch, nowMs));
    const over = [...this.#stopped].filter(([group]) => {
      return !failures.has(group) && !this.#options.machine.applications.has(group);
    });
    const stopped = over.map(([group, epoch]): GroupReport => {
      return { group, epoch, renews: false, state: "offline", resources: [], fence: null };
    });
    return this.#withFences([...acting, ...failed, ...stopped]);
  }

  /** Also of groups of which nothing runs here. */
  #withFences(reports: readonly GroupReport[]): readonly GroupReport[] {
    const outcomes = new Map(
      [...this.#fences].flatMap(([group, { outcome }]) => (outcome === null ? [] : [[group, outcome]])),
    );
    const others = [...outcomes.keys()].filter((group) => !reports.some((report) => report.group === group));
    const idle = others.map((group): GroupReport => {
      return { group, epoch: toEpoch(0), renews: false, state: "offline", resources: [], fence: null };
    });
    return [...reports, ...idle].map((report) => ({ ...report, fence: outcomes.get(report.group) ?? null }));
  }

  /** Each order once; nothing is told of one that is given no more. */
  #follow({ group, fence: ordered }: OwnershipGrant): void {
    if (ordered === null) this.#fences.delete(group);
    if (ordered === null || this.#fences.get(group)?.order === ordered.order) return;
    const { order, node, timeoutMs } = ordered;
    const fence: Fence = { order, outcome: null };
    this.#fences.set(group, fence);
    const end = (exitStatus: number) => {
      fence.outcome ??= { order, exitStatus, reason: exitStatus === 0 ? "" : "The switch does not answer" };
      this.#changed();
    };
    const { world, powerSwitch } = this.#options;
    const run = (delayMs: number, then: () => void) =>
      world.scheduler.after(delayMs, () => this.#process.run("turn", then));
    run(timeoutMs, () => end(lateStatus));
    powerSwitch.fence(node, end, run);
  }

  /** An answer to a report that was given up says nothing any more. */
  #hear(asked: Asked, reply: Reply | null, reported: readonly GroupReport[]): void {
    if (this.#asked?.id !== asked.id) return;
    this.#asked = null;
    this.#look();
    if (reply?.type === "reportResources") {
      this.#isUnknown = false;
      for (const grant of reply.grants) {
        this.#follow(grant);
        this.#take(grant, asked, reported);
      }
      if (asked.isLast && this.#stopped.size === 0) return this.#leaves?.();
    } else {
      this.#isUnknown = true;
      this.#nextMs = Math.max(this.#nextMs, this.#clock.nowMs() + retryMs);
    }
    this.#turn();
  }

  #take(grant: OwnershipGrant, { sentMs, worldMs }: Asked, reported: readonly GroupReport[]): void {
    const { machine } = this.#options;
    const { group, epoch, isGranted, ttlMs, wanted } = grant;
    const application = machine.applications.get(group);
    if (!isGranted || ttlMs === 0) {
      this.#acknowledged(group, reported);
      if (application === undefined) machine.giveUp(group);
      else machine.stop(application);
      return;
    }
    const isStopped = this.#stopped.get(group) === epoch;
    if (isStopped || (wanted === "online" && machine.failures.get(group) === epoch)) return;
    if (epoch < (this.#stopped.get(group) ?? 0) || epoch < (application?.epoch ?? 0)) return;
    const rate = 1 - this.#options.policiesOf(group).lease.clockRateError;
    const endsMs = grant.isEndless ? Number.POSITIVE_INFINITY : sentMs + ttlMs * rate;
    const right = { epoch, endsMs, askedMs: worldMs };
    if (application !== undefined && application.epoch !== epoch) machine.stop(application);
    else if (wanted === "online" && this.#leaves === null) this.#act(group, right, application);
    else if (application === undefined) this.#decline(group, epoch);
    else this.#release(application, right);
  }

  /** It is not to act, and does not. */
  #decline(group: GroupId, epoch: Epoch): void {
    this.#options.machine.giveUp(group);
    this.#stopped.set(group, epoch);
  }

  /** It has the right as long as it takes to stop. */
  #release(application: Application, right: Granted): void {
    const { machine } = this.#options;
    machine.grant(application.group, rightOf(right), right.askedMs);
    machine.stop(application);
  }

  #act(group: GroupId, right: Granted, application: Application | undefined): void {
    const { machine } = this.#options;
    const { stopBudgetMs } = this.#options.policiesOf(group).lease;
    // The answer came so late that it is of no use.
    if (this.#clock.nowMs() >= right.endsMs - stopBudgetMs) return;
    machine.grant(group, rightOf(right), right.askedMs);
    if (application !== undefined) return;
    this.#stopped.delete(group);
    machine.start(group, rightOf(right));
    this.#look();
  }

  /** The manager has heard that it stopped. */
  #acknowledged(group: GroupId, reported: readonly GroupReport[]): void {
    const said = reported.find((report) => report.group === group);
    if (said?.state === "offline" && said.epoch === this.#stopped.get(group)) this.#stopped.delete(group);
  }
}

function rightOf({ epoch, endsMs }: Granted): Right {
  return { epoch, endsMs };
}

/** Nothing of it runs, and it says why until somebody has decided about it. */
function failureOf(group: GroupId, epoch: Epoch, nowMs: number): GroupReport {
  const atMs = Math.round(nowMs);
  const web = { resource: "web", state: "failed", epoch: toEpoch(0), reason: "It does not start" } as const;
  const resources = [{ ...web, exitStatus: 1, restarts: 0, atMs, sinceMs: atMs }];
  return { group, epoch, renews: true, state: "error", resources, fence: null };
}

function reportOn({ group, epoch, phase }: Application, nowMs: number): GroupReport {
  const { agent, resource } = states[phase];
  const reason = phase === "failed" ? "It does not start" : "";
  const atMs = Math.round(nowMs);
  const web = { resource: "web", state: resource, epoch: toEpoch(epoch), reason, exitStatus: 0, restarts: 0 };
  const resources = [{ ...web, atMs, sinceMs: atMs }];
  return { group, epoch: toEpoch(epoch), renews: true, state: agent, resources, fence: null };
}
