// Groups as an agent runs them, for tests: resources by name, and only what a test is about.

import type { ActionOutcome, DependencySpec, ResourceSpec, RunSpec } from "../../../client/agent/run-spec.ts";

export const exec = {
  type: "exec",
  start: ["/ctl", "start"],
  stop: ["/ctl", "stop"],
  monitor: ["/ctl", "monitor"],
  isForeground: false,
  environment: {},
} as const;

export const foreground = { ...exec, start: ["/server"], stop: [], monitor: [], isForeground: true } as const;
export const ocf = { type: "ocf", agent: "heartbeat:IPaddr2", parameters: { ip: "192.0.2.10" } } as const;
export const systemd = { type: "systemd", unit: "postgresql.service" } as const;

export function resource(name: string, parts: Partial<ResourceSpec> = {}): ResourceSpec {
  return {
    name,
    runner: exec,
    startTimeoutMs: 60_000,
    stopTimeoutMs: 5_000,
    monitorIntervalMs: 10_000,
    monitorTimeoutMs: 20_000,
    monitorDepth: 0,
    restartsMax: 1,
    isCritical: true,
    ...parts,
  };
}

export function needs(name: string, needed: readonly string[], parts: Partial<DependencySpec> = {}): DependencySpec {
  return {
    resource: name,
    needs: needed,
    isAnyOf: false,
    isHard: true,
    startWaitMs: null,
    stopWaitMs: null,
    ...parts,
  };
}

export function spec(
  resources: readonly (string | ResourceSpec)[],
  dependencies: readonly DependencySpec[] = [],
  parts: Partial<RunSpec> = {},
): RunSpec {
  return {
    group: "orders",
    epoch: 7,
    resources: resources.map((one) => (typeof one === "string" ? resource(one) : one)),
    dependencies,
    clockRateError: 0.05,
    renewIntervalMs: null,
    ...parts,
  };
}

export function outcome(parts: Partial<ActionOutcome> = {}): ActionOutcome {
  return { exitStatus: 0, isExecuted: true, isLate: false, why: "", tookMs: 10, ...parts };
}
