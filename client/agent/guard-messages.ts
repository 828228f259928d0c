// What an agent and its guard say to each other, one JSON text a line over a socket that only their user can reach.

import type { ActionOutcome, Right, RunSpec } from "./run-spec.ts";

/** From the agent. */
export type ToGuard =
  | { readonly type: "hello"; readonly node: string; readonly settings: GuardSettings }
  /** A sign of life. */
  | { readonly type: "beat" }
  /** From now on this group may run, as long as the right lasts. */
  | { readonly type: "hold"; readonly spec: RunSpec; readonly right: Right }
  | { readonly type: "extend"; readonly group: string; readonly epoch: number; readonly right: Right }
  | {
      readonly type: "act";
      readonly group: string;
      readonly epoch: number;
      readonly resource: string;
      readonly action: "start" | "stop";
    }
  /** A monitor says that the resource is stopped, whose stop had failed. */
  | { readonly type: "proved"; readonly group: string; readonly epoch: number; readonly resource: string }
  /** Kill all processes of a resource. */
  | { readonly type: "kill"; readonly group: string; readonly epoch: number; readonly resource: string }
  /** Nothing of the group runs any more, and nothing will under this epoch. */
  | { readonly type: "forget"; readonly group: string; readonly epoch: number };

/** How the guard executes things. */
export interface GuardSettings {
  readonly systemctl: string;
  readonly ocfRoot: string;
}

/** From the guard. */
export type FromGuard =
  /** The first; `id`: of this guard and the ones after it. */
  | { readonly type: "state"; readonly id: string; readonly groups: readonly HeldGroup[] }
  /** To each sign of life, one. */
  | { readonly type: "alive"; readonly pid: number }
  /** Another agent is there. */
  | { readonly type: "busy" }
  | {
      readonly type: "done";
      readonly group: string;
      readonly epoch: number;
      readonly resource: string;
      readonly action: "start" | "stop";
      readonly outcome: ActionOutcome;
    }
  /** A foreground process ended by itself. */
  | {
      readonly type: "ended";
      readonly group: string;
      readonly epoch: number;
      readonly resource: string;
      readonly outcome: ActionOutcome;
    }
  /** `left`: processes that cannot be killed; null: none was found, and yet the resource is not known to be stopped. */
  | {
      readonly type: "killed";
      readonly group: string;
      readonly epoch: number;
      readonly resource: string;
      readonly left: number | null;
    }
  /** The guard does not hold the group, and would not another time. */
  | { readonly type: "refused"; readonly group: string; readonly epoch: number; readonly why: string }
  /** The guard stops the group by itself, and starts nothing of it any more. */
  | { readonly type: "seized"; readonly group: string; readonly epoch: number; readonly why: string };

/** A group that a guard holds. */
export interface HeldGroup {
  readonly spec: RunSpec;
  readonly right: Right;
  /** Why the guard stops it by itself; null: it does not. */
  readonly seized: string | null;
  /** Of each resource that may run. */
  readonly resources: readonly { readonly name: string; readonly phase: GuardedPhase }[];
}

export type GuardedPhase = "starting" | "running" | "stopping";
