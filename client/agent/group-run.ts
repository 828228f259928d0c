// A group on this node under one epoch: its resources started and stopped in the order of their dependencies, restarted where
// they fail, and given up where that does not help. Pure: it answers every input with what is to be done, and says when it
// wants to be asked again. Rights and reports are agent-core.ts's; programs are the guard's and executor.ts's.

import type { Refusal } from "./allow-list.ts";
import { isHopeless, isMet, mayStop, type StopQuestion, stopWaitEnds } from "./dependencies.ts";
import { type ResourceEffect, ResourceRun, type ResourceStory } from "./resource-run.ts";
import type { ActionOutcome, DependencySpec, RunSpec } from "./run-spec.ts";

/** As reported: in `error` nothing more is tried, and what `isSafe` says counts. */
export type RunState = "acquiring" | "online" | "releasing" | "offline" | "error";

export type RunInput =
  | {
      readonly type: "started" | "stopped" | "ended";
      readonly resource: string;
      readonly outcome: ActionOutcome;
    }
  | {
      readonly type: "monitored";
      readonly resource: string;
      readonly outcome: ActionOutcome;
      readonly stopsBefore: number;
    }
  | { readonly type: "killed"; readonly resource: string; readonly left: number | null }
  /** Stop everything in order, for this reason. */
  | { readonly type: "release"; readonly why: string }
  /** The guard does not let it run. */
  | { readonly type: "refused"; readonly why: string }
  /** The guard has ended and there is another one: stop everything, and ask anew for what was under way. */
  | { readonly type: "guardLost" }
  | { readonly type: "deadline" };

/** What a resource was doing when another agent left it. */
export type Adopted = ReadonlyMap<string, "starting" | "online" | "stopping">;

type Goal = { readonly type: "online" } | { readonly type: "offline"; readonly why: string } | Failed;

/** Nothing of it is to run any more, because this has failed for good. */
interface Failed {
  readonly type: "error";
  /** Empty: none in particular. */
  readonly resource: string;
  readonly why: string;
}

export class GroupRun {
  readonly spec: RunSpec;
  readonly #resources: ReadonlyMap<string, ResourceRun>;
  /** Since when a resource has been waiting for what it needs. */
  readonly #waitingSinceMs = new Map<string, number>();
  #goal: Goal = { type: "online" };
  #wasOnline = false;

  constructor(spec: RunSpec, nowMs: number) {
    this.spec = spec;
    this.#resources = new Map(spec.resources.map((resource) => [resource.name, new ResourceRun(resource, nowMs)]));
  }

