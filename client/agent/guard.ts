// The guard's own decisions: it does what its agent asks for as long as that lives, and stops by itself what must not run any
// longer, because a right ends and nobody has stopped it, or because nobody knows what it is. Pure.
//
//   stopAt                         killAt
//     │ agent silent: stop in order   │ kill whatever is left, and stop the rest at once
//     │ agent lives: a grace first    │

import { agentLimits } from "./agent-limits.ts";
import type { FromGuard, ToGuard } from "./guard-messages.ts";
import { type GroupEffect, GuardedGroup } from "./guarded-group.ts";
import type { ActionOutcome, ForegroundChild, ProcessId, Right, RunSpec } from "./run-spec.ts";

export type GuardInput =
  | { readonly type: "connected" | "disconnected" | "deadline" }
  | Exclude<ToGuard, { readonly type: "hello" }>
  /** A command has ended, or a foreground process was started. */
  | {
      readonly type: "acted";
      readonly group: string;
      readonly resource: string;
      readonly action: "start" | "stop";
      readonly outcome: ActionOutcome;
    }
  /** A foreground process is there, and is written down before it is told of. */
  | { readonly type: "spawned"; readonly group: string; readonly resource: string; readonly process: ProcessId }
  /** `left`: processes that may be what is left of it. */
  | {
      readonly type: "childEnded";
      readonly group: string;
      readonly resource: string;
      readonly outcome: ActionOutcome;
      readonly left: number;
    }
  /** What was to be killed is gone, but for `left` processes. `found`: the resources that they were, or are, of. */
  | {
      readonly type: "cleared";
      readonly group: string;
      readonly resource: string | null;
      readonly left: number;
      readonly found: readonly string[];
    }
  /** The commands of a guard before this one are gone. */
  | { readonly type: "commandsEnded"; readonly group: string }
  /** A guard before this one held these groups, and what has become of them is not known. */
  /** Whatever runs is to be stopped in order. */
  | { readonly type: "stopAll"; readonly why: string }
  | { readonly type: "leftover"; readonly groups: readonly LeftoverGroup[]; readonly why: string };

/** What a guard writes down of a group, for the one after it. */
export interface LeftoverGroup {
  readonly spec: RunSpec;
  readonly stopBudgetMs: number;
  /** Resources whose start command was under way. */
  readonly starting: readonly string[];
  readonly children: readonly ForegroundChild[];
  /** The end of its right; null: not known, as it moves without being written down. */
  readonly killAtMs: number | null;
}

export type GuardEffect =
  | GroupEffect
  /** Write down which groups there are. */
  | { readonly type: "persist"; readonly groups: readonly LeftoverGroup[] };

export class Guard {
  readonly #id: string;
  readonly #groups = new Map<string, GuardedGroup>();
  #isConnected = false;
  #heardMs = 0;

  /** @param id told to agents, who mark processes with it */
  constructor(id: string) {
    this.#id = id;
  }

  /** Nobody needs it. */
  get isIdle(): boolean {
    return !this.#isConnected && this.#groups.size === 0;
  }

  specOf(group: string): RunSpec | null {
    return this.#groups.get(group)?.spec ?? null;
  }

