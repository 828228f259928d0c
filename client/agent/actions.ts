// What is executed for an action on a resource, and what its end means. Pure: actions become programs in executor.ts.

import { agentLimits } from "./agent-limits.ts";
import type { Action, ActionOutcome, ResourceSpec, RunnerSpec } from "./run-spec.ts";

/** A program with what it is given. */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  /** All of it. */
  readonly environment: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** What it says on standard output tells of a failure as well. */
  readonly isOutputRead?: boolean;
}

/** Where and for whom an action is. */
export interface ActionContext {
  readonly node: string;
  readonly group: string;
  readonly epoch: number;
  /** That the processes of the group are known by. */
  readonly mark: string;
  readonly systemctl: string;
  readonly ocfRoot: string;
  /** What every program is given. */
  readonly environment: Readonly<Record<string, string>>;
}

export type Verdict =
  | { readonly type: "ok" }
  /** It works, and warns. */
  | { readonly type: "degraded" }
  /** Of a monitor: cleanly stopped. */
  | { readonly type: "notRunning" }
  /** `isHard`: starting it again on this node is of no use. */
  | { readonly type: "failed"; readonly isHard: boolean };

/** Environment variables by which the processes of a group are found again. */
export const markVariable = "BAILIWICK_GUARD";
export const resourceVariable = "BAILIWICK_RESOURCE";
/** Of the guard itself: the state directory whose guard it is. Nothing that it starts bears it. */
export const guardVariable = "BAILIWICK_GUARD_STATE";
/** What the application leaves running bears that of its start command. */
export const actionVariable = "BAILIWICK_ACTION";

/** @returns null when there is no program for it: a foreground process is started, ended and looked at by the guard itself */
export function commandFor(action: Action, resource: ResourceSpec, context: ActionContext): Command | null {
  const { runner, name } = resource;
  if (runner === null) return null;
  const marks = {
    BAILIWICK_GROUP: context.group,
    BAILIWICK_NODE: context.node,
    [resourceVariable]: name,
    [actionVariable]: action,
    BAILIWICK_EPOCH: String(context.epoch),
    [markVariable]: context.mark,
  };
  const marked = { ...context.environment, ...marks };
  const timeoutMs = timeoutOf(action, resource);
  switch (runner.type) {
    case "exec": {
      const [file, ...args] = runner[action];
      if (file === undefined) return null;
      return { file, args, environment: { ...context.environment, ...runner.environment, ...marks }, timeoutMs };
    }
    case "systemd":
      return {
        file: context.systemctl,
        args: systemdArguments(action, runner.unit),
        environment: marked,
        timeoutMs,
        isOutputRead: action === "monitor",
      };
    case "ocf": {
      const environment = { ...marked, ...ocfEnvironment(action, resource, { runner, root: context.ocfRoot }) };
      return { file: ocfPath(runner.agent, context.ocfRoot), args: [action], environment, timeoutMs };
    }
  }
}

/** The processes of a unit are the service manager's children and not the guard's. @returns null for other classes */
export function killCommand({ runner }: ResourceSpec, context: ActionContext): Command | null {
  if (runner?.type !== "systemd") return null;
  const args = ["kill", "--signal=SIGKILL", runner.unit];
  return { file: context.systemctl, args, environment: context.environment, timeoutMs: 1_000 };
}

/** Whether somebody has to ask how the resource is; else the guard says when it ends. */
export function isMonitored({ runner }: ResourceSpec): boolean {
  return runner !== null && (runner.type !== "exec" || runner.monitor.length > 0);
}

/** Whether there is a program that stops it. */
export function hasStopCommand({ runner }: ResourceSpec): boolean {
  return runner !== null && (runner.type !== "exec" || runner.stop.length > 0);
}

export function isForeground({ runner }: ResourceSpec): boolean {
  return runner?.type === "exec" && runner.isForeground;
}

/** What the end of an action means for the resource. */
export function judge(action: Action, { runner }: ResourceSpec, outcome: ActionOutcome): Verdict {
  const { exitStatus, isExecuted } = outcome;
  if (exitStatus === 0) return { type: "ok" };
  if (!isExecuted) return { type: "failed", isHard: true };
  switch (runner?.type) {
    case "ocf":
      return judgeOcf(action, exitStatus);
    case "systemd":
      return judgeSystemd(action, outcome);
    default:
      return action === "monitor" && exitStatus === 7 ? { type: "notRunning" } : { type: "failed", isHard: false };
  }
}

