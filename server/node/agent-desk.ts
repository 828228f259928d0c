// The agent of this node, as the node serves it: what the agent reports goes to the managers of the groups, and what they grant
// comes back in one answer. What it measures goes to the sphere, and into no log (A10).

import { failure } from "../../proto/errors.ts";
import {
  type Epoch,
  type GroupId,
  type Incarnation,
  type Millis,
  type NodeId,
  toEpoch,
  toMillis,
} from "../../proto/ids.ts";
import type { GroupKey } from "../../proto/model.ts";
import type { AgentState, GroupReport, OwnershipGrant, PerformanceSample } from "../../proto/placement.ts";
import type { Reply, Request } from "../../proto/requests.ts";
import { Allocations, type AllocationsOptions, type Waiter } from "./allocations.ts";
import type { Ask } from "./cluster-status.ts";
import { failed } from "./group-replies.ts";
import { limits } from "./limits.ts";
import { OwnershipNews } from "./ownership-news.ts";
import { sphereTopic } from "./topics.ts";
import type { World } from "./world.ts";

type ReportRequest = Request & { readonly type: "reportResources" };
type MeasureRequest = Request & { readonly type: "reportPerformance" };

/** A group of this node that somebody may have the right to run, or is to be given it. */
export interface LeasedGroup extends GroupKey {
  readonly renewIntervalMs: number;
}

export interface AgentDeskOptions extends AllocationsOptions {
  readonly leased: () => readonly LeasedGroup[];
}

interface Agent {
  readonly name: string;
  heardMs: Millis;
  /** Until then it may act under a right that was passed on to it, by whatever clock. */
  rightsEndMs: Millis;
  /** Groups under whose right it may act until it says that it does not. */
  readonly endless: Set<GroupId>;
  /** Groups that it has been told to run since its last report. */
  readonly told: Set<GroupId>;
  /** The last word on each group. */
  readonly reports: Map<GroupId, GroupReport>;
}

type Passing = Omit<Waiter, "answer"> & { readonly answer: (grant: OwnershipGrant) => void };

interface Sample {
  readonly sample: PerformanceSample;
  readonly heardMs: Millis;
}

export class AgentDesk {
  /** Which groups may run here. */
  readonly allocations: Allocations;
  readonly news: OwnershipNews;
  readonly #world: World;
  readonly #options: AgentDeskOptions;
  #agent: Agent | null = null;
  #nowMs: Millis = toMillis(0);
  /** Epochs that must not start here: they are reported as stopped. */
  readonly #barred = new Map<GroupId, Epoch>();
  /** Of the nodes of the sphere; as many as it has members. */
  readonly #samples = new Map<NodeId, Sample>();

  constructor(world: World, options: AgentDeskOptions) {
    this.#world = world;
    this.#options = options;
    this.allocations = new Allocations(world, options);
    this.news = new OwnershipNews(world);
  }

