// What agents report, from the public schema to the domain: counts are bounded, words are known ones, and texts for people are
// cut to what is kept of them. Adapters, disks and timings are not read yet.

import { type Timestamp, timestampMs } from "@bufbuild/protobuf/wkt";
import { shown } from "../../../proto/codec/codec-error.ts";
import { epoch, uint64 } from "../../../proto/codec/integers.ts";
import type { OwnershipState } from "../../../proto/gen/bailiwick/v1/group_pb.ts";
import type * as wire from "../../../proto/gen/bailiwick/v1/node_service_pb.ts";
import type { ResourceStatus, PerformanceSample as WireSample } from "../../../proto/gen/bailiwick/v1/status_pb.ts";
import { isResourceName, type NodeId } from "../../../proto/ids.ts";
import { reasonCharsMax } from "../../../proto/model.ts";
import type {
  AgentState,
  ComponentState,
  FenceOutcome,
  GroupReport,
  PerformanceSample,
  ResourceReport,
} from "../../../proto/placement.ts";
import type { Amounts } from "../../../proto/policies.ts";
import { limits } from "../../node/limits.ts";
import { invalid, readField, readGroup, readNode } from "./fields.ts";
import { componentStates } from "./placements.ts";
import { ownershipStates } from "./statuses.ts";

/** As the schema says. */
const bounds = { resources: 256, whyBytes: 1_024, dimensions: 16 } as const;

const dimensionPattern = /^[A-Za-z0-9._-]{1,63}$/;

const agentStates: ReadonlyMap<OwnershipState, AgentState> = new Map(
  (["acquiring", "online", "releasing", "offline", "error"] as const).map((state) => [ownershipStates[state], state]),
);

const resourceStates: ReadonlyMap<number, ComponentState> = new Map(
  Object.entries(componentStates).map(([word, state]) => [state, word as ComponentState]),
);

/** @throws {DbError} `invalid_argument` unless `name` is the node that was called: an agent is told of its own node alone */
export function readOwnNode(name: string, field: string, self: NodeId): NodeId {
  const node = readNode(name, field);
  if (node === self) return node;
  throw invalid(field, `The ${field} is ${shown(name)}, it must be the one that is called: ${self}`);
}

/** @param nowMs wall clock: the time of what bears none */
export function readGroupReports(
  reports: readonly wire.GroupReport[],
  { node, nowMs }: { readonly node: NodeId; readonly nowMs: number },
): readonly GroupReport[] {
  checkCount(reports.length, "groups", limits.allocationsMax);
  const read = reports.map((report, at) => readGroupReport(report, { field: `groups[${at}]`, node, nowMs }));
  checkOnce(
    read.map(({ group }) => group),
    "groups",
  );
  return read;
}

interface Place {
  /** Path of the message that is read. */
  readonly field: string;
  readonly node: NodeId;
  readonly nowMs: number;
}

function readGroupReport(report: wire.GroupReport, place: Place): GroupReport {
  const { field } = place;
  const group = readGroup(report.group, `${field}.group`);
  checkCount(report.resources.length, `${field}.resources`, bounds.resources);
  const resources = report.resources.map((resource, at) =>
    readResource(resource, { ...place, field: `${field}.resources[${at}]` }),
  );
  checkOnce(
    resources.map(({ resource }) => resource),
    `${field}.resources`,
  );
  return {
    group,
    epoch: readField(epoch, report.epoch, `${field}.epoch`),
    renews: report.renew,
    state: readAgentState(report.state, `${field}.state`),
    resources,
    fence: report.fence === undefined ? null : readFenceOutcome(report.fence, `${field}.fence`),
  };
}

/** Only compared with what was ordered. */
function readFenceOutcome({ order, exitStatus, why }: wire.FenceOutcome, field: string): FenceOutcome {
  if (!/^[\x21-\x7e]{1,200}$/.test(order)) {
    throw invalid(`${field}.order`, `The ${field}.order ${shown(order)} is not 1 to 200 printable characters`);
  }
  return { order, exitStatus, reason: readWhy(why, `${field}.why`) };
}

