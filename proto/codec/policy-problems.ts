// What is wrong with what somebody has written about a group: its policies here, its resources in resource-problems.ts. Each
// problem begins with the path of its field, as YAML and JSON spell it.

import { create } from "@bufbuild/protobuf";
import type { GroupConfig } from "../gen/bailiwick/v1/group_config_pb.ts";
import {
  type FallbackPolicy,
  FalloverPolicy,
  type FencePolicy,
  type GroupDependency,
  GroupDependency_Where,
  LeaseTermsSchema,
  LostQuorumPolicy,
  type ManagementPolicy,
  type MinimumResources,
  type QuorumPolicy,
  StartupPolicy,
} from "../gen/bailiwick/v1/policy_pb.ts";
import { clusterGroup, isName, nameRule } from "../ids.ts";
import { electionBoundMs } from "../policies.ts";
import { shown } from "./codec-error.ts";
import {
  amountsProblem,
  boundProblem,
  clamped,
  commandProblem,
  policyBounds,
  renewIntervalBound,
  wordProblem,
} from "./policy-bounds.ts";
import { resourceProblems } from "./resource-problems.ts";
import { timeWindowProblem } from "./time-windows.ts";

/** The group that a config object is of, as far as it is known. */
export interface ConfiguredGroup {
  readonly group?: string | undefined;
  readonly owners?: readonly string[] | undefined;
  /** All of the cluster. */
  readonly nodes?: readonly string[] | undefined;
}

/** @returns what is wrong with the policies of a config, with field, value and limit; null: nothing */
export function policiesProblem(config: GroupConfig, of: ConfiguredGroup = {}): string | null {
  for (const problem of problemsOf(config, of)) if (problem !== null) return problem;
  return null;
}

type Problems = Generator<string | null>;

function* problemsOf(config: GroupConfig, of: ConfiguredGroup): Problems {
  const { lostQuorum, fence, management, quorum } = config;
  yield wordProblem("lostQuorum", lostQuorum, LostQuorumPolicy);
  yield* leaseProblems(config);
  if (fence !== undefined) yield* fenceProblems(fence);
  if (fence === undefined && lostQuorum === LostQuorumPolicy.FREEZE) {
    yield "lostQuorum is freeze, which takes a fence: nobody else could make sure that the application has stopped";
  }
  if (management !== undefined) yield* managementProblems(management, of);
  if (quorum !== undefined) yield* quorumProblems(quorum, config, of);
  yield* resourceProblems(config, of.owners);
}

function* leaseProblems({ lease = create(LeaseTermsSchema) }: GroupConfig): Problems {
  const ttlMs = clamped(lease.ttlMs, policyBounds.ttlMs);
  yield boundProblem("lease.ttlMs", lease.ttlMs, policyBounds.ttlMs);
  yield boundProblem("lease.renewIntervalMs", lease.renewIntervalMs, renewIntervalBound(ttlMs));
  yield boundProblem("lease.stopBudgetMs", lease.stopBudgetMs, policyBounds.stopBudgetMs);
  const error = policyBounds.clockRateErrorPercent;
  yield boundProblem("lease.clockRateErrorPercent", lease.clockRateErrorPercent, error);
  const renewMs = clamped(lease.renewIntervalMs, renewIntervalBound(ttlMs));
  const stopMs = clamped(lease.stopBudgetMs, policyBounds.stopBudgetMs);
  const percent = clamped(lease.clockRateErrorPercent, error);
  const [safeMs, neededMs] = [(ttlMs * (100 - percent)) / 100, stopMs + 2 * renewMs + electionBoundMs];
  if (safeMs > neededMs) return;
  yield `lease.ttlMs is ${ttlMs}, of which ${safeMs} are safe with a clock rate error of ${percent} %; it must be more than ` +
    `${neededMs}: ${stopMs} to stop, 2 x ${renewMs} between renewals, ${electionBoundMs} without a manager`;
}

function* fenceProblems({ command, timeoutMs }: FencePolicy): Problems {
  yield commandProblem("fence.command", command);
  yield boundProblem("fence.timeoutMs", timeoutMs, policyBounds.fenceTimeoutMs);
}

function* managementProblems(management: ManagementPolicy, { group }: ConfiguredGroup): Problems {
  const { startup, fallover, fallback, antiFlap, demand, settlingTimeMs } = management;
  yield wordProblem("management.startup", startup, StartupPolicy);
  yield wordProblem("management.fallover", fallover, FalloverPolicy);
  if (fallback !== undefined) yield fallbackProblem(fallback);
  yield boundProblem("management.settlingTimeMs", settlingTimeMs, policyBounds.settlingTimeMs);
  yield amountsProblem("management.demand", demand);
  yield* neighbourProblems(management, group);
  if (antiFlap === undefined) return;
  yield boundProblem("management.antiFlap.movesMax", antiFlap.movesMax, policyBounds.movesMax);
  yield boundProblem("management.antiFlap.windowMs", antiFlap.windowMs, policyBounds.movesWindowMs);
}

