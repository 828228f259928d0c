// The agent's decisions: which groups it runs under which right, what it reports of them, and what it asks of its guard. Pure;
// agent.ts carries its effects out. How a group is run is group-run.ts's.

import { isName } from "../../proto/ids.ts";
import { isForeground } from "./actions.ts";
import { agentLimits } from "./agent-limits.ts";
import { type AllowList, type Refusal, refuse, withNames } from "./allow-list.ts";
import { type Adopted, GroupRun, type RunState } from "./group-run.ts";
import type { LeftoverGroup } from "./guard.ts";
import type { FromGuard, HeldGroup, ToGuard } from "./guard-messages.ts";
import { unknownChildren } from "./held-groups.ts";
import type { ResourceEffect, ResourcePhase, ResourceStory } from "./resource-run.ts";
import type { ActionOutcome, Right, RunSpec } from "./run-spec.ts";

/** What a group has answered to a report. */
export interface Grant {
  readonly group: string;
  readonly epoch: number;
  readonly isGranted: boolean;
  readonly ttlMs: number;
  readonly stopBudgetMs: number;
  /** No time ends it. */
  readonly isEndless: boolean;
  readonly isWantedOnline: boolean;
  readonly why: string;
}

/** What is reported of a group. */
export interface GroupStory {
  readonly group: string;
  readonly epoch: number;
  readonly renews: boolean;
  readonly state: RunState;
  /** Nothing of it runs here. */
  readonly isSafe: boolean;
  readonly why: string;
  readonly resources: readonly ResourceStory[];
}

export type AgentInput =
  | { readonly type: "guard"; readonly message: FromGuard }
  /** The guard has ended, and another one in its place knows what it held. */
  | { readonly type: "guardLost" }
  | {
      readonly type: "monitored";
      readonly group: string;
      readonly epoch: number;
      readonly resource: string;
      readonly outcome: ActionOutcome;
      readonly stopsBefore: number;
    }
  /** `spec` null: it could not be read. Its epoch is the group's at that time. */
  | { readonly type: "read"; readonly group: string; readonly epoch: number; readonly spec: RunSpec | null }
  /** The answer to a report of `stories` that was sent at `sentMs`; no grant: the group could not be asked. */
  | {
      readonly type: "answered";
      readonly sentMs: number;
      readonly stories: readonly GroupStory[];
      readonly grants: readonly Grant[];
    }
  /** Stop everything in order, and begin nothing. */
  | { readonly type: "leave" }
  /** Stop everything now. */
  | { readonly type: "force" }
  | { readonly type: "deadline" };

export type AgentEffect =
  | { readonly type: "tell"; readonly message: ToGuard }
  /** Answered by `monitored`. */
  | { readonly type: "monitor"; readonly spec: RunSpec; readonly resource: string; readonly stopsBefore: number }
  /** Answered by `read`. */
  | { readonly type: "read"; readonly group: string; readonly epoch: number };

interface Held {
  readonly group: string;
  readonly epoch: number;
  /** null: its configuration is being read. */
  run: GroupRun | null;
  right: Right;
  /** As it was granted last. */
  ttlMs: number;
  stopBudgetMs: number;
}

const clockRateErrorLeast = 0.05;

export class AgentCore {
  readonly #allow: AllowList;
  readonly #held = new Map<string, Held>();
  /** Groups that are wanted offline and do not run: this is told once more, with the next report. */
  readonly #notices = new Map<string, number>();
  #isLeaving = false;
  /** Without a guard nothing is begun. */
  #hasGuard = false;
  /** null: there has been none yet, or it is there. */
  #guardlessSinceMs: number | null = null;

  constructor(allow: AllowList) {
    this.#allow = allow;
  }

  /** It was told to end. */
  get isLeaving(): boolean {
    return this.#isLeaving;
  }

  /** It was told to end, and nothing runs any more that it could stop. Whether that was heard is not waited for. */
  get isDone(): boolean {
    return this.#isLeaving && this.isSettled;
  }

  /** Every group has heard what has stopped here. */
  get isHeard(): boolean {
    return this.stories.every(({ state }) => state !== "offline");
  }

