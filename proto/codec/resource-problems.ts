// What is wrong with the resources that somebody has written into a group's config object, and the dependencies between them.

import { create } from "@bufbuild/protobuf";
import { findCycle } from "../find-cycle.ts";
import type { GroupConfig } from "../gen/bailiwick/v1/group_config_pb.ts";
import { LeaseTermsSchema } from "../gen/bailiwick/v1/policy_pb.ts";
import {
  type Application,
  type Dependency,
  Dependency_Requirement,
  Dependency_Strength,
  type ExecRunner,
  type Monitor,
  type Resource,
  type Runner,
  type ServiceAddress,
  type SharedDisk,
} from "../gen/bailiwick/v1/resource_pb.ts";
import { isName, isResourceName, nameRule } from "../ids.ts";
import { longestStop, needsOf } from "../resource-order.ts";
import { shown } from "./codec-error.ts";
import { boundProblem, clamped, commandProblem, policyBounds, wordProblem } from "./policy-bounds.ts";

type Problems = Generator<string | null>;
type Owners = readonly string[] | undefined;

const unitPattern = /^[A-Za-z0-9:_.\\@-]{1,250}\.[a-z]+$/;
const agentPattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]*:[A-Za-z0-9_][A-Za-z0-9_.-]*$/;
const ocfDepths = [0, 10, 20];
const versionBytesMax = 63;
const hostNameBytesMax = 253;

/** @param owners undefined: not known */
export function* resourceProblems(config: GroupConfig, owners: Owners): Problems {
  const { resources, dependencies } = config;
  const { resourcesMax, dependenciesMax } = policyBounds;
  if (resources.length > resourcesMax) yield `resources has ${resources.length} items, the limit is ${resourcesMax}`;
  if (dependencies.length > dependenciesMax) {
    yield `dependencies has ${dependencies.length} items, the limit is ${dependenciesMax}`;
  }
  const names = resources.map(({ name }) => name);
  for (const [at, resource] of resources.entries()) {
    if (names.indexOf(resource.name) !== at)
      yield `resources[${at}].name is ${shown(resource.name)}, which is used twice`;
    yield* problemsOfOne(`resources[${at}]`, resource, owners);
  }
  for (const [at, dependency] of dependencies.entries()) {
    yield* dependencyProblems(`dependencies[${at}]`, dependency, names);
  }
  const cycle = findCycle(needsOf(dependencies));
  if (cycle !== null) yield `dependencies form a cycle: ${cycle.join(" -> ")}`;
  yield stopProblem(config);
}

function* problemsOfOne(field: string, resource: Resource, owners: Owners): Problems {
  const { name, kind, run, monitor } = resource;
  if (!isResourceName(name)) yield `${field}.name is ${shown(name)}, it must be 1 to 63 of a-z 0-9 -`;
  if (kind.case === undefined) yield `${field} of the name ${shown(name)} is no application, disk or address`;
  if (kind.case === "application") {
    if (run === undefined) yield `${field}.run is missing, an application must be run somehow`;
    yield* applicationProblems(`${field}.application`, kind.value, owners);
  }
  if (kind.case === "disk") yield* diskProblems(`${field}.disk`, kind.value, owners);
  if (kind.case === "address") yield* addressProblems(`${field}.address`, kind.value);
  if (run !== undefined) yield* runnerProblems(`${field}.run`, run);
  yield boundProblem(`${field}.startTimeoutMs`, resource.startTimeoutMs, policyBounds.startTimeoutMs);
  yield boundProblem(`${field}.stopTimeoutMs`, resource.stopTimeoutMs, policyBounds.stopTimeoutMs);
  yield boundProblem(`${field}.restartsMax`, resource.restartsMax ?? 1, policyBounds.restartsMax);
  if (monitor !== undefined) yield* monitorProblems(`${field}.monitor`, monitor);
}

function* applicationProblems(field: string, { installedOn, version }: Application, owners: Owners): Problems {
  for (const [at, node] of installedOn.entries()) yield nodeProblem(`${field}.installedOn[${at}]`, node);
  yield bytesProblem(`${field}.version`, version, versionBytesMax);
  const missing = owners?.find((owner) => !installedOn.includes(owner));
  if (installedOn.length === 0 || missing === undefined) return;
  yield `${field}.installedOn is ${installedOn.join(" ")}, it must name the owner ${shown(missing)} as well`;
}

function* diskProblems(field: string, { connections }: SharedDisk, owners: Owners): Problems {
  if (connections.length === 0) yield `${field}.connections is empty, a disk needs at least one`;
  for (const [at, { node }] of connections.entries()) yield nodeProblem(`${field}.connections[${at}].node`, node);
  const missing = owners?.find((owner) => !connections.some(({ node }) => node === owner));
  if (missing !== undefined) yield `${field}.connections holds none of the owner ${shown(missing)}`;
}

