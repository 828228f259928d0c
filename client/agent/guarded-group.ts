// What a guard knows of one group: how far each resource has got, and what is left to be done until nothing of it runs. Pure;
// guard.ts decides when the guard acts by itself.

import { hasStopCommand, isForeground } from "./actions.ts";
import { agentLimits } from "./agent-limits.ts";
import { mayStop, resourceNamed, type StopProgress, stopWaitEnds } from "./dependencies.ts";
import type { FromGuard, HeldGroup } from "./guard-messages.ts";
import type { ActionOutcome, ForegroundChild, ProcessId, ResourceSpec, Right, RunSpec } from "./run-spec.ts";

/** What a guard has the world do; each but `signal`, `abort` and `tell` is answered by an input. */
export type GroupEffect =
  /** Execute a command of the resource. */
  | { readonly type: "run"; readonly group: string; readonly resource: string; readonly action: "start" | "stop" }
  /** Start its foreground process; answered when it has been, and when it has ended. */
  | { readonly type: "spawn"; readonly group: string; readonly resource: string }
  /** Look after the one that a guard before has started; answered when it has ended. */
  | { readonly type: "adopt"; readonly group: string; readonly resource: string; readonly process: ProcessId }
  /** To the foreground process and its children. */
  | {
      readonly type: "signal";
      readonly group: string;
      readonly resource: string;
      readonly signal: "SIGTERM" | "SIGKILL";
    }
  /** End the start command that is under way. */
  | { readonly type: "abort"; readonly group: string; readonly resource: string }
  /** Kill everything that bears the mark of the group, or of one resource of it. */
  | { readonly type: "kill"; readonly group: string; readonly resource: string | null }
  /** Kill the commands that a guard before had under way, and what the starts among them have begun. */
  | { readonly type: "endCommands"; readonly group: string; readonly starting: readonly string[] }
  | { readonly type: "tell"; readonly message: FromGuard };

/** `dirty`: it was stopped, and that failed. */
type Phase = "offline" | "starting" | "running" | "stopping" | "dirty";

interface Guarded {
  readonly spec: ResourceSpec;
  phase: Phase;
  sinceMs: number;
  /** Its foreground process lives. */
  hasChild: boolean;
  /** A foreground process was started, or is just being. */
  mayHaveProcess: boolean;
  /** That one; null: not known. */
  process: ProcessId | null;
  /** How the last one ended. */
  ended: ActionOutcome | null;
  /** The start command is under way, also when its stop has been asked for. */
  isStartRunning: boolean;
  /** The stop command is under way. */
  isCommandRunning: boolean;
  /** The stop command was under way when everything was killed. */
  isCutOff: boolean;
  /** What is left of a foreground process is being killed. */
  isBeingKilled: boolean;
  /** When it was killed because its time was over; null: it was not. */
  killedMs: number | null;
}

const done: ActionOutcome = { exitStatus: 0, isExecuted: true, isLate: false, why: "", tookMs: 0 };

export class GuardedGroup {
  spec: RunSpec;
  right: Right;
  #seized: string | null = null;
  #isKilled = false;
  #isBeingKilled = false;
  /** Commands of a guard before this one are being killed. */
  #isEndingCommands = false;
  readonly #resources: ReadonlyMap<string, Guarded>;

