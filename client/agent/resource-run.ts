// One resource of a group on this node: what is being done with it, how often it has failed, and when it is looked at next.
// Pure. Which resource is started or stopped when is for group-run.ts to say.

import { isForeground, isMonitored, judge, provesStopped, saysStopping, shortened, type Verdict } from "./actions.ts";
import { agentLimits } from "./agent-limits.ts";
import type { Action, ActionOutcome, ResourceSpec } from "./run-spec.ts";

/**
 * - `failed`: it ran and has failed, or could not be started; to be stopped
 * - `killing`: it could not be stopped; whatever is left of it is being killed
 * - `checking`: that is done, and a monitor tells whether it was enough
 * - `stuck`: it may run, and nothing more can be done about it
 */
export type ResourcePhase =
  | "offline"
  | "starting"
  | "online"
  | "failed"
  | "stopping"
  | "killing"
  | "checking"
  | "stuck";

/** What is to be done in the world: `start` and `stop` by the guard, which kills as well; `monitor` by the agent. */
export type ResourceEffect =
  | { readonly type: "start" | "stop" | "kill"; readonly resource: string }
  /** The guard is told that it is stopped, though its stop has failed. */
  | { readonly type: "proved"; readonly resource: string }
  /** `stopsBefore` comes back with the answer. */
  | { readonly type: "monitor"; readonly resource: string; readonly stopsBefore: number };

/** As it is told in a report. */
export interface ResourceStory {
  readonly resource: string;
  readonly phase: ResourcePhase;
  readonly isDegraded: boolean;
  readonly hasGivenUp: boolean;
  readonly why: string;
  readonly exitStatus: number;
  readonly restarts: number;
  /** By the clock of the run. */
  readonly sinceMs: number;
  /** Of the last start, stop and monitor; 0: none yet. */
  readonly tookMs: Readonly<Record<Action, number>>;
}

export class ResourceRun {
  readonly spec: ResourceSpec;
  #phase: ResourcePhase = "offline";
  #sinceMs: number;
  #why = "";
  #exitStatus = 0;
  #restarts = 0;
  #isDegraded = false;
  /** It has failed for good here. */
  #hasGivenUp = false;
  /** It failed, and is started again once it is stopped. */
  #isRestarting = false;
  #isBeingMonitored = false;
  /** Stops that were begun: a monitor that was begun before one says nothing of what is after it. */
  #stops = 0;
  #monitorAtMs: number | null = null;
  readonly #tookMs: Record<Action, number> = { start: 0, stop: 0, monitor: 0 };

  constructor(spec: ResourceSpec, nowMs: number) {
    this.spec = spec;
    this.#sinceMs = nowMs;
  }

  get name(): string {
    return this.spec.name;
  }

  get phase(): ResourcePhase {
    return this.#phase;
  }

  get hasGivenUp(): boolean {
    return this.#hasGivenUp;
  }

  get sinceMs(): number {
    return this.#sinceMs;
  }

  get why(): string {
    return this.#why;
  }

  /** Nothing of it runs, or nothing can be done about what does. */
  get isSettled(): boolean {
    return this.#phase === "offline" || this.#phase === "stuck";
  }