function* addressProblems(field: string, { address, hostName }: ServiceAddress): Problems {
  if (!isCidr(address)) yield `${field}.address is ${shown(address)}, it must be like 192.0.2.10/24`;
  yield bytesProblem(`${field}.hostName`, hostName, hostNameBytesMax);
}

function* runnerProblems(field: string, { class: runner }: Runner): Problems {
  switch (runner.case) {
    case "exec":
      yield* execProblems(`${field}.exec`, runner.value);
      return;
    case "systemd": {
      const { unit } = runner.value;
      if (!unitPattern.test(unit)) yield `${field}.systemd.unit is ${shown(unit)}, it must be like postgresql.service`;
      return;
    }
    case "ocf": {
      const { agent } = runner.value;
      if (!agentPattern.test(agent)) yield `${field}.ocf.agent is ${shown(agent)}, it must be like heartbeat:IPaddr2`;
      return;
    }
    default:
      yield `${field} is empty, it must be exec, systemd or ocf`;
  }
}

function* execProblems(field: string, { start, stop, monitor, foreground }: ExecRunner): Problems {
  yield commandProblem(`${field}.start`, start);
  for (const [name, command] of Object.entries({ stop, monitor })) {
    if (command.length > 0) yield commandProblem(`${field}.${name}`, command);
    else if (!foreground) yield `${field}.${name} is empty, which it may be with foreground only`;
  }
}

function* monitorProblems(field: string, { intervalMs, timeoutMs, depth }: Monitor): Problems {
  yield boundProblem(`${field}.intervalMs`, intervalMs, policyBounds.monitorIntervalMs);
  yield boundProblem(`${field}.timeoutMs`, timeoutMs, policyBounds.monitorTimeoutMs);
  if (!ocfDepths.includes(depth)) yield `${field}.depth is ${depth}, it must be 0, 10 or 20`;
}

function* dependencyProblems(field: string, dependency: Dependency, names: readonly string[]): Problems {
  const { resource, needs, requirement, strength, startTimeoutMs, stopTimeoutMs } = dependency;
  yield knownProblem(`${field}.resource`, resource, names);
  if (needs.length === 0) yield `${field}.needs is empty, it must name at least one resource`;
  for (const [at, need] of needs.entries()) yield knownProblem(`${field}.needs[${at}]`, need, names);
  yield wordProblem(`${field}.requirement`, requirement, Dependency_Requirement);
  yield wordProblem(`${field}.strength`, strength, Dependency_Strength);
  yield boundProblem(`${field}.startTimeoutMs`, startTimeoutMs, policyBounds.dependencyWaitMs);
  yield boundProblem(`${field}.stopTimeoutMs`, stopTimeoutMs, policyBounds.dependencyWaitMs);
}

/** Whoever loses the right to act must have stopped everything in time. */
function stopProblem(config: GroupConfig): string | null {
  const { stopBudgetMs } = config.lease ?? create(LeaseTermsSchema);
  const budgetMs = clamped(stopBudgetMs, policyBounds.stopBudgetMs);
  const row = longestStop(config, budgetMs);
  const sumMs = row.reduce((sum, { stopMs }) => sum + stopMs, 0);
  if (sumMs <= budgetMs) return null;
  const sum = row.length === 1 ? sumMs : `${row.map(({ stopMs }) => stopMs).join(" + ")} = ${sumMs}`;
  const names = row.map(({ name }) => name).join(" -> ");
  return `lease.stopBudgetMs is ${budgetMs}, it must be at least ${sum}: what ${names} may take to stop in a row`;
}

function knownProblem(field: string, name: string, names: readonly string[]): string | null {
  return names.includes(name) ? null : `${field} is ${shown(name)}, which is no resource of the group`;
}

function nodeProblem(field: string, node: string): string | null {
  return isName(node) ? null : `${field} is ${shown(node)}, not a node name of ${nameRule}`;
}

function bytesProblem(field: string, text: string, bytesMax: number): string | null {
  const bytes = new TextEncoder().encode(text).byteLength;
  return bytes <= bytesMax ? null : `${field} has ${bytes} bytes, the limit is ${bytesMax}`;
}

function isCidr(text: string): boolean {
  const [, address = "", bits] = /^([0-9A-Fa-f.:]+)\/(\d{1,3})$/.exec(text) ?? [];
  if (address.includes(":")) return Number(bits) <= 128 && isIpv6(address);
  return Number(bits) <= 32 && /^(?:\d{1,3}\.){3}\d{1,3}$/.test(address) && address.split(".").every(isOctet);
}

function isOctet(digits: string): boolean {
  return Number(digits) <= 255;
}

/** Groups of four digits, eight of them or fewer around one `::`. */
function isIpv6(address: string): boolean {
  const halves = address.split("::");
  const groups = halves.flatMap((half) => (half === "" ? [] : half.split(":")));
  if (!groups.every((digits) => /^[0-9A-Fa-f]{1,4}$/.test(digits))) return false;
  return halves.length === 2 ? groups.length < 8 : halves.length === 1 && groups.length === 8;
}
