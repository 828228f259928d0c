// The agent as a process: carries out what agent-core.ts decides, with the calls to its node, the guard and the monitors of
// resources. It decides nothing.

import type { ClientClock } from "../clock.ts";
import { toClientError } from "../unreachable-error.ts";
import { commandFor } from "./actions.ts";
import type { AgentCalls } from "./agent-calls.ts";
import type { AgentConfig } from "./agent-config.ts";
import { AgentCore, type AgentEffect, type AgentInput, type GroupStory } from "./agent-core.ts";
import { agentLimits } from "./agent-limits.ts";
import { resourceNamed } from "./dependencies.ts";
import { Fences } from "./fencing.ts";
import { programEnvironment } from "./guard-host.ts";
import { GuardKeeper } from "./guard-keeper.ts";
import type { FromGuard } from "./guard-messages.ts";
import { measureLoad } from "./load.ts";
import { markOf } from "./marked-processes.ts";
import { Programs } from "./programs.ts";
import { StateDirectory } from "./state-directory.ts";

export interface AgentParts {
  readonly config: AgentConfig;
  readonly calls: AgentCalls;
  /** boot-clock.ts. */
  readonly clock: ClientClock;
  readonly log: (line: string) => void;
  /** Aborted: stop everything in order, report that, and end. */
  readonly leave: AbortSignal;
  /** Aborted: stop everything now. */
  readonly force: AbortSignal;
}

/** Runs until it is told to leave. @throws {Error} when no guard can be started, or another agent of the node runs here */
export async function runAgent(parts: AgentParts): Promise<void> {
  const agent = new Agent(parts);
  await agent.run();
}

type MonitorEffect = Extract<AgentEffect, { readonly type: "monitor" }>;

class Agent {
  readonly #parts: AgentParts;
  readonly #core: AgentCore;
  readonly #directory: StateDirectory;
  readonly #fences: Fences;
  readonly #guard: GuardKeeper;
  readonly #monitors = new Programs();
  /** Of the guard, and of this agent and those after it. */
  #id = "";
  /** Of each group what was reported last. */
  readonly #sent = new Map<string, string>();
  #wake = new AbortController();
  #timer: NodeJS.Timeout | null = null;
  #lastProblem = "";
  #hasEnded = false;
  #hasFenceNews = false;
  /** A group has given its application to this node, or taken it from here, since the last report was sent. */
  #isCalled = false;
  /** The last report said that it ends. */
  #hasSaidGoodbye = false;