  constructor(spec: RunSpec, right: Right, nowMs: number) {
    this.spec = spec;
    this.right = right;
    this.#resources = new Map(
      spec.resources.map((resource) => [resource.name, { ...fresh, spec: resource, sinceMs: nowMs }]),
    );
  }

  get name(): string {
    return this.spec.group;
  }

  get epoch(): number {
    return this.spec.epoch;
  }

  get isSeized(): boolean {
    return this.#seized !== null;
  }

  get isKilled(): boolean {
    return this.#isKilled;
  }

  /** All that bears its mark is being killed, under whatever epoch. */
  get isBeingKilled(): boolean {
    return this.#isKilling;
  }

  /** Nothing of it runs. */
  get isOffline(): boolean {
    return this.#all.every(({ phase }) => phase === "offline");
  }

  /** Nothing is under way that changes anything. */
  get isSettled(): boolean {
    return this.#all.every(({ phase }) => phase === "offline" || phase === "dirty");
  }

  /** Whose start command is under way: it would go on without its guard. */
  get starting(): readonly string[] {
    return this.#all.flatMap(({ spec, isStartRunning }) => (isStartRunning ? [spec.name] : []));
  }

  /** Foreground processes that may run. */
  get children(): readonly ForegroundChild[] {
    return this.#all.flatMap(({ spec, mayHaveProcess, process }) =>
      mayHaveProcess ? [{ resource: spec.name, process }] : [],
    );
  }

  get held(): HeldGroup {
    const resources = this.#all.flatMap(({ spec, phase }) => {
      if (phase === "offline") return [];
      return [{ name: spec.name, phase: phase === "dirty" ? ("running" as const) : phase }];
    });
    return { spec: this.spec, right: this.right, seized: this.#seized, resources };
  }

  /**
   * Whatever a guard before may have left running is to be stopped, and not while a command of that one goes on: a start that
   * ends after the stop would leave what nobody knows of.
   */
  presume(
    { starting, children }: { readonly starting: readonly string[]; readonly children: readonly ForegroundChild[] },
    nowMs: number,
  ): readonly GroupEffect[] {
    for (const resource of this.#all) become(resource, "running", nowMs);
    this.#isEndingCommands = true;
    const adopted = children.flatMap((child) => this.#adopt(child));
    return [...adopted, { type: "endCommands", group: this.name, starting }];
  }

  #adopt({ resource: name, process }: ForegroundChild): readonly GroupEffect[] {
    const resource = this.#resources.get(name);
    if (resource === undefined) return [];
    resource.mayHaveProcess = true;
    resource.process = process;
    resource.hasChild = process !== null;
    return process === null ? [] : [{ type: "adopt", group: this.name, resource: name, process }];
  }

  /** See {@link presume}. */
  commandsEnded(nowMs: number): readonly GroupEffect[] {
    this.#isEndingCommands = false;
    return this.sweep(nowMs);
  }

  act(action: "start" | "stop", name: string, nowMs: number): readonly GroupEffect[] {
    return action === "start" ? this.#start(name, nowMs) : this.#stop(name, nowMs);
  }

  #start(name: string, nowMs: number): readonly GroupEffect[] {
    const resource = this.#resources.get(name);
    if (resource === undefined || this.isSeized || resource.phase !== "offline") {
      return [this.#tellDone(name, "start", refused(this.#seized ?? "It is not stopped"))];
    }
    become(resource, "starting", nowMs);
    const at = { group: this.name, resource: name };
    if (isForeground(resource.spec)) {
      resource.mayHaveProcess = true;
      return [{ type: "spawn", ...at }];
    }
    resource.isStartRunning = true;
    return [{ type: "run", ...at, action: "start" }];
  }

  #stop(name: string, nowMs: number): readonly GroupEffect[] {
    const resource = this.#resources.get(name);
    const isNothing = resource === undefined || resource.spec.runner === null || resource.phase === "offline";
    if (isNothing) return [this.#tellDone(name, "stop", done)];
    // A command would be killed as well; when that is done everything is stopped.
    if (resource.phase === "stopping" || this.#isKilling) return [];
    if (resource.phase === "starting") {
      become(resource, "stopping", nowMs);
      // Answered as started, whatever becomes of it: then it is stopped.
      return [{ type: "abort", group: this.name, resource: name }];
    }
    become(resource, "stopping", nowMs);
    return this.#beginStop(resource, nowMs);
  }

  /** It was stopped, and that failed; and now it is known to be stopped nevertheless. */
  proved(name: string, nowMs: number): readonly GroupEffect[] {
    const resource = this.#resources.get(name);
    if (resource?.phase === "dirty") become(resource, "offline", nowMs);
    return this.sweep(nowMs);
  }

  /** Its foreground process is there, and not yet told of. */
  spawned(name: string, process: ProcessId): void {
    const resource = this.#resources.get(name);
    if (resource !== undefined) resource.process = process;
  }

  /** The command of an action has ended, or the foreground process was started. */
  acted(name: string, action: "start" | "stop", outcome: ActionOutcome, nowMs: number): readonly GroupEffect[] {
    const resource = this.#resources.get(name);
    if (resource === undefined) return [];
    return action === "start" ? this.#started(resource, outcome, nowMs) : this.#commanded(resource, outcome, nowMs);
  }

  /** @param left what may be left of it: it has no id any more that it would be known by */
  childEnded(
    name: string,
    { outcome, left }: { readonly outcome: ActionOutcome; readonly left: number },
    nowMs: number,
  ): readonly GroupEffect[] {
    const resource = this.#resources.get(name);
    if (resource === undefined) return [];
    resource.hasChild = false;
    resource.ended = outcome;
    if (left > 0) resource.process = null;
    if (resource.phase === "stopping") return this.#maybeClear(resource);
    // It had outlived its stop. An agent tries that again by itself.
    if (resource.phase === "dirty" && this.isSeized) return this.#stopAgain(resource, nowMs);
    // Of what the guard stops by itself nobody has to hear: its turn to be stopped comes.
    if (resource.phase !== "running" || this.isSeized) return [];
    become(resource, "dirty", nowMs);
    return this.#tellEnded(resource);
  }

  /** Of the foreground processes that have ended by themselves: an agent that begins anew has not heard of them. */
  tellAllEnded(): readonly GroupEffect[] {
    return this.#all.flatMap((resource) => (resource.phase === "dirty" ? this.#tellEnded(resource) : []));
  }

  /** Of these resources something was found and killed: so what was not known to run was that. */
  found(names: readonly string[]): void {
    const isFound = (resource: Guarded) => isUnknown(resource) && names.includes(resource.spec.name);
    for (const resource of this.#all.filter(isFound)) resource.mayHaveProcess = false;
  }

  /** @param left that was found @returns null: none is known of, and yet there may be one */
  leftOf(name: string, left: number): number | null {
    const resource = this.#resources.get(name);
    // On its way out it has no environment that it would be found by.
    if (resource?.hasChild === true) return Math.max(1, left);
    return left === 0 && resource !== undefined && isUnknown(resource) ? null : left;
  }

  /** What is left of a foreground resource has been killed. */
  cleared(name: string, left: number, nowMs: number): readonly GroupEffect[] {
    const resource = this.#resources.get(name);
    if (resource === undefined || !resource.isBeingKilled) return [];
    resource.isBeingKilled = false;
    const tookMs = nowMs - resource.sinceMs;
    const why = resource.killedMs !== null ? "It was killed, because it did not end by itself" : "";
    if (left === 0 && !isUnknown(resource)) return this.#stopped(resource, { ...done, why, tookMs }, nowMs);
    const problem = left === 0 ? notKnown : `${left} of its processes cannot be killed`;
    return this.#stopped(resource, { ...done, exitStatus: 1, why: problem, tookMs }, nowMs);
  }

  /** The guard stops it by itself from now on. */
  seize(why: string, nowMs: number): readonly GroupEffect[] {
    return this.isSeized ? [] : [this.#seize(why), ...this.sweep(nowMs)];
  }

  /** Its time is over. What is not a process is stopped when all processes are gone: stop commands would be killed as well. */
  kill(nowMs: number): readonly GroupEffect[] {
    const seizure = this.isSeized ? [] : [this.#seize("The right to act has ended")];
    this.#isKilled = true;
    this.#isBeingKilled = true;
    for (const resource of this.#all) resource.isCutOff = resource.isCommandRunning;
    // A program that overwrites its environment does not bear the mark any more.
    const children = this.#all.filter(({ hasChild }) => hasChild).map((resource) => this.#killChild(resource, nowMs));
    return [...seizure, ...children, { type: "kill", group: this.name, resource: null }];
  }

  /** All that could be killed has been. What could not be stopped before may be stopped now: it is tried once more. */
  killed(nowMs: number): readonly GroupEffect[] {
    this.#isBeingKilled = false;
    for (const resource of this.#all) if (resource.phase === "dirty") become(resource, "running", nowMs);
    return this.sweep(nowMs);
  }

  /** Of a group that the guard stops: stops what may be, in order; after its time, everything at once. */
  sweep(nowMs: number): readonly GroupEffect[] {
    if (!this.isSeized || this.#isKilling) return [];
    const question = this.#question(nowMs);
    const isNext = ({ phase, spec }: Guarded) =>
      (phase === "running" || phase === "starting") && (this.#isKilled || mayStop(spec.name, question));
    return this.#all.flatMap((resource) => (isNext(resource) ? this.#stop(resource.spec.name, nowMs) : []));
  }

  /** A foreground process that does not end in time is killed; of one that this does not end either the stop has failed. */
  expire(nowMs: number): readonly GroupEffect[] {
    const overdue = this.#all.filter((resource) => (this.#childDeadlineMs(resource) ?? nowMs + 1) <= nowMs);
    return overdue.flatMap((resource) => {
      if (resource.killedMs === null) return [this.#killChild(resource, nowMs)];
      const why = "Its process was killed, and has not ended";
      return this.#stopped(resource, { ...done, exitStatus: 1, why, tookMs: nowMs - resource.sinceMs }, nowMs);
    });
  }

  /** When {@link sweep} or {@link expire} may find something to do; null: not by itself. */
  deadlineMs(nowMs: number): number | null {
    const ends = this.#all.flatMap((resource) => this.#childDeadlineMs(resource) ?? []);
    const waits = this.isSeized ? stopWaitEnds(this.#question(nowMs)).filter((endMs) => endMs > nowMs) : [];
    const all = [...ends, ...waits];
    return all.length === 0 ? null : Math.min(...all);
  }

  #seize(why: string): GroupEffect {
    this.#seized = why;
    return { type: "tell", message: { type: "seized", group: this.name, epoch: this.epoch, why } };
  }

  #beginStop(resource: Guarded, nowMs: number): readonly GroupEffect[] {
    const at = { group: this.name, resource: resource.spec.name };
    if (hasStopCommand(resource.spec)) {
      resource.isCommandRunning = true;
      return [{ type: "run", ...at, action: "stop" }];
    }
    return resource.hasChild ? [this.#endChild(resource, nowMs)] : this.#maybeClear(resource);
  }

  #started(resource: Guarded, outcome: ActionOutcome, nowMs: number): readonly GroupEffect[] {
    const { name } = resource.spec;
    resource.isStartRunning = false;
    resource.hasChild = isForeground(resource.spec) && outcome.exitStatus === 0;
    const told = this.#tellDone(name, "start", outcome);
    if (resource.phase === "stopping" && !this.#isBeingKilled) return [told, ...this.#beginStop(resource, nowMs)];
    if (resource.phase !== "stopping" && resource.phase !== "starting") return [];
    const mayRun = outcome.isExecuted || resource.phase === "stopping";
    become(resource, mayRun ? "running" : "offline", nowMs);
    return [told, ...this.sweep(nowMs)];
  }

  #commanded(resource: Guarded, outcome: ActionOutcome, nowMs: number): readonly GroupEffect[] {
    if (resource.phase !== "stopping") return [];
    resource.isCommandRunning = false;
    if (!isForeground(resource.spec)) return this.#stopped(resource, outcome, nowMs);
    if (outcome.exitStatus !== 0 && resource.hasChild) return [this.#endChild(resource, nowMs)];
    return this.#maybeClear(resource);
  }

  #endChild(resource: Guarded, nowMs: number): GroupEffect {
    if (this.#isKilled) return this.#killChild(resource, nowMs);
    return { type: "signal", group: this.name, resource: resource.spec.name, signal: "SIGTERM" };
  }

  #killChild(resource: Guarded, nowMs: number): GroupEffect {
    resource.killedMs ??= nowMs;
    return { type: "signal", group: this.name, resource: resource.spec.name, signal: "SIGKILL" };
  }

  /** A foreground resource is stopped when its process is gone, and what that has left behind. */
  #maybeClear(resource: Guarded): readonly GroupEffect[] {
    if (resource.hasChild || resource.isCommandRunning || resource.isBeingKilled) return [];
    resource.isBeingKilled = true;
    return [{ type: "kill", group: this.name, resource: resource.spec.name }];
  }

  #stopped(resource: Guarded, outcome: ActionOutcome, nowMs: number): readonly GroupEffect[] {
    if (outcome.exitStatus !== 0 && resource.isCutOff) return this.#stopAgain(resource, nowMs);
    become(resource, outcome.exitStatus === 0 ? "offline" : "dirty", nowMs);
    resource.killedMs = null;
    return [this.#tellDone(resource.spec.name, "stop", outcome), ...this.sweep(nowMs)];
  }

  /** Its command was killed, which says nothing of the resource, or its process has ended after all. An agent hears how the next one ends. */
  #stopAgain(resource: Guarded, nowMs: number): readonly GroupEffect[] {
    resource.isCutOff = false;
    become(resource, "running", nowMs);
    return this.sweep(nowMs);
  }

  #childDeadlineMs({ phase, hasChild, killedMs, sinceMs, spec, isCommandRunning }: Guarded): number | null {
    if (phase !== "stopping" || !hasChild) return null;
    if (killedMs === null) return sinceMs + spec.stopTimeoutMs;
    return isCommandRunning ? null : killedMs + agentLimits.killPatienceMs;
  }

  #tellEnded({ spec, ended, hasChild }: Guarded): readonly GroupEffect[] {
    if (ended === null || hasChild) return [];
    const { name: group, epoch } = this;
    return [{ type: "tell", message: { type: "ended", group, epoch, resource: spec.name, outcome: ended } }];
  }

  #tellDone(resource: string, action: "start" | "stop", outcome: ActionOutcome): GroupEffect {
    const { name: group, epoch } = this;
    return { type: "tell", message: { type: "done", group, epoch, resource, action, outcome } };
  }

  #question(nowMs: number) {
    return {
      dependencies: this.spec.dependencies,
      timeoutOf: (name: string) => resourceNamed(this.spec, name)?.stopTimeoutMs ?? 0,
      progressOf: (name: string) => progressOf(this.#resources.get(name)),
      nowMs,
    };
  }

  get #isKilling(): boolean {
    return this.#isBeingKilled || this.#isEndingCommands;
  }

  get #all(): readonly Guarded[] {
    return [...this.#resources.values()];
  }
}

const fresh = {
  phase: "offline",
  hasChild: false,
  mayHaveProcess: false,
  process: null,
  ended: null,
  isStartRunning: false,
  isCommandRunning: false,
  isCutOff: false,
  isBeingKilled: false,
  killedMs: null,
} as const;

function become(resource: Guarded, phase: Phase, nowMs: number): void {
  resource.phase = phase;
  resource.sinceMs = nowMs;
  if (phase !== "offline") return;
  resource.mayHaveProcess = false;
  resource.process = null;
}

/** Only its mark would tell it, which a program may hide. */
function isUnknown({ mayHaveProcess, process }: Guarded): boolean {
  return mayHaveProcess && process === null;
}

const notKnown = "It is not known to be stopped: nothing was written down of its process, and none bears its mark";

function progressOf(resource: Guarded | undefined): StopProgress {
  const { phase = "offline", sinceMs = 0 } = resource ?? {};
  return {
    isStopped: phase === "offline" || phase === "dirty",
    stoppingSinceMs: phase === "stopping" ? sinceMs : null,
  };
}

function refused(why: string): ActionOutcome {
  return { exitStatus: 1, isExecuted: false, isLate: false, why, tookMs: 0 };
}
