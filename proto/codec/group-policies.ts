// What a group's config object says of where its application runs, as a plain value. The object itself stays opaque to the
// nodes.

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type GroupConfig, GroupConfigSchema } from "../gen/bailiwick/v1/group_config_pb.ts";
import {
  AntiFlapSchema,
  FalloverPolicy,
  GroupDependency_Where,
  LeaseTermsSchema,
  LostQuorumPolicy,
  type ManagementPolicy,
  ManagementPolicySchema,
  MinimumResourcesSchema,
  QuorumPolicySchema,
  StartupPolicy,
  type FallbackPolicy as WireFallback,
  type FencePolicy as WireFence,
  type GroupDependency as WireGroupDependency,
} from "../gen/bailiwick/v1/policy_pb.ts";
import {
  ApplicationSchema,
  DiskConnectionSchema,
  type Resource,
  ResourceSchema,
  ServiceAddressSchema,
  SharedDiskSchema,
} from "../gen/bailiwick/v1/resource_pb.ts";
import { compareNames, type GroupId, isName, type NodeId, toGroupId, toNodeId } from "../ids.ts";
import {
  type Amounts,
  electionBoundMs,
  type FallbackPolicy,
  type FencePolicy,
  type GroupDependency,
  type GroupPolicies,
  type LeaseTerms,
  type Minimum,
  type PlacedResource,
} from "../policies.ts";
import { CodecError } from "./codec-error.ts";
import { clamped, isDimension, policyBounds, renewIntervalBound } from "./policy-bounds.ts";
import { toTimeWindow } from "./time-windows.ts";

/**
 * Fills in every default. What was stored before it was checked counts as far as it can.
 *
 * @param config encoded `bailiwick.v1.GroupConfig`
 * @throws {CodecError} when it does not decode
 */
export function decodeGroupPolicies(config: Uint8Array): GroupPolicies {
  return toPolicies(decodeConfig(config));
}

/**
 * What the owners of other groups may know of a config object: what bears on placement, and nothing that is executed.
 *
 * @param config encoded `bailiwick.v1.GroupConfig`
 * @returns the same, reduced: it decodes to the same policies, without the fence; empty when nothing is left. One encoding
 *   for one meaning
 * @throws {CodecError} when it does not decode
 */
export function placementOf(config: Uint8Array): Uint8Array {
  return toBinary(GroupConfigSchema, toPlacement(decodeConfig(config)));
}

function decodeConfig(config: Uint8Array): GroupConfig {
  try {
    return fromBinary(GroupConfigSchema, config, { readUnknownFields: false });
  } catch (reason) {
    throw new CodecError(`GroupConfig of ${config.byteLength} bytes is malformed`, reason);
  }
}

function toPolicies(config: GroupConfig): GroupPolicies {
  const management = config.management ?? create(ManagementPolicySchema);
  return {
    ...toChoices(management),
    settlingMs: clamped(management.settlingTimeMs, policyBounds.settlingTimeMs),
    demand: toAmounts(management.demand),
    sameNode: toGroups(management.sameNode),
    differentNode: toGroups(management.differentNode),
    dependencies: management.dependencies.filter(({ group }) => isName(group)).map(toGroupDependency),
    startsAutomatically: management.startAutomatically ?? true,
    resumesAutomatically: management.resumeAutomatically ?? true,
    lostQuorum: lostQuorumWords.get(config.lostQuorum) ?? "stop",
    minimum: toMinimum(config),
    lease: toLease(config),
    fence: toFence(config.fence),
    resources: config.resources.map(toPlacedResource),
  };
}

const startupWords: ReadonlyMap<StartupPolicy, GroupPolicies["startup"]> = new Map([
  [StartupPolicy.FIRST_AVAILABLE, "firstAvailable"],
  [StartupPolicy.BALANCED, "balanced"],
]);

const falloverWords: ReadonlyMap<FalloverPolicy, GroupPolicies["fallover"]> = new Map([
  [FalloverPolicy.LEAST_LOADED, "leastLoaded"],
  [FalloverPolicy.MOST_FREE_CAPACITY, "mostFreeCapacity"],
]);

const lostQuorumWords: ReadonlyMap<LostQuorumPolicy, GroupPolicies["lostQuorum"]> = new Map([
  [LostQuorumPolicy.FREEZE, "freeze"],
  [LostQuorumPolicy.READ_ONLY, "readOnly"],
]);

function toChoices({ startup, fallover, fallback, antiFlap = create(AntiFlapSchema) }: ManagementPolicy) {
  return {
    startup: startupWords.get(startup) ?? "highestPriority",
    fallover: falloverWords.get(fallover) ?? "nextInList",
    fallback: toFallback(fallback),
    antiFlap: {
      movesMax: clamped(antiFlap.movesMax, policyBounds.movesMax),
      windowMs: clamped(antiFlap.windowMs, policyBounds.movesWindowMs),
    },
  };
}