function fallbackProblem({ when }: FallbackPolicy): string | null {
  if (when.case === "delayed") {
    return boundProblem("management.fallback.delayed.delayMs", when.value.delayMs, policyBounds.fallbackDelayMs);
  }
  if (when.case !== "window") return null;
  const { window } = when.value;
  if (window === undefined) return "management.fallback.window.window is missing";
  return timeWindowProblem("management.fallback.window.window", window);
}

function* neighbourProblems(management: ManagementPolicy, group: string | undefined): Problems {
  const { sameNode, differentNode, dependencies } = management;
  yield* groupsProblems("management.sameNode", sameNode, group);
  yield* groupsProblems("management.differentNode", differentNode, group);
  const both = differentNode.findIndex((name) => sameNode.includes(name));
  if (both >= 0) {
    yield `management.differentNode[${both}] is ${shown(differentNode[both])}, which is in management.sameNode as well`;
  }
  yield tooMany("management.dependencies", dependencies.length);
  for (const [at, dependency] of dependencies.entries()) {
    yield* groupDependencyProblems(`management.dependencies[${at}]`, dependency, { management, group });
    if (dependencies.findIndex((other) => other.group === dependency.group) === at) continue;
    yield `management.dependencies[${at}].group is ${shown(dependency.group)}, which is named twice`;
  }
}

function* groupDependencyProblems(
  field: string,
  { group: name, where, timeoutMs, soft }: GroupDependency,
  { management, group }: { readonly management: ManagementPolicy; readonly group: string | undefined },
): Problems {
  yield groupProblem(`${field}.group`, name, group);
  yield wordProblem(`${field}.where`, where, GroupDependency_Where);
  yield boundProblem(`${field}.timeoutMs`, timeoutMs, policyBounds.groupWaitMs);
  const isHere = where === GroupDependency_Where.SAME_NODE && !soft;
  if (!isHere || !management.differentNode.includes(name)) return;
  yield `${field}.where is same_node, but ${shown(name)} is in management.differentNode`;
}

function* groupsProblems(field: string, names: readonly string[], group: string | undefined): Problems {
  yield tooMany(field, names.length);
  for (const [at, name] of names.entries()) yield groupProblem(`${field}[${at}]`, name, group);
}

function tooMany(field: string, count: number): string | null {
  const { groupsMax } = policyBounds;
  return count <= groupsMax ? null : `${field} has ${count} groups, the limit is ${groupsMax}`;
}

function groupProblem(field: string, name: string, group: string | undefined): string | null {
  if (!isName(name)) return `${field} is ${shown(name)}, not a group name of ${nameRule}`;
  if (name === clusterGroup) return `${field} is ${shown(name)}, the system group, which runs nowhere`;
  return name === group ? `${field} is ${shown(name)}, the group itself` : null;
}

function* quorumProblems({ policy, minimum }: QuorumPolicy, config: GroupConfig, of: ConfiguredGroup): Problems {
  if (policy.case === "weighted") yield* votesProblems(policy.value.votes, of);
  if (policy.case === "witness" && policy.value.node !== "") yield witnessProblem(policy.value.node, of);
  if (minimum !== undefined) yield* minimumProblems(minimum, config, of);
}

function witnessProblem(witness: string, { owners, nodes }: ConfiguredGroup): string | null {
  const field = "quorum.witness.node";
  if (!isName(witness)) return notANode(field, witness);
  if (owners?.includes(witness) === true) return `${field} is ${shown(witness)}, which is an owner`;
  return nodes?.includes(witness) === false ? `${field} is ${shown(witness)}, which is no node of the cluster` : null;
}

function* votesProblems(votes: Readonly<Record<string, number>>, { owners }: ConfiguredGroup): Problems {
  for (const [node, count] of Object.entries(votes)) {
    const field = `quorum.weighted.votes.${node}`;
    if (!isName(node)) yield notANode("quorum.weighted.votes", node);
    yield boundProblem(field, count, policyBounds.votes);
    if (owners?.includes(node) === false) yield `${field} is of ${shown(node)}, which is no owner`;
  }
  if (owners?.every((owner) => votes[owner] === 0) === true) {
    yield "quorum.weighted.votes gives no owner a vote, it must give at least one";
  }
}

function* minimumProblems(minimum: MinimumResources, config: GroupConfig, { owners }: ConfiguredGroup): Problems {
  if (owners !== undefined && minimum.owners > owners.length) {
    yield `quorum.minimum.owners is ${minimum.owners}, it must be from 0 to ${owners.length}, the number of owners`;
  }
  yield amountsProblem("quorum.minimum.capacity", minimum.capacity);
  for (const [at, name] of minimum.resources.entries()) {
    if (config.resources.some((resource) => resource.name === name)) continue;
    yield `quorum.minimum.resources[${at}] is ${shown(name)}, which is no resource of the group`;
  }
}

function notANode(field: string, name: string): string {
  return `${field} names ${shown(name)}, not a node name of ${nameRule}`;
}