  /**
   * Answers when every group has, or has let its time pass, or may not begin in that time because this node's disk does not keep it:
   * those are named, and their rights are not renewed.
   */
  report(request: ReportRequest, ask: Ask, answer: (reply: Reply) => void, nowMs: Millis): void {
    this.#nowMs = nowMs;
    const refusal = this.#refuse(request, nowMs);
    if (refusal !== null) return answer(refusal);
    const { isLeaving } = request;
    const agent = this.#hear(request, nowMs);
    const leased = new Map(this.#options.leased().map((each) => [each.group, each]));
    // Also what may run here of a group that is not this node's any more: somebody must say that it does not.
    const groups = new Set([...leased.keys(), ...agent.reports.keys(), ...this.allocations.begun]);
    const grants: OwnershipGrant[] = [];
    const unreachable: GroupId[] = [];
    let left = groups.size;
    const finish = () => answer({ type: "reportResources", grants, unreachable });
    if (left === 0) finish();
    const done = () => {
      left -= 1;
      if (left === 0) finish();
    };
    for (const group of groups) {
      const report = this.#reportOn(group, agent);
      ask({ type: "renewOwnership", group, node: this.#world.self, report, isLeaving }, (reply) => {
        const late = () => {
          unreachable.push(group);
          done();
        };
        if (reply.type !== "renewOwnership") return late();
        const { incarnation } = reply.header;
        const said = agent.told.has(group) ? null : (agent.reports.get(group)?.state ?? "offline");
        this.#giveUp(reply.grant, incarnation, said);
        const pass = (grant: OwnershipGrant) => {
          if (grant.isGranted && grant.wanted === "online") agent.told.add(group);
          if (grant.isGranted && grant.isEndless) agent.endless.add(group);
          else if (grant.isGranted) agent.rightsEndMs = rightEndMs(agent.rightsEndMs, grant, nowMs);
          grants.push(grant);
          done();
        };
        this.#pass(reply.grant, incarnation, { answer: pass, late, untilMs: toMillis(nowMs + limits.reportMs) });
      });
    }
  }

  /** Not logged; what comes too soon is dropped. */
  measured({ sample }: MeasureRequest, answer: (reply: Reply) => void, nowMs: Millis): void {
    const { self, out } = this.#world;
    const heardMs = this.#samples.get(self)?.heardMs;
    if (heardMs === undefined || nowMs >= heardMs + limits.sampleIntervalMs) {
      this.#samples.set(self, { sample, heardMs: nowMs });
      this.allocations.measured(sample.capacity);
      out.publish(sphereTopic(self), { type: "performance", sample });
    }
    answer({ type: "reportPerformance", intervalMs: limits.sampleIntervalMs });
  }

  /** Of a node of the sphere, from that node itself. */
  receive(from: NodeId, sample: PerformanceSample, nowMs: Millis): void {
    if (sample.node === from) this.#samples.set(from, { sample, heardMs: nowMs });
  }

  /** null: none is known, or it is too old. */
  sampleOf(node: NodeId, nowMs: Millis): PerformanceSample | null {
    const known = this.#samples.get(node);
    if (known === undefined || nowMs > known.heardMs + limits.sampleFreshMs) return null;
    return { ...known.sample, ageMs: known.sample.ageMs + Math.round(nowMs - known.heardMs) };
  }

  /** Nodes outside of the sphere are nobody's candidates. */
  sphereChanged(sphere: readonly NodeId[]): void {
    const members = new Set(sphere);
    for (const node of [...this.#samples.keys()]) if (!members.has(node)) this.#samples.delete(node);
  }

  #refuse(request: ReportRequest, nowMs: Millis): Reply | null {
    const { self } = this.#world;
    const known = this.#agent;
    if (known !== null && known.name !== request.agent && nowMs <= this.#leavesMs(known)) {
      const message = `Another agent, ${known.name}, reports for ${self}, or may act ${timeText(this.#leavesMs(known) - nowMs)}`;
      return failed(failure("already_exists", message, { node: self, field: "agent" }));
    }
    if (known?.name === request.agent || request.isComplete) return null;
    const message = `The first report of the agent ${request.agent} must be complete`;
    return failed(failure("invalid_argument", message, { node: self, field: "complete" }));
  }

  /** When another agent may take its place: it has missed its reports, and can act under no right any more. */
  #leavesMs({ heardMs, rightsEndMs, endless }: Agent): number {
    if (endless.size > 0) return Number.POSITIVE_INFINITY;
    const intervals = this.#options.leased().map(({ renewIntervalMs }) => 2 * renewIntervalMs);
    return Math.max(heardMs + Math.max(limits.agentSilentMs, ...intervals), rightsEndMs);
  }

  #hear(request: ReportRequest, nowMs: Millis): Agent {
    const { agent: name, groups, isComplete } = request;
    const known = this.#agent;
    const isNew = known === null || known.name !== name;
    const agent: Agent = isNew ? newAgent(name, nowMs) : known;
    this.#agent = agent;
    agent.heardMs = nowMs;
    agent.told.clear();
    if (isComplete) agent.reports.clear();
    for (const report of groups) agent.reports.set(report.group, report);
    for (const group of agent.endless)
      if (this.#reportOn(group, agent).state === "offline") agent.endless.delete(group);
    // What begins here while a later one is on its way is not in it.
    if (isNew || (isComplete && !this.allocations.isWhole)) this.allocations.reported(groups);
    const incarnations = new Map(this.#options.leased().map(({ group, incarnation }) => [group, incarnation]));
    for (const { group, epoch, state } of groups) {
      if (state !== "offline" || epoch === 0) continue;
      this.allocations.released({ group, incarnation: incarnations.get(group) ?? null, epoch });
    }
    return agent;
  }

  /** An agent that says nothing of a group does not run it. */
  #reportOn(group: GroupId, { reports }: Agent): GroupReport {
    const said =
      reports.get(group) ??
      ({ group, epoch: toEpoch(0), renews: false, state: "offline", resources: [], fence: null } as const);
    const barred = this.#barred.get(group);
    return barred === undefined || said.epoch >= barred ? said : { ...said, epoch: barred, state: "offline" };
  }

  /**
   * What began here, and of which the agent never heard before the group went elsewhere, holds no capacity any more. Nor does it
   * hold up its group: what may start no more, and does not run, is reported as stopped. An agent that began anew, with its
   * machine, does not know of it, and a right without end would never be over.
   *
   * @param said null: the agent may have begun since
   */
  #giveUp(grant: OwnershipGrant, incarnation: Incarnation, said: AgentState | null): void {
    const { group, epoch, isGranted, wanted, isRevoked } = grant;
    if (said !== "offline" || (isGranted && wanted === "online")) return;
    this.allocations.released({ group, incarnation, epoch });
    if (isRevoked) this.#barred.set(group, epoch);
  }

  /** The final gate: an epoch starts here only when the ledger has it. */
  #pass(grant: OwnershipGrant, incarnation: Incarnation, { answer, ...wait }: Passing): void {
    const startsHere = grant.isGranted && grant.ttlMs > 0 && grant.wanted === "online";
    if (this.#barred.get(grant.group) !== grant.epoch) this.#barred.delete(grant.group);
    if (!startsHere) return answer(grant);
    if (this.#barred.get(grant.group) === grant.epoch) return answer(barredGrant(grant, "It was refused here before"));
    const { group, epoch } = grant;
    const passed = (refusal: string | null) => {
      if (refusal === null) return answer(grant);
      this.#barred.set(group, epoch);
      answer(barredGrant(grant, refusal));
    };
    this.allocations.begin({ group, incarnation, epoch }, { ...wait, answer: passed }, this.#nowMs);
  }
}

function newAgent(name: string, nowMs: Millis): Agent {
  return { name, heardMs: nowMs, rightsEndMs: nowMs, endless: new Set(), told: new Set(), reports: new Map() };
}

function timeText(leftMs: number): string {
  return Number.isFinite(leftMs) ? `for another ${Math.ceil(leftMs)} ms` : "under a right that has no end";
}

/** At the latest, by any clock: the agent counts from when it sent the report. */
function rightEndMs(knownMs: Millis, { ttlMs }: OwnershipGrant, heardMs: Millis): Millis {
  return toMillis(Math.max(knownMs, heardMs + ttlMs * (1 + limits.agentClockErrorMax)));
}

function barredGrant(grant: OwnershipGrant, reason: string): OwnershipGrant {
  return { ...grant, isGranted: false, wanted: "offline", reason };
}
