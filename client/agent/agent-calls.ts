// The calls of an agent, which are not those of other programs: what it reports, and the configuration of the groups that it
// runs. It asks its own node.

import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { ReadConsistency } from "../../proto/gen/bailiwick/v1/common_pb.ts";
import { OwnershipState } from "../../proto/gen/bailiwick/v1/group_pb.ts";
import { GetGroupRequestSchema, GroupService } from "../../proto/gen/bailiwick/v1/group_service_pb.ts";
import {
  AwaitOwnershipRequestSchema,
  FenceOutcomeSchema,
  type GroupReport,
  GroupReportSchema,
  NodeService,
  type OwnershipGrant,
  ReportPerformanceRequestSchema,
  ReportResourcesRequestSchema,
} from "../../proto/gen/bailiwick/v1/node_service_pb.ts";
import {
  ComponentState,
  PerformanceSampleSchema,
  ResourceStatusSchema,
  ResourceTimingSchema,
} from "../../proto/gen/bailiwick/v1/status_pb.ts";
import { Caller } from "../caller.ts";
import { systemClock } from "../clock.ts";
import { Endpoints } from "../endpoints.ts";
import { fromWireInteger, toWireInteger } from "../key-values.ts";
import { clientLimits } from "../limits.ts";
import { defaultRetry } from "../retry.ts";
import type { Connect } from "../transport.ts";
import { shortened } from "./actions.ts";
import type { Grant, GroupStory } from "./agent-core.ts";
import { agentLimits } from "./agent-limits.ts";
import type { FenceOutcome, Ordered } from "./fencing.ts";
import { readSpec } from "./read-spec.ts";
import type { ResourcePhase, ResourceStory } from "./resource-run.ts";
import type { RunSpec } from "./run-spec.ts";

export interface AgentReport {
  readonly node: string;
  readonly agent: string;
  /** What is not named does not run here. */
  readonly stories: readonly GroupStory[];
  readonly fences: readonly FenceOutcome[];
  /** It begins nothing any more. */
  readonly isLeaving: boolean;
  /** By the clock of the runs, and by the wall: what the first says is told by the second. */
  readonly nowMs: number;
  readonly wallMs: number;
}

/** What a node has in use, and how long its resources take. */
export interface Measured {
  readonly node: string;
  readonly wallMs: number;
  readonly load: ReadonlyMap<string, number>;
  readonly capacity: ReadonlyMap<string, number>;
  readonly stories: readonly GroupStory[];
}

export class AgentCalls {
  readonly #endpoints: Endpoints;
  readonly #caller: Caller;

  /** @param connect how endpoints are reached; absent: over gRPC */
  constructor(endpoints: readonly string[], connect: Connect = connectLazily) {
    this.#endpoints = new Endpoints(endpoints, connect);
    this.#caller = new Caller({
      endpoints: this.#endpoints,
      clock: systemClock,
      retry: defaultRetry,
      random: Math.random,
      timeoutMs: clientLimits.timeoutMs,
      sessions: null,
    });
  }

  /** Renews what it reports, which is all that runs here: a node that has just started knows of no earlier report. @throws {DbError} `already_exists` while another agent of the node reports */
  async reportResources(report: AgentReport, timeoutMs: number): Promise<readonly (Grant & Ordered)[]> {
    const { node, agent, stories, fences, isLeaving: leaving } = report;
    const groups = stories.map((story) => toWireReport(story, report));
    for (const outcome of fences) tellFence(groups, outcome);
    const request = create(ReportResourcesRequestSchema, { node, agent, groups, complete: true, leaving });
    const answer = await this.#caller.idempotent(NodeService.method.reportResources, request, { timeoutMs });
    return answer.grants.map(fromWireGrant);
  }

  /** Waits until a group has given its application to the node or taken it from there. @returns what to wait behind the next time */
  async awaitOwnership(node: string, after: number): Promise<number> {
    const request = create(AwaitOwnershipRequestSchema, { node, after: toWireInteger(after, "after") });
    const { change } = await this.#caller.idempotent(NodeService.method.awaitOwnership, request, {
      timeoutMs: agentLimits.newsMs,
    });
    return fromWireInteger(change, "change");
  }

  /** @returns how long to wait before the next */
  async reportPerformance(measured: Measured): Promise<number> {
    const sample = toWireSample(measured);
    const request = create(ReportPerformanceRequestSchema, { sample });
    const { intervalMs } = await this.#caller.idempotent(NodeService.method.reportPerformance, request, {
      timeoutMs: agentLimits.reportMs,
    });
    return intervalMs;
  }

  /** What a group runs, under the epoch that it has now. @throws {DbError} `not_found` */
  async readSpec(group: string): Promise<RunSpec> {
    const request = create(GetGroupRequestSchema, { group, consistency: ReadConsistency.LINEARIZABLE });
    const answer = await this.#caller.read(GroupService.method.getGroup, request, { timeoutMs: agentLimits.readMs });
    return readSpec(group, fromWireInteger(answer.group?.epoch ?? zero, "epoch"), answer.group?.config);
  }

  close(): Promise<void> {
    return this.#endpoints.close();
  }
}

