// What an agent may execute on its machine. Whatever the database says, nothing else is ever run.

import { isResourceName } from "../../proto/ids.ts";
import type { ResourceSpec, RunnerSpec, RunSpec } from "./run-spec.ts";

export interface AllowList {
  /** Programs by absolute path; their arguments are the database's. */
  readonly exec: readonly string[];
  /** Names of units. */
  readonly systemd: readonly string[];
  /** `provider:type`; their parameters are the database's. */
  readonly ocf: readonly string[];
  /** Variables that the database may set for programs: some change what a program executes. */
  readonly environment: readonly string[];
}

/** What is refused, and why. */
export interface Refusal {
  readonly resource: string;
  readonly why: string;
}

/** @returns the first that is refused; null: all of it may be run */
export function refuse(allow: AllowList, spec: RunSpec): Refusal | null {
  const { resources } = spec;
  const odd = resources.find(({ name }) => !isResourceName(name));
  if (odd !== undefined) {
    const [told] = withNames(spec).resources;
    return { resource: told?.name ?? "", why: `${JSON.stringify(odd.name)} is no resource name; nothing was run` };
  }
  for (const resource of resources) {
    const why = refuseResource(allow, resource);
    if (why !== null) return { resource: resource.name, why };
  }
  return null;
}

/** What may be told of: names become paths, and a node takes no report with others. */
export function withNames(spec: RunSpec): RunSpec {
  const resources = spec.resources.filter(({ name }) => isResourceName(name));
  return resources.length === spec.resources.length ? spec : { ...spec, resources, dependencies: [] };
}

export function refuseResource(allow: AllowList, { runner }: ResourceSpec): string | null {
  return runner === null ? null : refuseRunner(allow, runner);
}

/** A command that is no resource's. */
export function refuseProgram({ exec }: AllowList, [file = ""]: readonly string[]): string | null {
  return exec.includes(file) ? null : notAllowed("program", file, "allow.exec");
}

function refuseRunner(allow: AllowList, runner: RunnerSpec): string | null {
  switch (runner.type) {
    case "exec":
      return refuseExec(allow, runner);
    case "systemd":
      return allow.systemd.includes(runner.unit) ? null : notAllowed("unit", runner.unit, "allow.systemd");
    case "ocf":
      return allow.ocf.includes(runner.agent) ? null : notAllowed("resource agent", runner.agent, "allow.ocf");
  }
}

function refuseExec(allow: AllowList, runner: Extract<RunnerSpec, { readonly type: "exec" }>): string | null {
  if (runner.start.length === 0) return "It has no start command";
  if (runner.stop.length === 0 && !runner.isForeground) return "It has no stop command and is not in the foreground";
  const commands = [runner.start, runner.stop, runner.monitor].filter((command) => command.length > 0);
  const program = commands.map((command) => refuseProgram(allow, command)).find((why) => why !== null);
  if (program !== undefined) return program;
  const variable = Object.keys(runner.environment).find((name) => !allow.environment.includes(name));
  return variable === undefined ? null : notAllowed("environment variable", variable, "allow.environment");
}

function notAllowed(kind: string, name: string, field: string): string {
  return `The ${kind} ${JSON.stringify(name)} is not in ${field} of this node's agent.yaml; nothing was run`;
}
