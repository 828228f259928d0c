// From a group's configuration on the wire to what an agent runs, every default filled in as resource.proto tells them.

import type { GroupConfig } from "../../proto/gen/bailiwick/v1/group_config_pb.ts";
import {
  type Dependency,
  Dependency_Requirement,
  Dependency_Strength,
  type Resource,
  type Runner,
} from "../../proto/gen/bailiwick/v1/resource_pb.ts";
import { stopTimeoutsOf } from "../../proto/resource-order.ts";
import type { DependencySpec, ResourceSpec, RunnerSpec, RunSpec } from "./run-spec.ts";

const defaults = {
  startTimeoutMs: 60_000,
  stopTimeoutMs: 60_000,
  stopBudgetMs: 5_000,
  monitorIntervalMs: 10_000,
  monitorTimeoutMs: 20_000,
  restartsMax: 1,
  clockRateErrorPercent: 5,
} as const;

/** @param config absent: the group has none */
export function readSpec(group: string, epoch: number, config: GroupConfig | undefined): RunSpec {
  const { clockRateErrorPercent = 0, renewIntervalMs = 0, stopBudgetMs = 0 } = config?.lease ?? {};
  const stops = config === undefined ? new Map() : stopTimeoutsOf(config, stopBudgetMs || defaults.stopBudgetMs);
  return {
    group,
    epoch,
    resources: (config?.resources ?? []).map((resource) => readResource(resource, stops)),
    dependencies: (config?.dependencies ?? []).map(readDependency),
    clockRateError: (clockRateErrorPercent || defaults.clockRateErrorPercent) / 100,
    renewIntervalMs: renewIntervalMs || null,
  };
}

/** @param stops time to stop, by name: what the group's stop budget leaves for those that do not say */
function readResource(resource: Resource, stops: ReadonlyMap<string, number>): ResourceSpec {
  const { name, run, monitor, startTimeoutMs, stopTimeoutMs, restartsMax, critical } = resource;
  return {
    name,
    runner: run === undefined ? null : readRunner(run),
    startTimeoutMs: startTimeoutMs || defaults.startTimeoutMs,
    stopTimeoutMs: stops.get(name) ?? (stopTimeoutMs || defaults.stopTimeoutMs),
    monitorIntervalMs: monitor?.intervalMs || defaults.monitorIntervalMs,
    monitorTimeoutMs: monitor?.timeoutMs || defaults.monitorTimeoutMs,
    monitorDepth: monitor?.depth ?? 0,
    restartsMax: restartsMax ?? defaults.restartsMax,
    isCritical: critical ?? true,
  };
}

function readRunner({ class: runner }: Runner): RunnerSpec | null {
  switch (runner.case) {
    case "exec": {
      const { start, stop, monitor, foreground, environment } = runner.value;
      return { type: "exec", start, stop, monitor, isForeground: foreground, environment };
    }
    case "systemd":
      return { type: "systemd", unit: runner.value.unit };
    case "ocf":
      return { type: "ocf", agent: runner.value.agent, parameters: runner.value.parameters };
    case undefined:
      return null;
  }
}

function readDependency(dependency: Dependency): DependencySpec {
  const { resource, needs, requirement, strength, startTimeoutMs, stopTimeoutMs } = dependency;
  return {
    resource,
    needs,
    isAnyOf: requirement === Dependency_Requirement.ANY_OF,
    isHard: strength !== Dependency_Strength.SOFT,
    startWaitMs: startTimeoutMs || null,
    stopWaitMs: stopTimeoutMs || null,
  };
}