const zero = create(GroupReportSchema).epoch;

function fromWireGrant(grant: OwnershipGrant): Grant & Ordered {
  const { group, epoch, granted, ttlMs, stopBudgetMs, wanted, why, endless, fence } = grant;
  const isWantedOnline = wanted === OwnershipState.ONLINE;
  return {
    group,
    epoch: fromWireInteger(epoch, "epoch"),
    isGranted: granted,
    ttlMs,
    stopBudgetMs,
    isEndless: endless,
    isWantedOnline,
    why,
    fence: fence === undefined ? null : { ...fence, epoch: fromWireInteger(fence.epoch, "epoch") },
  };
}

const wireStates = {
  acquiring: OwnershipState.ACQUIRING,
  online: OwnershipState.ONLINE,
  releasing: OwnershipState.RELEASING,
  offline: OwnershipState.OFFLINE,
  error: OwnershipState.ERROR,
} as const;

function toWireReport({ group, epoch, renews, state, resources }: GroupStory, report: AgentReport) {
  return create(GroupReportSchema, {
    group,
    epoch: toWireInteger(epoch, "epoch"),
    renew: renews,
    state: wireStates[state],
    resources: resources.map((resource) => toWireStatus(resource, { ...report, epoch })),
  });
}

/** Also of a group of which nothing runs here. */
function tellFence(groups: GroupReport[], { group, order, exitStatus, why }: FenceOutcome): void {
  const fence = create(FenceOutcomeSchema, { order, exitStatus, why });
  const known = groups.find((report) => report.group === group);
  if (known !== undefined) known.fence = fence;
  else groups.push(create(GroupReportSchema, { group, state: OwnershipState.OFFLINE, fence }));
}

interface StatusContext extends AgentReport {
  readonly epoch: number;
}

/** The epoch of a resource that certainly does not run is 0: an application in error may have some of each kind. */
function toWireStatus(story: ResourceStory, { node, epoch, nowMs, wallMs }: StatusContext) {
  const { resource, phase, why, exitStatus, restarts, sinceMs } = story;
  return create(ResourceStatusSchema, {
    resource,
    node,
    state: componentState(story),
    epoch: toWireInteger(phase === "offline" ? 0 : epoch, "epoch"),
    time: timestampFromMs(wallMs),
    since: timestampFromMs(wallMs - Math.max(0, nowMs - sinceMs)),
    why: shortened(why),
    exitStatus,
    restarts,
  });
}

const componentStates: Readonly<Record<ResourcePhase, ComponentState>> = {
  offline: ComponentState.OFFLINE,
  starting: ComponentState.STARTING,
  online: ComponentState.ONLINE,
  failed: ComponentState.FAILED,
  stopping: ComponentState.STOPPING,
  killing: ComponentState.STOPPING,
  checking: ComponentState.STOPPING,
  stuck: ComponentState.FAILED,
};

function componentState({ phase, isDegraded, hasGivenUp }: ResourceStory): ComponentState {
  if (phase === "offline" && hasGivenUp) return ComponentState.FAILED;
  return isDegraded ? ComponentState.DEGRADED : componentStates[phase];
}

function toWireSample({ node, wallMs, load, capacity, stories }: Measured) {
  const toWire = (amounts: ReadonlyMap<string, number>) =>
    Object.fromEntries([...amounts].map(([name, value]) => [name, toWireInteger(value, name)]));
  const timings = stories.flatMap(({ group, resources }) => resources.map((resource) => toWireTiming(group, resource)));
  return create(PerformanceSampleSchema, {
    node,
    time: timestampFromMs(wallMs),
    load: toWire(load),
    capacity: toWire(capacity),
    timings: timings.slice(0, agentLimits.timingsMax),
  });
}

function toWireTiming(group: string, { resource, tookMs }: ResourceStory) {
  const whole = (ms: number) => (ms === 0 ? 0 : Math.max(1, Math.round(ms)));
  const { start, stop, monitor } = tookMs;
  const times = { startMs: whole(start), stopMs: whole(stop), monitorMs: whole(monitor) };
  return create(ResourceTimingSchema, { group, resource, ...times });
}

const connectLazily: Connect = async (endpoint) => (await import("../grpc-transport.ts")).connectGrpc(endpoint);