  /** When it has to be looked at, or its stop tried again; null: never. */
  get deadlineMs(): number | null {
    if (this.#phase === "stuck") return this.#sinceMs + agentLimits.stuckPauseMs;
    const isLookedAt = this.#phase === "online" || this.#phase === "checking";
    return isLookedAt && !this.#isBeingMonitored ? this.#monitorAtMs : null;
  }

  get story(): ResourceStory {
    return {
      resource: this.name,
      phase: this.#phase,
      isDegraded: this.#isDegraded,
      hasGivenUp: this.#hasGivenUp,
      why: this.#why,
      exitStatus: this.#exitStatus,
      restarts: this.#restarts,
      sinceMs: this.#sinceMs,
      tookMs: { ...this.#tookMs },
    };
  }

  /** Takes over what another agent has left: it is looked at soon. */
  adopt(phase: "starting" | "online" | "stopping", nowMs: number): void {
    this.#become(phase, nowMs);
    if (phase === "online") this.#monitorAtMs = isMonitored(this.spec) ? nowMs : null;
  }

  /** From `offline`. */
  start(nowMs: number): readonly ResourceEffect[] {
    if (this.#isRestarting) this.#restarts += 1;
    this.#isRestarting = false;
    if (this.spec.runner === null) {
      this.#become("online", nowMs);
      return [];
    }
    this.#become("starting", nowMs);
    return [{ type: "start", resource: this.name }];
  }

  /** From every phase in which it may run. */
  stop(nowMs: number): readonly ResourceEffect[] {
    if (this.spec.runner === null) {
      this.#become("offline", nowMs);
      return [];
    }
    this.#stops += 1;
    this.#isBeingMonitored = false;
    this.#become("stopping", nowMs);
    return [{ type: "stop", resource: this.name }];
  }

  /** It cannot be started here. */
  giveUp(why: string, nowMs: number): void {
    this.#hasGivenUp = true;
    this.#why = shortened(why);
    this.#sinceMs = nowMs;
  }

  started(outcome: ActionOutcome, nowMs: number): void {
    if (this.#phase !== "starting") return;
    this.#tookMs.start = outcome.tookMs;
    this.#exitStatus = outcome.exitStatus ?? 0;
    if (!outcome.isExecuted) {
      this.giveUp(told("Start", outcome), nowMs);
      return this.#become("offline", nowMs);
    }
    const verdict = judge("start", this.spec, outcome);
    if (verdict.type !== "ok") return this.#fail("Start", { outcome, verdict, nowMs });
    this.#why = outcome.why;
    this.#become("online", nowMs);
    this.#monitorAtMs = isMonitored(this.spec) ? nowMs + this.spec.monitorIntervalMs : null;
  }

  stopped(outcome: ActionOutcome, nowMs: number): readonly ResourceEffect[] {
    if (this.#phase !== "stopping") return [];
    this.#tookMs.stop = outcome.tookMs;
    if (judge("stop", this.spec, outcome).type === "ok") {
      this.#become("offline", nowMs);
      return [];
    }
    this.#exitStatus = outcome.exitStatus ?? 0;
    this.#why = told("Stop", outcome);
    this.#become("killing", nowMs);
    return [{ type: "kill", resource: this.name }];
  }

  /** @param left processes that could not be killed; null: none was found, which does not say that none is there */
  killed(left: number | null, nowMs: number): readonly ResourceEffect[] {
    if (this.#phase !== "killing") return [];
    if (left !== null && left > 0) {
      this.#why = `${this.#why}; ${left} of its processes cannot be killed`;
      this.#become("stuck", nowMs);
      return [];
    }
    // A foreground process is gone when nothing of it is left. Of others without a monitor nothing is known.
    const isGone = left === 0 && isForeground(this.spec);
    if (isGone || !isMonitored(this.spec)) {
      this.#become(isGone ? "offline" : "stuck", nowMs);
      return [];
    }
    this.#become("checking", nowMs);
    return this.#monitor();
  }

  /** @param stopsBefore as it was asked for */
  monitored(outcome: ActionOutcome, stopsBefore: number, nowMs: number): readonly ResourceEffect[] {
    if (stopsBefore !== this.#stops) return [];
    this.#isBeingMonitored = false;
    this.#tookMs.monitor = outcome.tookMs;
    if (this.#phase === "checking") return this.#checked(outcome, nowMs);
    if (this.#phase === "online") this.#looked(outcome, nowMs);
    return [];
  }

  #checked(outcome: ActionOutcome, nowMs: number): readonly ResourceEffect[] {
    if (saysStopping(this.spec, outcome) && nowMs < this.#sinceMs + this.spec.stopTimeoutMs) {
      this.#monitorAtMs = nowMs + agentLimits.stoppingPauseMs;
      return [];
    }
    const isStopped = provesStopped(this.spec, outcome);
    this.#become(isStopped ? "offline" : "stuck", nowMs);
    return isStopped ? [{ type: "proved", resource: this.name }] : [];
  }

  #looked(outcome: ActionOutcome, nowMs: number): void {
    const verdict = judge("monitor", this.spec, outcome);
    this.#monitorAtMs = nowMs + this.spec.monitorIntervalMs;
    if (verdict.type === "ok" || verdict.type === "degraded") return this.#runs(verdict, outcome);
    this.#exitStatus = outcome.exitStatus ?? 0;
    this.#fail("Monitor", { outcome, verdict, nowMs });
  }

  /** Of a foreground process that ended by itself. */
  ended(outcome: ActionOutcome, nowMs: number): void {
    if (this.#phase !== "online") return;
    this.#exitStatus = outcome.exitStatus ?? 0;
    this.#fail("Process", { outcome, verdict: { type: "failed", isHard: false }, nowMs });
  }

  /** Looks at it now, or tries again to stop it, if it is time. */
  look(nowMs: number): readonly ResourceEffect[] {
    if ((this.deadlineMs ?? Number.POSITIVE_INFINITY) > nowMs) return [];
    if (this.#phase === "stuck") return this.stop(nowMs);
    return this.#monitor();
  }

  /** The guard is another one: what the one before was doing has to be asked for again, and a start is not waited for. */
  askAgain(nowMs: number): readonly ResourceEffect[] {
    if (this.#phase === "starting") this.#become("failed", nowMs);
    if (this.#phase === "stopping") return [{ type: "stop", resource: this.name }];
    return this.#phase === "killing" ? [{ type: "kill", resource: this.name }] : [];
  }

  #monitor(): readonly ResourceEffect[] {
    this.#isBeingMonitored = true;
    return [{ type: "monitor", resource: this.name, stopsBefore: this.#stops }];
  }

  #runs(verdict: Verdict, { why, exitStatus }: ActionOutcome): void {
    this.#isDegraded = verdict.type === "degraded";
    this.#exitStatus = exitStatus ?? 0;
    this.#why = why;
  }

  #fail(
    what: string,
    { outcome, verdict, nowMs }: { readonly outcome: ActionOutcome; readonly verdict: Verdict; readonly nowMs: number },
  ): void {
    const isHard = verdict.type === "failed" && verdict.isHard;
    this.#hasGivenUp = isHard || this.#restarts >= this.spec.restartsMax;
    this.#isRestarting = !this.#hasGivenUp;
    this.#why = verdict.type === "notRunning" ? "It does not run any more" : told(what, outcome);
    this.#become("failed", nowMs);
  }

  #become(phase: ResourcePhase, nowMs: number): void {
    this.#phase = phase;
    this.#sinceMs = nowMs;
    if (phase !== "online") this.#isDegraded = false;
  }
}

function told(what: string, { exitStatus, isExecuted, isLate, why, tookMs }: ActionOutcome): string {
  const how = isLate
    ? `was not done within ${Math.round(tookMs)} ms`
    : exitStatus === null
      ? "ended by a signal"
      : `ended with ${exitStatus}`;
  const start = isExecuted ? `${what} ${how}` : `${what} was not possible`;
  return shortened(why === "" ? start : `${start}: ${why}`);
}