  /** Nothing is under way. */
  get isSettled(): boolean {
    return [...this.#groups.values()].every(({ isSettled, isBeingKilled }) => isSettled && !isBeingKilled);
  }

  step(input: GuardInput, nowMs: number): readonly GuardEffect[] {
    const effects = this.#take(input, nowMs);
    return [...effects, ...this.#watch(nowMs)];
  }

  /** null: only an input changes anything. */
  deadlineMs(nowMs: number): number | null {
    const all = [...this.#groups.values()].flatMap((group) => {
      if (group.isOffline || (group.isSettled && group.isSeized && group.isKilled)) return [];
      const kill = group.isKilled ? [] : [killAt(group.right)];
      const seize = group.isSeized ? [] : [this.#seizeAtMs(group.right, nowMs)];
      return [...kill, ...seize, group.deadlineMs(nowMs) ?? []].flat();
    });
    return all.length === 0 ? null : Math.min(...all);
  }

  #take(input: GuardInput, nowMs: number): readonly GuardEffect[] {
    switch (input.type) {
      case "connected":
        this.#isConnected = true;
        this.#heardMs = nowMs;
        return [this.#tell({ type: "state", id: this.#id, groups: this.#held() }), ...this.#tellEnded()];
      case "disconnected":
        this.#isConnected = false;
        return this.#dropEnded();
      case "beat":
        this.#heardMs = nowMs;
        return [];
      case "deadline":
        return this.#isConnected ? [] : this.#dropEnded();
      case "leftover":
        return input.groups.flatMap((group) => this.#takeOver(group, input.why, nowMs));
      case "stopAll":
        return [...this.#groups.values()].flatMap((group) => group.seize(input.why, nowMs));
      case "hold":
        return this.#hold(input.spec, input.right, nowMs);
      default:
        return this.#forGroup(input, nowMs);
    }
  }

  #forGroup(input: Extract<GuardInput, { readonly group: string }>, nowMs: number): readonly GuardEffect[] {
    const group = this.#groups.get(input.group);
    const isOther = "epoch" in input && input.epoch !== group?.epoch;
    if (group === undefined || isOther) return this.#answerUnknown(input);
    switch (input.type) {
      case "extend":
        if (!group.isKilled) group.right = input.right;
        return [];
      case "act":
        return this.#noting(group, () => [
          ...killIfLate(group, nowMs),
          ...(input.action === "start" ? seizeIfLate(group, nowMs) : []),
          ...group.act(input.action, input.resource, nowMs),
        ]);
      case "proved":
        return group.proved(input.resource, nowMs);
      case "kill":
        return [{ type: "kill", group: input.group, resource: input.resource }];
      case "forget":
        if (!group.isSettled || group.isBeingKilled) return [];
        this.#groups.delete(input.group);
        return [this.#persist()];
      case "acted":
        return this.#noting(group, () => group.acted(input.resource, input.action, input.outcome, nowMs));
      case "childEnded":
        return group.childEnded(input.resource, input, nowMs);
      case "spawned":
        group.spawned(input.resource, input.process);
        return [this.#persist()];
      case "cleared":
        return this.#cleared(group, input, nowMs);
      case "commandsEnded":
        return group.commandsEnded(nowMs);
    }
  }

  /** What is started is written down before it is, for a guard after this one. */
  #noting(group: GuardedGroup, act: () => readonly GuardEffect[]): readonly GuardEffect[] {
    const before = startsOf(group);
    const effects = act();
    return startsOf(group) === before ? effects : [this.#persist(), ...effects];
  }

  /** An agent that acts for a group which is not held would wait for ever. */
  #answerUnknown(input: Extract<GuardInput, { readonly group: string }>): readonly GuardEffect[] {
    const { group } = input;
    if (input.type === "act") {
      const { epoch, resource, action } = input;
      const why = "The guard does not hold the group";
      const exitStatus = action === "stop" ? 0 : 1;
      const outcome = { exitStatus, isExecuted: false, isLate: false, why, tookMs: 0 };
      return [this.#tell({ type: "done", group, epoch, resource, action, outcome })];
    }
    if (input.type !== "kill") return [];
    return [this.#tell({ type: "killed", group, epoch: input.epoch, resource: input.resource, left: 0 })];
  }

  #hold(spec: RunSpec, right: Right, nowMs: number): readonly GuardEffect[] {
    const group = this.#groups.get(spec.group);
    const told = { group: spec.group, epoch: spec.epoch };
    const problem = this.#whyNotHeld(group);
    if (problem !== null) return [this.#tell({ type: "refused", ...told, why: problem })];
    // That is over soon, and then it may be held.
    if (group?.isBeingKilled === true) {
      return [this.#tell({ type: "seized", ...told, why: "What it left is still being killed" })];
    }
    this.#groups.set(spec.group, new GuardedGroup(spec, right, nowMs));
    return [this.#persist()];
  }

  #whyNotHeld(group: GuardedGroup | undefined): string | null {
    if (group !== undefined) return group.isOffline ? null : "It runs under another epoch";
    return this.#groups.size < agentLimits.groupsMax ? null : `The guard holds ${agentLimits.groupsMax} groups already`;
  }

  #takeOver(left: LeftoverGroup, why: string, nowMs: number): readonly GuardEffect[] {
    const { spec, stopBudgetMs, killAtMs } = left;
    const right = { stopAtMs: nowMs, killAtMs: Math.min(nowMs + stopBudgetMs, killAtMs ?? Number.POSITIVE_INFINITY) };
    const group = new GuardedGroup(spec, right, nowMs);
    this.#groups.set(spec.group, group);
    return [...group.presume(left, nowMs), ...group.seize(why, nowMs)];
  }

  #cleared(
    group: GuardedGroup,
    { resource, left, found }: Extract<GuardInput, { readonly type: "cleared" }>,
    nowMs: number,
  ): readonly GuardEffect[] {
    group.found(found);
    if (resource === null) return group.killed(nowMs);
    const { name, epoch } = group;
    const told = this.#tell({ type: "killed", group: name, epoch, resource, left: group.leftOf(resource, left) });
    return [...group.cleared(resource, left, nowMs), told];
  }

  /** Whatever has to be done because of the time. */
  #watch(nowMs: number): readonly GuardEffect[] {
    return [...this.#groups.values()].flatMap((group) => {
      const expired = group.expire(nowMs);
      const killed = killIfLate(group, nowMs);
      if (killed.length > 0) return [...expired, ...killed];
      if (group.isSettled && (group.isSeized || group.isOffline)) return expired;
      if (group.isSeized) return [...expired, ...group.sweep(nowMs)];
      if (nowMs < this.#seizeAtMs(group.right, nowMs)) return expired;
      return [...expired, ...group.seize("The right to act ends, and the agent has not stopped it", nowMs)];
    });
  }

  /** When the guard stops a group by itself. An agent that lives is given time to do it. */
  #seizeAtMs({ stopAtMs, killAtMs }: Right, nowMs: number): number {
    const isSilent = !this.#isConnected || nowMs >= this.#heardMs + agentLimits.silenceMs;
    const graceMs = Math.max(0, killAtMs - stopAtMs) / 4;
    return isSilent ? stopAtMs : stopAtMs + Math.min(graceMs, agentLimits.silenceMs);
  }

  /** What has ended is of interest to an agent only, and there is none. */
  #dropEnded(): readonly GuardEffect[] {
    const ended = [...this.#groups.values()].filter(({ isOffline, isBeingKilled }) => isOffline && !isBeingKilled);
    for (const { name } of ended) this.#groups.delete(name);
    return ended.length === 0 ? [] : [this.#persist()];
  }

  #tellEnded(): readonly GuardEffect[] {
    return [...this.#groups.values()].flatMap((group) => group.tellAllEnded());
  }

  #held() {
    return [...this.#groups.values()].map(({ held }) => held);
  }

  #persist(): GuardEffect {
    const groups = [...this.#groups.values()].map(({ spec, right, starting, children }) => {
      const stopBudgetMs = Math.max(0, right.killAtMs - right.stopAtMs);
      return { spec, stopBudgetMs, starting, children, killAtMs: null };
    });
    return { type: "persist", groups };
  }

  #tell(message: FromGuard): GuardEffect {
    return { type: "tell", message };
  }
}

/** Also what was stopped and is dirty: something of it may run. */
function killIfLate(group: GuardedGroup, nowMs: number): readonly GroupEffect[] {
  return group.isOffline || group.isKilled || nowMs < killAt(group.right) ? [] : group.kill(nowMs);
}

/** Where this machine has stood still, an order to start is older than it looks. */
function seizeIfLate(group: GuardedGroup, nowMs: number): readonly GroupEffect[] {
  return nowMs < group.right.stopAtMs ? [] : group.seize("The right to act ends", nowMs);
}

function startsOf({ starting, children }: GuardedGroup): string {
  return [...starting, ...children.map(({ resource }) => resource)].join();
}

function killAt({ killAtMs }: Right): number {
  return killAtMs - agentLimits.killLeadMs;
}