function readAgentState(wireState: OwnershipState, field: string): AgentState {
  const state = agentStates.get(wireState);
  if (state !== undefined) return state;
  const wanted = [...agentStates].map(([number, word]) => `${number} (${word.toUpperCase()})`).join(", ");
  throw invalid(field, `The ${field} is ${wireState}, it must be one of ${wanted}`);
}

function readResource(status: ResourceStatus, { field, node, nowMs }: Place): ResourceReport {
  const { resource, exitStatus, restarts, why } = status;
  if (!isResourceName(resource)) {
    throw invalid(`${field}.resource`, `The ${field}.resource ${shown(resource)} is not 1 to 63 of a-z 0-9 -`);
  }
  if (status.node !== "") readOwnNode(status.node, `${field}.node`, node);
  if (exitStatus < 0)
    throw invalid(`${field}.exit_status`, `The ${field}.exit_status is ${exitStatus}, the least is 0`);
  const atMs = readTime(status.time, `${field}.time`) ?? nowMs;
  return {
    resource,
    state: readComponentState(status.state, `${field}.state`),
    epoch: readField(epoch, status.epoch, `${field}.epoch`),
    reason: readWhy(why, `${field}.why`),
    exitStatus,
    restarts,
    atMs,
    sinceMs: readTime(status.since, `${field}.since`) ?? atMs,
  };
}

function readComponentState(wireState: number, field: string): ComponentState {
  const state = resourceStates.get(wireState);
  if (state !== undefined) return state;
  throw invalid(field, `The ${field} is ${wireState}, it must be from 1 (OFFLINE) to 6 (FAILED)`);
}

/** @returns what is kept of it */
function readWhy(why: string, field: string): string {
  const bytes = Buffer.byteLength(why);
  if (bytes > bounds.whyBytes) throw invalid(field, `The ${field} has ${bytes} bytes, the limit is ${bounds.whyBytes}`);
  if (why.length <= reasonCharsMax) return why;
  // Not in the middle of a character.
  return `${why.slice(0, reasonCharsMax - 3).replace(/[\uD800-\uDBFF]$/, "")}...`;
}

/** @param nowMs as for {@link readGroupReports} */
export function readSample(
  sample: WireSample,
  { node: self, nowMs }: { readonly node: NodeId; readonly nowMs: number },
): PerformanceSample {
  return {
    node: readOwnNode(sample.node, "sample.node", self),
    atMs: readTime(sample.time, "sample.time") ?? nowMs,
    ageMs: sample.ageMs,
    load: readAmounts(sample.load, "sample.load"),
    capacity: readAmounts(sample.capacity, "sample.capacity"),
  };
}

function readAmounts(amounts: WireSample["load"], field: string): Amounts {
  const entries = Object.entries(amounts);
  checkCount(entries.length, field, bounds.dimensions);
  return new Map(
    entries.map(([name, amount]) => {
      if (!dimensionPattern.test(name)) {
        throw invalid(field, `The ${field} has ${shown(name)}, which is not 1 to 63 of A-Z a-z 0-9 . _ -`);
      }
      return [name, readField(uint64, amount, `${field}.${name}`)];
    }),
  );
}

/** @returns null when there is none */
function readTime(time: Timestamp | undefined, field: string): number | null {
  if (time === undefined) return null;
  const ms = timestampMs(time);
  if (Number.isSafeInteger(ms) && ms >= 0) return ms;
  throw invalid(field, `The ${field} is ${ms} ms since 1970, it must be from 0 on`);
}

function checkCount(count: number, field: string, max: number): void {
  if (count > max) throw invalid(field, `The ${field} are ${count}, the limit is ${max}`);
}

function checkOnce(names: readonly string[], field: string): void {
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) throw invalid(field, `The ${field} name ${name} twice`);
    seen.add(name);
  }
}