function toFallback(fallback: WireFallback | undefined): FallbackPolicy {
  switch (fallback?.when.case) {
    case "immediate":
      return { type: "immediate" };
    case "delayed":
      return { type: "delayed", delayMs: clamped(fallback.when.value.delayMs, policyBounds.fallbackDelayMs) };
    case "window": {
      const { window } = fallback.when.value;
      const known = window === undefined ? null : toTimeWindow(window);
      return known === null ? { type: "never" } : { type: "window", window: known };
    }
    default:
      return { type: "never" };
  }
}

function toAmounts(amounts: Readonly<Record<string, bigint>>): Amounts {
  const known = Object.entries(amounts)
    .filter(([name]) => isDimension(name))
    .toSorted(([left], [right]) => compareNames(left, right));
  return new Map(known.map(([name, amount]) => [name, clamped(amount, policyBounds.amount)]));
}

function toGroups(names: readonly string[]): GroupId[] {
  return names.filter(isName).map(toGroupId);
}

function toGroupDependency({ group, where, soft, timeoutMs }: WireGroupDependency): GroupDependency {
  return {
    group: toGroupId(group),
    isSameNode: where === GroupDependency_Where.SAME_NODE,
    isSoft: soft,
    timeoutMs: clamped(timeoutMs, policyBounds.groupWaitMs),
  };
}

function toMinimum({ quorum }: GroupConfig): Minimum {
  const { owners, capacity, resources } = quorum?.minimum ?? create(MinimumResourcesSchema);
  return { owners, capacity: toAmounts(capacity), resources };
}

/** The parts are made to fit each other: a right that has to be given up as soon as it is granted is of no use to anybody. */
function toLease({ lease = create(LeaseTermsSchema), lostQuorum, fence }: GroupConfig): LeaseTerms {
  const ttlMs = clamped(lease.ttlMs, policyBounds.ttlMs);
  const errorPercent = clamped(lease.clockRateErrorPercent, policyBounds.clockRateErrorPercent);
  const renewIntervalMs = Math.min(clamped(lease.renewIntervalMs, renewIntervalBound(ttlMs)), Math.floor(ttlMs / 2));
  const leftMs = (ttlMs * (100 - errorPercent)) / 100 - 2 * renewIntervalMs - electionBoundMs;
  const stopBudgetMs = Math.min(clamped(lease.stopBudgetMs, policyBounds.stopBudgetMs), Math.ceil(leftMs) - 1);
  return {
    ttlMs,
    renewIntervalMs,
    stopBudgetMs: Math.max(stopBudgetMs, 0),
    clockRateError: errorPercent / 100,
    // Without a fence nobody could ever be sure that it has stopped.
    isEndless: lostQuorum === LostQuorumPolicy.FREEZE && toFence(fence) !== null,
  };
}

function toFence(fence: WireFence | undefined): FencePolicy | null {
  if (fence === undefined || fence.command.length === 0) return null;
  return { command: fence.command, timeoutMs: clamped(fence.timeoutMs, policyBounds.fenceTimeoutMs) };
}

function toPlacedResource({ name, kind, critical }: Resource): PlacedResource {
  return { name, nodes: nodesOf(kind), isCritical: critical ?? true };
}

/** A list that is empty says nothing. */
function nodesOf(kind: Resource["kind"]): readonly NodeId[] | null {
  const names = namesOf(kind);
  return names.length === 0 ? null : [...new Set(names)].filter(isName).map(toNodeId);
}

function namesOf(kind: Resource["kind"]): readonly string[] {
  if (kind.case === "application") return kind.value.installedOn;
  return kind.case === "disk" ? kind.value.connections.map(({ node }) => node) : [];
}

function toPlacement({ quorum, lostQuorum, management, lease, rules, resources }: GroupConfig): GroupConfig {
  const placement = create(GroupConfigSchema, { lostQuorum, rules, resources: resources.map(toBareResource) });
  if (management !== undefined) placement.management = { ...management, demand: sorted(management.demand) };
  if (lease !== undefined) placement.lease = lease;
  const minimum = quorum?.minimum;
  if (minimum === undefined) return placement;
  const bare = { ...minimum, capacity: sorted(minimum.capacity) };
  placement.quorum = create(QuorumPolicySchema, { minimum: bare });
  return placement;
}

function toBareResource({ name, kind, critical }: Resource): Resource {
  const bare = create(ResourceSchema, { name, kind: toBareKind(kind) });
  if (critical !== undefined) bare.critical = critical;
  return bare;
}

function toBareKind(kind: Resource["kind"]): Resource["kind"] {
  switch (kind.case) {
    case "application":
      return { case: kind.case, value: create(ApplicationSchema, { installedOn: kind.value.installedOn }) };
    case "disk": {
      const connections = kind.value.connections.map(({ node }) => create(DiskConnectionSchema, { node }));
      return { case: kind.case, value: create(SharedDiskSchema, { connections }) };
    }
    case "address":
      return { case: kind.case, value: create(ServiceAddressSchema) };
    default:
      return { case: undefined };
  }
}

function sorted(amounts: Readonly<Record<string, bigint>>): Record<string, bigint> {
  return Object.fromEntries(Object.entries(amounts).toSorted(([left], [right]) => compareNames(left, right)));
}