  constructor(parts: AgentParts) {
    this.#parts = parts;
    this.#core = new AgentCore(parts.config.allow);
    this.#directory = new StateDirectory(parts.config.stateDirectory);
    this.#fences = new Fences({
      allow: parts.config.allow,
      environment: programEnvironment(process.env),
      stderrFile: (group) => this.#directory.stderrFile(group, "", "fence"),
      ended: () => this.#tellFences(),
      log: parts.log,
    });
    this.#guard = new GuardKeeper({
      ...parts,
      directory: this.#directory,
      hear: (message) => this.#hearGuard(message),
      lost: () => this.#step({ type: "guardLost" }),
      isSettled: () => this.#core.isSettled,
      rights: () => this.#core.rights,
      urgentRights: () => this.#core.urgentRights,
      mayRun: () => this.#core.mayRun,
    });
  }

  async run(): Promise<void> {
    const { leave, force } = this.#parts;
    await this.#guard.begin().catch((reason: unknown) => {
      this.#guard.close();
      throw reason;
    });
    whenAborted(leave, () => this.#step({ type: "leave" }));
    whenAborted(force, () => this.#step({ type: "force" }));
    void this.#measure();
    void this.#listen();
    try {
      await this.#report();
    } finally {
      this.#hasEnded = true;
      if (this.#timer !== null) clearTimeout(this.#timer);
      this.#guard.close();
      this.#fences.end();
      // One that hangs would keep this process for as long as its time-out lets it.
      this.#monitors.killAll();
    }
  }

  #hearGuard(message: FromGuard): void {
    if (message.type === "state") this.#id = message.id;
    this.#step({ type: "guard", message });
  }

  /** Reports until it may end: at intervals, and at once when a group's state changes. */
  async #report(): Promise<void> {
    const { clock } = this.#parts;
    let farewellMs = Number.POSITIVE_INFINITY;
    while (clock.nowMs() < farewellMs) {
      this.#wake = new AbortController();
      const isTold = await this.#reportOnce();
      if (this.#core.isDone) {
        if (isTold && !this.#hasNews && this.#core.isHeard) return;
        farewellMs = Math.min(farewellMs, clock.nowMs() + agentLimits.farewellMs);
      }
      if (!isTold || !this.#hasNews) await clock.sleep(this.#core.intervalMs, this.#wake.signal);
    }
  }

  /** @returns whether it was answered */
  async #reportOnce(): Promise<boolean> {
    const { calls, clock, config } = this.#parts;
    const { stories, ttlMsLeast, isLeaving } = this.#core;
    const sentMs = clock.nowMs();
    for (const story of stories) this.#sent.set(story.group, newsOf(story));
    const fences = this.#fences.outcomes;
    this.#hasFenceNews = false;
    this.#isCalled = false;
    this.#hasSaidGoodbye = isLeaving;
    const report = { node: config.node, agent: this.#id, stories, fences, isLeaving, nowMs: sentMs };
    const timeoutMs = Math.min(agentLimits.reportMs, (ttlMsLeast ?? Number.POSITIVE_INFINITY) / 4);
    try {
      const grants = await calls.reportResources({ ...report, wallMs: Date.now() }, timeoutMs);
      this.#noteProblem("");
      if (!this.#parts.leave.aborted) this.#fences.follow(grants);
      this.#step({ type: "answered", sentMs, stories, grants });
      return true;
    } catch (reason) {
      this.#noteProblem(`The report was not answered: ${toClientError(reason).message}`);
      return false;
    }
  }

  #step(input: AgentInput): void {
    if (this.#hasEnded) return;
    const effects = this.#core.step(input, this.#parts.clock.nowMs());
    for (const effect of effects) this.#do(effect);
    if (this.#hasNews) this.#wake.abort();
    this.#setTimer();
  }

  #do(effect: AgentEffect): void {
    switch (effect.type) {
      case "tell":
        return this.#guard.send(effect.message);
      case "monitor":
        return void this.#monitor(effect);
      case "read":
        return void this.#read(effect.group, effect.epoch);
    }
  }

  /** Timers stand still in a suspend, and rights do not: so the pauses are short. */
  #setTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const nowMs = this.#parts.clock.nowMs();
    const deadlineMs = this.#core.deadlineMs(nowMs);
    if (deadlineMs === null) return;
    const waitMs = Math.min(agentLimits.guardTickMs, Math.max(1, deadlineMs - nowMs));
    this.#timer = setTimeout(() => this.#step({ type: "deadline" }), waitMs);
  }

  async #monitor({ spec, resource: name, stopsBefore }: MonitorEffect): Promise<void> {
    const { config } = this.#parts;
    const { group, epoch } = spec;
    const resource = resourceNamed(spec, name);
    if (resource === undefined) return;
    const mark = markOf(this.#id, group);
    const context = { ...config, group, epoch, mark, environment: programEnvironment(process.env) };
    const command = commandFor("monitor", resource, context);
    if (command === null) return;
    const file = this.#directory.stderrFile(group, name, "monitor");
    const outcome = await this.#monitors.execute(`${group}/${name}`, command, file);
    this.#step({ type: "monitored", group, epoch, resource: name, outcome, stopsBefore });
  }

  async #read(group: string, epoch: number): Promise<void> {
    const { calls, clock, leave } = this.#parts;
    const spec = await calls.readSpec(group).catch((reason: unknown) => {
      this.#noteProblem(`The configuration of ${group} could not be read: ${toClientError(reason).message}`);
      return null;
    });
    if (spec?.epoch !== epoch) await clock.sleep(agentLimits.readPauseMs, leave);
    this.#step({ type: "read", group, epoch, spec });
  }

  /** At most once a second, and never waited for. */
  async #measure(): Promise<void> {
    const { calls, clock, config, leave } = this.#parts;
    while (!leave.aborted && !this.#hasEnded) {
      const measured = { node: config.node, wallMs: Date.now(), stories: this.#core.stories, ...measureLoad() };
      const intervalMs = await calls.reportPerformance(measured).catch(() => 0);
      await clock.sleep(Math.max(intervalMs, agentLimits.measureMs), leave);
    }
  }

  /** Hears at once what else the answer to the next report would say. */
  async #listen(): Promise<void> {
    const { calls, clock, config, leave } = this.#parts;
    let change = 0;
    while (!leave.aborted && !this.#hasEnded) {
      const next = await calls.awaitOwnership(config.node, change).catch(() => 0);
      if (next === 0) await clock.sleep(agentLimits.newsPauseMs, leave);
      else if (next !== change) this.#call();
      change = next;
    }
  }

  #call(): void {
    this.#isCalled = true;
    this.#wake.abort();
  }

  #tellFences(): void {
    this.#hasFenceNews = true;
    this.#wake.abort();
  }

  /** A group's state is not what was reported last, a fence has ended, a group may have another word, or it was told to end. */
  get #hasNews(): boolean {
    return (
      this.#hasFenceNews ||
      this.#isCalled ||
      this.#core.isLeaving !== this.#hasSaidGoodbye ||
      this.#core.stories.some((story) => this.#sent.get(story.group) !== newsOf(story))
    );
  }

  /** Once, until it is another. */
  #noteProblem(problem: string): void {
    if (problem !== "" && problem !== this.#lastProblem) this.#parts.log(problem);
    this.#lastProblem = problem;
  }
}

/** What is reported at once when it changes. */
function newsOf({ epoch, state }: GroupStory): string {
  return `${epoch} ${state}`;
}

function whenAborted(signal: AbortSignal, act: () => void): void {
  if (signal.aborted) act();
  else signal.addEventListener("abort", act, { once: true });
}