  /** Nothing is held but what has stopped, or cannot be: another guard may be begun with. */
  get isSettled(): boolean {
    const isOver = ({ run }: Held) => run === null || run.state === "error" || run.state === "offline";
    return [...this.#held.values()].every(isOver);
  }

  /** Of the groups of which something may run. */
  get rights(): ReadonlyMap<string, Right> {
    const running = [...this.#held.values()].filter(({ run }) => run !== null && !run.isSafe);
    return new Map(running.map(({ group, right }) => [group, right]));
  }

  /** Those that the guard must not miss the end of: in error nothing is tried any more. */
  get urgentRights(): readonly Right[] {
    const { rights } = this;
    return [...rights].flatMap(([group, right]) => (this.#held.get(group)?.run?.state === "error" ? [] : [right]));
  }

  /** These groups for a guard that knows nothing of them. A start may be under way of whatever is not known to be online. */
  get mayRun(): readonly LeftoverGroup[] {
    return [...this.#held.values()].flatMap(({ run, right, stopBudgetMs }) => {
      if (run === null || run.isSafe) return [];
      const { spec, stories } = run;
      const isIn = (name: string, ...phases: readonly ResourcePhase[]) =>
        stories.some(({ resource, phase }) => resource === name && phases.includes(phase));
      const commanded = spec.resources.filter((resource) => !isForeground(resource) && !isIn(resource.name, "online"));
      const starting = commanded.map(({ name }) => name);
      const children = unknownChildren(spec).filter(({ resource }) => !isIn(resource, "offline"));
      return [{ spec, stopBudgetMs, starting, children, killAtMs: right.killAtMs }];
    });
  }

  /** What the next report says. */
  get stories(): readonly GroupStory[] {
    const notices = [...this.#notices].map(([group, epoch]) => ({ ...offline, group, epoch }));
    return [...[...this.#held.values()].map(toStory), ...notices];
  }

  /** Between two reports. */
  get intervalMs(): number {
    const intervals = [...this.#held.values()].map(
      ({ run, ttlMs }) => run?.spec.renewIntervalMs ?? (ttlMs === 0 ? agentLimits.idleIntervalMs : ttlMs / 10),
    );
    return Math.max(agentLimits.intervalMsMin, Math.min(agentLimits.idleIntervalMs, ...intervals));
  }

  /** The shortest right; null: there is none. */
  get ttlMsLeast(): number | null {
    const all = [...this.#held.values()].flatMap(({ ttlMs }) => (ttlMs === 0 ? [] : [ttlMs]));
    return all.length === 0 ? null : Math.min(...all);
  }

  step(input: AgentInput, nowMs: number): readonly AgentEffect[] {
    const effects = this.#take(input, nowMs);
    return [...effects, ...this.#endRights(nowMs)];
  }

  /** null: only an input changes anything. */
  deadlineMs(nowMs: number): number | null {
    const all = [...this.#held.values()].flatMap(({ run, right }) => [
      ...(run?.isEnding === true ? [] : [right.stopAtMs]),
      ...[run?.deadlineMs(nowMs) ?? []].flat(),
    ]);
    return all.length === 0 ? null : Math.min(...all);
  }

  #take(input: AgentInput, nowMs: number): readonly AgentEffect[] {
    switch (input.type) {
      case "guard":
        return this.#hearGuard(input.message, nowMs);
      case "guardLost":
        this.#hasGuard = false;
        this.#guardlessSinceMs = nowMs;
        this.#forgetUnread();
        return this.#each((held) => this.#drive(held, (run) => run.step({ type: "guardLost" }, nowMs)));
      case "monitored": {
        const { type, resource, outcome, stopsBefore } = input;
        return this.#driveAt(input, (run) => run.step({ type, resource, outcome, stopsBefore }, nowMs));
      }
      case "read":
        return this.#beginRead(input, nowMs);
      case "answered":
        return this.#hearAnswer(input, nowMs);
      case "leave":
        this.#isLeaving = true;
        return this.#each((held) => this.#release(held, "The agent was told to end", nowMs));
      case "force":
        this.#isLeaving = true;
        return this.#each((held) => this.#curtail(held, { stopAtMs: nowMs, killAtMs: nowMs }));
      case "deadline":
        return this.#each((held) => this.#drive(held, (run) => run.step({ type: "deadline" }, nowMs)));
    }
  }

  #hearGuard(message: FromGuard, nowMs: number): readonly AgentEffect[] {
    switch (message.type) {
      case "state":
        this.#hasGuard = true;
        this.#guardlessSinceMs = null;
        return message.groups.flatMap((group) => this.#adopt(group, nowMs));
      case "busy":
      case "alive":
        return [];
      case "done": {
        const { resource, outcome } = message;
        const type = message.action === "start" ? "started" : "stopped";
        return this.#driveAt(message, (run) => run.step({ type, resource, outcome }, nowMs));
      }
      case "ended": {
        const { resource, outcome } = message;
        return this.#driveAt(message, (run) => run.step({ type: "ended", resource, outcome }, nowMs));
      }
      case "killed": {
        const { resource, left } = message;
        return this.#driveAt(message, (run) => run.step({ type: "killed", resource, left }, nowMs));
      }
      case "refused":
        return this.#driveAt(message, (run) => run.step({ type: "refused", why: message.why }, nowMs));
      case "seized":
        return this.#driveAt(message, (run) => run.step({ type: "release", why: message.why }, nowMs));
    }
  }

  /** What runs already, started by an agent before this one. */
  #adopt({ spec, right, seized, resources }: HeldGroup, nowMs: number): readonly AgentEffect[] {
    if (this.#held.has(spec.group)) return [];
    const run = new GroupRun(spec, nowMs);
    const { group, epoch } = spec;
    const stopBudgetMs = Math.max(0, right.killAtMs - right.stopAtMs);
    const held = { group, epoch, run, right, ttlMs: 0, stopBudgetMs };
    this.#held.set(group, held);
    const adopted: Adopted = new Map(
      resources.map(({ name, phase }) => [name, phase === "running" ? "online" : phase] as const),
    );
    const effects = this.#drive(held, () => run.adopt(adopted, refuse(this.#allow, spec), nowMs));
    const isOver = seized ?? (resources.length === 0 ? "An agent that has ended has stopped it" : null);
    return isOver === null && !this.#isLeaving ? effects : [...effects, ...this.#release(held, isOver ?? "", nowMs)];
  }

  #beginRead(
    { group, epoch, spec }: Extract<AgentInput, { readonly type: "read" }>,
    nowMs: number,
  ): readonly AgentEffect[] {
    const held = this.#held.get(group);
    if (held === undefined || held.epoch !== epoch || held.run !== null) return [];
    if (spec === null) return [{ type: "read", group, epoch }];
    if (spec.epoch !== epoch) {
      // A grant of the newer epoch is on its way, or this one was not yet there where the question went.
      this.#held.delete(group);
      return [];
    }
    return this.#begin(held, spec, nowMs);
  }

  /** What another guard is to hold is granted anew. */
  #forgetUnread(): void {
    for (const { group, run } of this.#held.values()) if (run === null) this.#held.delete(group);
  }

  #begin(held: Held, spec: RunSpec, nowMs: number): readonly AgentEffect[] {
    const run = new GroupRun(withNames(spec), nowMs);
    held.run = run;
    held.right = withinRate(held, spec);
    const refusal = refuse(this.#allow, spec) ?? this.#refuseGuardless(spec, nowMs);
    if (refusal !== null) {
      run.refuse(refusal);
      return [];
    }
    if (!this.#hasGuard || this.#isLeaving || nowMs >= held.right.stopAtMs) {
      this.#held.delete(held.group);
      return [];
    }
    const hold: AgentEffect = { type: "tell", message: { type: "hold", spec, right: held.right } };
    return [hold, ...this.#drive(held, () => run.begin(nowMs))];
  }

  /** Without a word the group would wait for this node, for however long that has no guard. */
  #refuseGuardless({ resources }: RunSpec, nowMs: number): Refusal | null {
    if (!this.#isGuardless(nowMs)) return null;
    return { resource: resources[0]?.name ?? "", why: "The agent of this node has no guard process; nothing was run" };
  }

  #isGuardless(nowMs: number): boolean {
    return this.#guardlessSinceMs !== null && nowMs >= this.#guardlessSinceMs + agentLimits.guardlessMs;
  }

  #hearAnswer(
    { sentMs, stories, grants }: Extract<AgentInput, { readonly type: "answered" }>,
    nowMs: number,
  ): readonly AgentEffect[] {
    // A group that could not be asked has heard nothing.
    const answered = new Set(grants.map(({ group }) => group));
    const forgotten = stories.flatMap((story) => (answered.has(story.group) ? this.#noteTold(story) : []));
    const effects = grants.flatMap((grant) => this.#hearGrant(grant, { sentMs, stories, nowMs }));
    return [...forgotten, ...effects];
  }

  /** The group has heard that nothing of it runs here: that is the end of it. */
  #noteTold({ group, epoch, state }: GroupStory): readonly AgentEffect[] {
    if (state !== "offline") return [];
    if (this.#notices.get(group) === epoch) this.#notices.delete(group);
    const held = this.#held.get(group);
    return held?.epoch === epoch && held.run?.state === "offline" ? this.#forget(held) : [];
  }

  #hearGrant(
    grant: Grant,
    {
      sentMs,
      stories,
      nowMs,
    }: { readonly sentMs: number; readonly stories: readonly GroupStory[]; readonly nowMs: number },
  ): readonly AgentEffect[] {
    const held = this.#held.get(grant.group);
    if (held === undefined) return this.#hearOfNew(grant, { sentMs, stories, nowMs });
    if (grant.epoch < held.epoch) return [];
    if (!grant.isGranted) return this.#lose(held, grant, nowMs);
    if (grant.epoch > held.epoch) return this.#giveUp(held, `The group has given it anew: ${grant.why}`, nowMs);
    if (grant.ttlMs === 0) return [];
    const renewed = this.#renew(held, grant, sentMs);
    return grant.isWantedOnline ? renewed : [...renewed, ...this.#giveUp(held, grant.why, nowMs)];
  }

  #hearOfNew(
    grant: Grant,
    {
      sentMs,
      stories,
      nowMs,
    }: { readonly sentMs: number; readonly stories: readonly GroupStory[]; readonly nowMs: number },
  ): readonly AgentEffect[] {
    const { group, epoch, isGranted, ttlMs, stopBudgetMs } = grant;
    // Names become paths.
    if (!isGranted || ttlMs === 0 || !isName(group)) return [];
    const wasTold = stories.some(
      (story) => story.group === group && story.epoch === epoch && story.state === "offline",
    );
    // Who ends says so as well, or the group would wait for it.
    if (!grant.isWantedOnline || this.#isLeaving) {
      if (!wasTold && this.#notices.size < agentLimits.groupsMax) this.#notices.set(group, epoch);
      return [];
    }
    // One word on a group at a time: that nothing of it runs is told before anything does.
    if (this.#notices.get(group) === epoch) return [];
    // What was told as stopped may be granted again only by an answer to a later report.
    const isAnswered = this.#hasGuard || this.#isGuardless(nowMs);
    if (wasTold || !isAnswered || this.#held.size >= agentLimits.grantsMax) return [];
    const right = rightOf(grant, { sentMs, clockRateError: clockRateErrorLeast });
    this.#held.set(group, { group, epoch, run: null, right, ttlMs, stopBudgetMs });
    return [{ type: "read", group, epoch }];
  }

  #renew(held: Held, grant: Grant, sentMs: number): readonly AgentEffect[] {
    const clockRateError = held.run?.spec.clockRateError ?? clockRateErrorLeast;
    held.ttlMs = grant.ttlMs;
    held.stopBudgetMs = grant.stopBudgetMs;
    return this.#curtail(held, rightOf(grant, { sentMs, clockRateError }));
  }

  /** The right is gone: nothing but stopping is allowed, and not for longer than it would have taken anyway. */
  #lose(held: Held, { why }: Grant, nowMs: number): readonly AgentEffect[] {
    const killAtMs = Math.min(held.right.killAtMs, nowMs + held.stopBudgetMs);
    const curtailed = this.#curtail(held, { stopAtMs: Math.min(held.right.stopAtMs, nowMs), killAtMs });
    return [...curtailed, ...this.#giveUp(held, `The right to act is lost: ${why}`, nowMs)];
  }

  /** It is not to run under this epoch. What has failed and runs no more is over with that. */
  #giveUp(held: Held, why: string, nowMs: number): readonly AgentEffect[] {
    const { run, group, epoch } = held;
    if (run === null || (run.state === "error" && run.isSafe)) {
      this.#notices.set(group, epoch);
      return this.#forget(held);
    }
    return this.#release(held, why, nowMs);
  }

  #release(held: Held, why: string, nowMs: number): readonly AgentEffect[] {
    if (held.run === null) {
      this.#notices.set(held.group, held.epoch);
      return this.#forget(held);
    }
    return this.#drive(held, (run) => run.step({ type: "release", why }, nowMs));
  }

  #curtail(held: Held, right: Right): readonly AgentEffect[] {
    held.right = right;
    const { group, epoch, run } = held;
    return run === null ? [] : [{ type: "tell", message: { type: "extend", group, epoch, right } }];
  }

  #forget({ group, epoch }: Held): readonly AgentEffect[] {
    this.#held.delete(group);
    return [{ type: "tell", message: { type: "forget", group, epoch } }];
  }

  /** What was not renewed in time is stopped, while its right lasts. */
  #endRights(nowMs: number): readonly AgentEffect[] {
    return this.#each((held) => {
      if (nowMs < held.right.stopAtMs || held.run?.isEnding === true) return [];
      return this.#release(held, "The right to act was not renewed in time", nowMs);
    });
  }

  #driveAt(
    { group, epoch }: { readonly group: string; readonly epoch: number },
    step: (run: GroupRun) => readonly ResourceEffect[],
  ): readonly AgentEffect[] {
    const held = this.#held.get(group);
    return held === undefined || held.epoch !== epoch ? [] : this.#drive(held, step);
  }