  get state(): RunState {
    const resources = [...this.#resources.values()];
    if (this.#goal.type === "online") return this.#isUp ? "online" : "acquiring";
    if (!resources.every(({ isSettled }) => isSettled)) return "releasing";
    return this.#goal.type === "error" || resources.some(({ phase }) => phase === "stuck") ? "error" : "offline";
  }

  /** Nothing of it runs here. */
  get isSafe(): boolean {
    return [...this.#resources.values()].every(({ phase, spec }) => phase === "offline" || spec.runner === null);
  }

  /** For people: why it is being stopped, or what has failed; empty: it runs. */
  get why(): string {
    return this.#goal.type === "online" ? "" : this.#goal.why;
  }

  get isEnding(): boolean {
    return this.#goal.type !== "online";
  }

  /** What has brought the group into error comes first. */
  get stories(): readonly ResourceStory[] {
    const failed = this.#goal.type === "error" ? this.#goal : null;
    const stories = this.#each(({ story }) => story).map((story) =>
      story.resource === failed?.resource && story.why === "" ? { ...story, why: failed.why, hasGivenUp: true } : story,
    );
    const isCause = ({ resource }: ResourceStory) => resource === failed?.resource;
    return [...stories.filter(isCause), ...stories.filter((story) => !isCause(story))];
  }

  /** It begins to run. @returns what is to be done */
  begin(nowMs: number): readonly ResourceEffect[] {
    return this.#advance(nowMs);
  }

  /** It was running before this agent began. */
  adopt(adopted: Adopted, refusal: Refusal | null, nowMs: number): readonly ResourceEffect[] {
    for (const [name, phase] of adopted) this.#resources.get(name)?.adopt(phase, nowMs);
    this.#wasOnline = [...this.#resources.values()].every(({ phase }) => phase === "online");
    if ([...adopted.values()].includes("stopping")) {
      this.#goal = { type: "offline", why: "An agent that has ended was stopping it" };
    }
    // It is stopped by what it was begun with: nothing else would, and that was allowed when it began.
    if (refusal !== null) this.refuse(refusal);
    return this.#advance(nowMs);
  }

  /** Nothing may be run for it. */
  refuse({ resource, why }: Refusal): void {
    this.#goal = { type: "error", resource, why };
  }

  step(input: RunInput, nowMs: number): readonly ResourceEffect[] {
    const effects = [...this.#take(input, nowMs)];
    return [...effects, ...this.#advance(nowMs)];
  }

  /** null: only an input changes anything. */
  deadlineMs(nowMs: number): number | null {
    const looks = this.#each((resource) => (this.#isLookedAt(resource) ? (resource.deadlineMs ?? []) : []));
    const starts = this.#goal.type === "online" ? this.#startWaitEnds() : [];
    const waits = [...starts, ...stopWaitEnds(this.#question(this.spec.dependencies, nowMs))];
    const all = [...looks, ...waits.filter((endMs) => endMs > nowMs)];
    return all.length === 0 ? null : Math.min(...all);
  }

  /** What is about to be stopped anyway is not asked how it is. */
  #isLookedAt({ phase }: ResourceRun): boolean {
    return this.#goal.type === "online" || phase === "stuck" || phase === "checking";
  }

  #take(input: RunInput, nowMs: number): readonly ResourceEffect[] {
    switch (input.type) {
      case "release":
        if (this.#goal.type === "online") this.#goal = { type: "offline", why: input.why };
        return [];
      case "refused": {
        const [resource = ""] = this.#resources.keys();
        if (this.#goal.type === "online") this.refuse({ resource, why: input.why });
        return [];
      }
      case "deadline":
        return this.#each((resource) => (this.#isLookedAt(resource) ? resource.look(nowMs) : []));
      case "guardLost":
        if (this.#goal.type === "online") this.#goal = { type: "offline", why: "The guard process has ended" };
        return this.#each((resource) => resource.askAgain(nowMs));
      case "killed":
        return this.#resources.get(input.resource)?.killed(input.left, nowMs) ?? [];
      case "stopped":
        return this.#resources.get(input.resource)?.stopped(input.outcome, nowMs) ?? [];
      case "monitored":
        return this.#resources.get(input.resource)?.monitored(input.outcome, input.stopsBefore, nowMs) ?? [];
      case "started":
      case "ended":
        this.#resources.get(input.resource)?.[input.type](input.outcome, nowMs);
        return [];
    }
  }

  /** Starts and stops what may be, until nothing more may. Each round changes a resource, and none is changed for ever. */
  #advance(nowMs: number): readonly ResourceEffect[] {
    const effects: ResourceEffect[] = [];
    for (let round = 0; round <= 4 * this.#resources.size; round++) {
      const before = this.#phases();
      this.#noticeFailure();
      effects.push(...this.#each((resource) => this.#move(resource, nowMs)));
      if (this.#phases() === before) break;
    }
    if (this.#isUp) this.#wasOnline = true;
    return effects;
  }

  #phases(): string {
    return this.#each((resource) => `${resource.phase} ${resource.hasGivenUp}`).join() + this.#goal.type;
  }

  #move(resource: ResourceRun, nowMs: number): readonly ResourceEffect[] {
    const { phase } = resource;
    if (phase === "offline") return this.#goal.type === "online" ? this.#maybeStart(resource, nowMs) : [];
    const isRunning = phase === "starting" || phase === "online" || phase === "failed";
    if (!isRunning || !this.#hasToStop(resource)) return [];
    return mayStop(resource.name, this.#question(this.#stopOrder(), nowMs)) ? resource.stop(nowMs) : [];
  }

  #maybeStart(resource: ResourceRun, nowMs: number): readonly ResourceEffect[] {
    if (resource.hasGivenUp) return [];
    const sinceMs = this.#waitingSinceMs.get(resource.name) ?? nowMs;
    this.#waitingSinceMs.set(resource.name, sinceMs);
    const missing = this.#needsOf(resource.name).filter((dependency) => !this.#isOnline(dependency));
    const isOver = ({ startWaitMs }: DependencySpec) => startWaitMs !== null && nowMs >= sinceMs + startWaitMs;
    const isVain = (dependency: DependencySpec) => isHopeless(dependency, this.#isLost) || isOver(dependency);
    const inVain = missing.find((dependency) => dependency.isHard && isVain(dependency));
    if (inVain !== undefined) resource.giveUp(this.#whyInVain(inVain), nowMs);
    if (!missing.every((dependency) => !dependency.isHard && isVain(dependency))) return [];
    this.#waitingSinceMs.delete(resource.name);
    return resource.start(nowMs);
  }

  #whyInVain({ needs }: DependencySpec): string {
    const lost = needs.find(this.#isLost);
    const failed = lost === undefined ? undefined : this.#resources.get(lost);
    if (failed === undefined) return `It needs ${needs.join(", ")}, which did not come online in time`;
    return `It needs ${failed.name}, which cannot be started: ${failed.why}`;
  }

  /** Everything, when the group is to end; what has failed, and what cannot go on without that. */
  #hasToStop(resource: ResourceRun): boolean {
    if (this.#goal.type !== "online" || resource.phase === "failed") return true;
    return this.#needsOf(resource.name).some((dependency) => dependency.isHard && !this.#isOnline(dependency));
  }

  /** The dependencies whose dependents are waited for: all, or those that have to stop because something has failed. */
  #stopOrder(): readonly DependencySpec[] {
    if (this.#goal.type !== "online") return this.spec.dependencies;
    return this.spec.dependencies.filter((dependency) => dependency.isHard && !this.#isOnline(dependency));
  }

  /** A group without one of its critical resources ends. What failed first is named. */
  #noticeFailure(): void {
    if (this.#goal.type !== "online") return;
    const resources = [...this.#resources.values()];
    const lost = resources.find(({ spec, hasGivenUp }) => spec.isCritical && hasGivenUp);
    const stuck = resources.find(({ phase }) => phase === "stuck");
    const failed = stuck ?? (lost === undefined ? undefined : this.#causeOf(lost, new Set()));
    if (failed === undefined) return;
    this.#goal = { type: "error", resource: failed.name, why: `${failed.name}: ${failed.why}` };
  }

  /** What was given up because of something that it needs is not the cause. */
  #causeOf(resource: ResourceRun, seen: Set<string>): ResourceRun {
    seen.add(resource.name);
    const needs = this.#needsOf(resource.name).flatMap((dependency) => (dependency.isHard ? dependency.needs : []));
    const lost = needs.find((name) => this.#isLost(name) && !seen.has(name));
    const cause = lost === undefined ? undefined : this.#resources.get(lost);
    return cause === undefined ? resource : this.#causeOf(cause, seen);
  }

  /** All that can run does, and what cannot is not critical. */
  get #isUp(): boolean {
    const isUp = ({ phase, hasGivenUp }: ResourceRun) => phase === "online" || hasGivenUp;
    return this.#goal.type === "online" && (this.#wasOnline || [...this.#resources.values()].every(isUp));
  }

  #startWaitEnds(): readonly number[] {
    return this.spec.dependencies.flatMap(({ resource, startWaitMs }) => {
      const sinceMs = this.#waitingSinceMs.get(resource);
      return sinceMs === undefined || startWaitMs === null ? [] : [sinceMs + startWaitMs];
    });
  }

  #needsOf(name: string): readonly DependencySpec[] {
    return this.spec.dependencies.filter(({ resource }) => resource === name);
  }

  #isOnline(dependency: DependencySpec): boolean {
    return isMet(dependency, (name) => this.#resources.get(name)?.phase === "online");
  }

  readonly #isLost = (name: string): boolean => this.#resources.get(name)?.hasGivenUp !== false;

  #question(dependencies: readonly DependencySpec[], nowMs: number): StopQuestion {
    return {
      dependencies,
      nowMs,
      timeoutOf: (name) => this.#resources.get(name)?.spec.stopTimeoutMs ?? 0,
      progressOf: (name) => {
        const resource = this.#resources.get(name);
        const isStopping = resource !== undefined && ["stopping", "killing", "checking"].includes(resource.phase);
        return {
          isStopped: resource === undefined || resource.isSettled,
          stoppingSinceMs: isStopping ? resource.sinceMs : null,
        };
      },
    };
  }

  #each<Item>(of: (resource: ResourceRun) => readonly Item[] | Item): readonly Item[] {
    return [...this.#resources.values()].flatMap(of);
  }
}