/** Whether a monitor's end says for certain that nothing of the resource runs: it is stopped, or not installed at all. */
export function provesStopped(resource: ResourceSpec, outcome: ActionOutcome): boolean {
  if (!outcome.isExecuted) return false;
  if (judge("monitor", resource, outcome).type === "notRunning") return true;
  const type = resource.runner?.type;
  return (type === "ocf" && outcome.exitStatus === 5) || (type === "systemd" && outcome.exitStatus === 4);
}

/** Whether a monitor says that the resource is on its way to a stop: it is to be asked once more. */
export function saysStopping({ runner }: ResourceSpec, { exitStatus, why }: ActionOutcome): boolean {
  return runner?.type === "systemd" && exitStatus === 3 && why === "deactivating";
}

/** As the OCF specification numbers them: arguments, unimplemented, permissions, not installed, not configured. */
const hardStatuses: ReadonlySet<number | null> = new Set([2, 3, 4, 5, 6]);
/** Works, but a failure is near; 191: in the promoted role. */
const degradedStatuses: ReadonlySet<number | null> = new Set([190, 191]);
const promoted = 8;

function judgeOcf(action: Action, exitStatus: number | null): Verdict {
  if (action === "monitor" && exitStatus === promoted) return { type: "ok" };
  if (action === "monitor" && degradedStatuses.has(exitStatus)) return { type: "degraded" };
  if (action === "monitor" && exitStatus === 7) return { type: "notRunning" };
  return { type: "failed", isHard: hardStatuses.has(exitStatus) };
}

/** With 3 `systemctl is-active` ends also for a unit that is on its way, and says which it is. */
const stoppedUnits: ReadonlySet<string> = new Set(["inactive", "failed"]);

/** As `systemctl is-active` ends: 3, see above; 4, no such unit. `start` has 5 for that, and 6 for a bad one. */
function judgeSystemd(action: Action, { exitStatus, why }: ActionOutcome): Verdict {
  if (action === "monitor") {
    const isStopped = exitStatus === 3 && stoppedUnits.has(why);
    return isStopped ? { type: "notRunning" } : { type: "failed", isHard: exitStatus === 4 };
  }
  return { type: "failed", isHard: exitStatus === 5 || exitStatus === 6 };
}

/**
 * What a program says of its failure: the lines that begin with `ocf-exit-reason:`, as the OCF specification has them, or
 * else its last line.
 */
export function reasonIn(stderr: string): string {
  const lines = stderr.split("\n").map((line) => line.trim());
  const reasons = lines.flatMap((line) => /^ocf-exit-reason:\s*(.*)$/.exec(line)?.[1] ?? []);
  const told = reasons.length > 0 ? reasons.join("; ") : (lines.findLast((line) => line !== "") ?? "");
  return shortened(told);
}

/** At most as many bytes as a report may have; never half a character. */
export function shortened(text: string): string {
  const bytes = new TextEncoder().encode(text);
  if (bytes.byteLength <= agentLimits.whyBytesMax) return text;
  return new TextDecoder().decode(bytes.subarray(0, agentLimits.whyBytesMax - 3)).replace(/\uFFFD$/, "");
}

function timeoutOf(action: Action, resource: ResourceSpec): number {
  if (action === "start") return resource.startTimeoutMs;
  return action === "stop" ? resource.stopTimeoutMs : resource.monitorTimeoutMs;
}

function systemdArguments(action: Action, unit: string): readonly string[] {
  return action === "monitor" ? ["is-active", unit] : [action, unit];
}

function ocfPath(agent: string, root: string): string {
  const [provider = "", type = ""] = agent.split(":");
  return `${root}/resource.d/${provider}/${type}`;
}

function ocfEnvironment(
  action: Action,
  resource: ResourceSpec,
  { runner, root }: { readonly runner: Extract<RunnerSpec, { readonly type: "ocf" }>; readonly root: string },
): Readonly<Record<string, string>> {
  const [provider = "", type = ""] = runner.agent.split(":");
  const parameters = Object.entries(runner.parameters).map(([name, value]) => [`OCF_RESKEY_${name}`, value] as const);
  return {
    ...Object.fromEntries(parameters),
    OCF_ROOT: root,
    OCF_RA_VERSION_MAJOR: "1",
    OCF_RA_VERSION_MINOR: "0",
    OCF_RESOURCE_INSTANCE: resource.name,
    OCF_RESOURCE_PROVIDER: provider,
    OCF_RESOURCE_TYPE: type,
    OCF_RESKEY_CRM_meta_timeout: String(timeoutOf(action, resource)),
    OCF_RESKEY_CRM_meta_name: action,
    ...(action === "monitor"
      ? {
          OCF_CHECK_LEVEL: String(resource.monitorDepth),
          OCF_RESKEY_CRM_meta_interval: String(resource.monitorIntervalMs),
        }
      : { OCF_RESKEY_CRM_meta_interval: "0" }),
  };
}
