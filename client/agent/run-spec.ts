// What an agent runs for a group under one epoch, as plain values that also fit into JSON: the guard process keeps them, and
// an agent that starts anew gets them back from there.

/** How a resource is acted on. */
export type RunnerSpec =
  | {
      readonly type: "exec";
      /** Program by absolute path and its arguments; empty: there is none. */
      readonly start: readonly string[];
      readonly stop: readonly string[];
      readonly monitor: readonly string[];
      /** The start command is the application itself. */
      readonly isForeground: boolean;
      readonly environment: Readonly<Record<string, string>>;
    }
  | { readonly type: "systemd"; readonly unit: string }
  /** `agent`: `provider:type`. */
  | { readonly type: "ocf"; readonly agent: string; readonly parameters: Readonly<Record<string, string>> };

export interface ResourceSpec {
  readonly name: string;
  /** null: nothing is run for it. */
  readonly runner: RunnerSpec | null;
  readonly startTimeoutMs: number;
  readonly stopTimeoutMs: number;
  readonly monitorIntervalMs: number;
  readonly monitorTimeoutMs: number;
  /** For agents of OCF: 0, 10 or 20. */
  readonly monitorDepth: number;
  readonly restartsMax: number;
  readonly isCritical: boolean;
}

/** `resource` starts after `needs`, and stops before them. */
export interface DependencySpec {
  readonly resource: string;
  readonly needs: readonly string[];
  /** One of `needs` is enough. */
  readonly isAnyOf: boolean;
  /** Else order only. */
  readonly isHard: boolean;
  /** Longest wait for `needs`; null: as long as they may take. */
  readonly startWaitMs: number | null;
  /** Longest wait of `needs` for the resource to stop; null: its own time-out. */
  readonly stopWaitMs: number | null;
}

/** A group as this node runs it under `epoch`. */
export interface RunSpec {
  readonly group: string;
  readonly epoch: number;
  /** In the order of the file. */
  readonly resources: readonly ResourceSpec[];
  readonly dependencies: readonly DependencySpec[];
  /** As a share: 0.05 to 0.5. */
  readonly clockRateError: number;
  /** null: a tenth of the ttl. */
  readonly renewIntervalMs: number | null;
}

export type Action = "start" | "stop" | "monitor";

/** How a program, or what had to be done instead of one, has ended. */
export interface ActionOutcome {
  /** Of a program that could not be executed: 5, as the OCF specification has it; null: ended by a signal. */
  readonly exitStatus: number | null;
  /** False: there was nothing to execute, or it could not be. */
  readonly isExecuted: boolean;
  /** It was killed because its time was over. */
  readonly isLate: boolean;
  /** What it has told, or what is told of it; empty: nothing. */
  readonly why: string;
  readonly tookMs: number;
}

/** A right to act, by the clock of boot-clock.ts. */
export interface Right {
  /** Stopping begins now at the latest. */
  readonly stopAtMs: number;
  /** Nothing may run any more. */
  readonly killAtMs: number;
}

/** A process, for as long as the machine is not started again: ids are given anew, and then with another start. */
export interface ProcessId {
  readonly pid: number;
  /** When it began, in the ticks of `/proc`. */
  readonly startTicks: number;
}

/** A foreground resource that may run as this process; null: as which one is not known. */
export interface ForegroundChild {
  readonly resource: string;
  readonly process: ProcessId | null;
}