  #drive({ run }: Held, step: (run: GroupRun) => readonly ResourceEffect[]): readonly AgentEffect[] {
    return run === null ? [] : step(run).map((effect) => toEffect(run.spec, effect));
  }

  #each(of: (held: Held) => readonly AgentEffect[]): readonly AgentEffect[] {
    return [...this.#held.values()].flatMap(of);
  }
}

function toEffect(spec: RunSpec, effect: ResourceEffect): AgentEffect {
  if (effect.type === "monitor") return { ...effect, spec };
  const { type, resource } = effect;
  const at = { group: spec.group, epoch: spec.epoch, resource };
  const isAct = type === "start" || type === "stop";
  return { type: "tell", message: isAct ? { type: "act", action: type, ...at } : { type, ...at } };
}

const offline = { renews: false, state: "offline", isSafe: true, why: "", resources: [] } as const;

function toStory({ group, epoch, run }: Held): GroupStory {
  // A right that is not acted on yet is kept: what is to be started is only being read.
  if (run === null) return { group, epoch, renews: true, state: "acquiring", isSafe: true, why: "", resources: [] };
  const { state, isSafe, why, stories } = run;
  const renews = !(isSafe && (state === "offline" || state === "error"));
  return { group, epoch, renews, state, isSafe, why, resources: stories };
}

/** By the slower of the two clocks, from when the report was sent. */
function rightOf(
  { ttlMs, stopBudgetMs, isEndless }: Pick<Grant, "ttlMs" | "stopBudgetMs" | "isEndless">,
  { sentMs, clockRateError }: { readonly sentMs: number; readonly clockRateError: number },
): Right {
  const endsMs = sentMs - agentLimits.clockStepMs + ttlMs * (1 - clockRateError);
  const killAtMs = isEndless ? agentLimits.endlessMs : endsMs;
  return { killAtMs, stopAtMs: killAtMs - stopBudgetMs };
}

/** A right that was counted with the least difference of clocks, as the configuration has it. */
function withinRate({ right, ttlMs }: Held, { clockRateError }: RunSpec): Right {
  const lessMs = ttlMs * (clockRateError - clockRateErrorLeast);
  return { stopAtMs: right.stopAtMs - lessMs, killAtMs: right.killAtMs - lessMs };
}
