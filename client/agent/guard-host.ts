// Carries out what guard.ts decides: programs, signals, the file of its groups, and one timer. It decides nothing.

import type { ClientClock } from "../clock.ts";
import { type ActionContext, commandFor, killCommand } from "./actions.ts";
import { agentLimits } from "./agent-limits.ts";
import { resourceNamed } from "./dependencies.ts";
import { execute, executeForeground, type Foreground, type Running } from "./executor.ts";
import { Guard, type GuardEffect, type GuardInput, type LeftoverGroup } from "./guard.ts";
import type { FromGuard, GuardSettings } from "./guard-messages.ts";
import { killMarked, markOf } from "./marked-processes.ts";
import { adopt, identify } from "./process-id.ts";
import { Programs } from "./programs.ts";
import type { ActionOutcome, ResourceSpec } from "./run-spec.ts";
import type { StateDirectory } from "./state-directory.ts";

export interface GuardHostParts {
  readonly directory: StateDirectory;
  readonly id: string;
  readonly clock: ClientClock;
  /** To the agent, if there is one. */
  readonly tell: (message: FromGuard) => void;
  readonly log: (line: string) => void;
}

export class GuardHost {
  readonly #parts: GuardHostParts;
  readonly #guard: Guard;
  /** Foreground processes and commands by group and resource. */
  readonly #children = new Map<string, Pick<Running, "signal">>();
  readonly #commands = new Programs();
  #node = "";
  #settings: GuardSettings = { systemctl: "systemctl", ocfRoot: "/usr/lib/ocf" };
  #timer: NodeJS.Timeout | null = null;
  #isClosed = false;

  constructor(parts: GuardHostParts) {
    this.#parts = parts;
    this.#guard = new Guard(parts.id);
  }

  get isIdle(): boolean {
    return this.#guard.isIdle;
  }

  get isSettled(): boolean {
    return this.#guard.isSettled;
  }

  /** Whose agent it works for. */
  greet(node: string, settings: GuardSettings): void {
    this.#node = node;
    this.#settings = settings;
  }

  /** Stops what a guard before this one has left. */
  takeOver(groups: readonly LeftoverGroup[], why: string): void {
    if (groups.length > 0) this.step({ type: "leftover", groups, why });
  }

  step(input: GuardInput): void {
    this.#step(input);
  }

  /** @returns why what it holds could not be written down; empty: it is, or it was as before */
  #step(input: GuardInput): string {
    const effects = this.#guard.step(input, this.#parts.clock.nowMs());
    let problem = "";
    for (const effect of effects) {
      if (effect.type === "persist") problem = this.#persist(effect.groups, input);
      else if (problem !== "" && isStart(effect)) this.#refuseStart(effect, problem);
      else this.#do(effect);
    }
    this.#setTimer();
    return problem;
  }

  /** A guard after this one would not know that it has to be ended. */
  #refuseStart({ group, resource }: StartEffect, why: string): void {
    const outcome = { ...nothingToRun, why };
    this.step({ type: "acted", group, resource, action: "start", outcome });
  }

  /** To a guard after this one: only what may run. It does nothing by itself any more. */
  handOver(): void {
    this.step({ type: "disconnected" });
    this.close();
  }

  /** Looks at the clock no more, also when what is under way ends: what it would kill then may be another guard's. */
  close(): void {
    this.#isClosed = true;
    this.#clearTimer();
  }

  #clearTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** Timers stand still in a suspend, and the time that counts does not: so the pauses are short. */
  #setTimer(): void {
    this.#clearTimer();
    if (this.#isClosed) return;
    const nowMs = this.#parts.clock.nowMs();
    const deadlineMs = this.#guard.deadlineMs(nowMs);
    if (deadlineMs === null) return;
    const waitMs = Math.min(agentLimits.guardTickMs, Math.max(1, deadlineMs - nowMs));
    this.#timer = setTimeout(() => this.step({ type: "deadline" }), waitMs);
  }

  /**
   * What is not written down is not held: a guard after this one would not know of it.
   *
   * @returns why it could not be; empty: it is
   */
  #persist(groups: readonly LeftoverGroup[], input: GuardInput): string {
    try {
      this.#parts.directory.writeGroups(this.#parts.id, groups);
      return "";
    } catch (reason) {
      const why = `The guard cannot write down its groups: ${reason instanceof Error ? reason.message : String(reason)}`;
      this.#parts.log(why);
      if (input.type === "hold") {
        const { group, epoch } = input.spec;
        this.step({ type: "forget", group, epoch });
        this.#tell({ type: "refused", group, epoch, why });
      }
      return why;
    }
  }

  #do(effect: Exclude<GuardEffect, { readonly type: "persist" }>): void {
    switch (effect.type) {
      case "tell":
        return this.#tell(effect.message);
      case "run":
        return void this.#run(effect);
      case "spawn":
        return void this.#spawn(effect);
      case "adopt":
        return void this.#adopt(effect);
      case "signal":
        return this.#children.get(keyOf(effect))?.signal(effect.signal);
      case "abort":
        return this.#commands.kill(keyOf(effect));
      case "kill":
        return void this.#kill(effect);
      case "endCommands":
        return void this.#endCommands(effect);
    }
  }

  #tell(message: FromGuard): void {
    if (message.type === "seized") this.#parts.log(`stops ${message.group}: ${message.why}`);
    this.#parts.tell(message);
  }

  async #run({ group, resource, action }: Extract<GuardEffect, { readonly type: "run" }>): Promise<void> {
    const command = this.#commandFor(group, resource, action);
    const file = this.#parts.directory.stderrFile(group, resource, action);
    const on = keyOf({ group, resource });
    const outcome = command === null ? nothingToRun : await this.#commands.execute(on, command, file);
    this.#note(`${action} of ${group}/${resource}`, outcome);
    this.step({ type: "acted", group, resource, action, outcome });
  }

  async #spawn({ group, resource }: Extract<GuardEffect, { readonly type: "spawn" }>): Promise<void> {
    const command = this.#commandFor(group, resource, "start");
    if (command === null) return this.step({ type: "acted", group, resource, action: "start", outcome: nothingToRun });
    const running = executeForeground(command);
    this.#children.set(keyOf({ group, resource }), running);
    const started = await this.#startedOf(running, { group, resource });
    this.step({ type: "acted", group, resource, action: "start", outcome: started });
    const outcome = await running.ended;
    this.#children.delete(keyOf({ group, resource }));
    this.#note(`the process of ${group}/${resource}`, outcome);
    if (started.exitStatus === 0) this.step({ type: "childEnded", group, resource, outcome, left: 0 });
  }

  /** What a guard after this one would not find is ended at once. */
  async #startedOf(running: Foreground, at: At): Promise<ActionOutcome> {
    if (running.pid === null) return running.started;
    const process = identify(running.pid);
    const problem = process === null ? "Its process cannot be read" : this.#step({ type: "spawned", ...at, process });
    if (problem === "") return running.started;
    running.signal("SIGKILL");
    return { ...(await running.ended), exitStatus: 1, why: problem };
  }

  async #adopt({ group, resource, process }: Extract<GuardEffect, { readonly type: "adopt" }>): Promise<void> {
    const adopted = adopt(process, (ms) => this.#parts.clock.sleep(ms));
    this.#children.set(keyOf({ group, resource }), adopted);
    const left = await adopted.ended;
    this.#children.delete(keyOf({ group, resource }));
    if (left > 0) this.#parts.log(`${left} processes of ${group}/${resource} are left in its process group`);
    this.step({ type: "childEnded", group, resource, outcome: endedUnheard, left });
  }

  async #kill({ group, resource }: Extract<GuardEffect, { readonly type: "kill" }>): Promise<void> {
    const spec = this.#guard.specOf(group);
    const resources = spec?.resources.filter(({ name }) => resource === null || name === resource) ?? [];
    const mark = { mark: markOf(this.#parts.id, group), resource: resource ?? undefined };
    const units = resources.map((one) => this.#killUnit(group, one));
    // A service manager that takes its time keeps nothing alive that can be killed without it.
    const [killed] = await Promise.all([killMarked([mark], (ms) => this.#parts.clock.sleep(ms)), ...units]);
    const { found } = killed;
    // On its way out a process has no environment that it would be found by.
    const isLeft = resource !== null && this.#commands.isLeft(keyOf({ group, resource }));
    const left = Math.max(killed.left, isLeft ? 1 : 0);
    if (left > 0) this.#parts.log(`${left} processes of ${group}/${resource ?? "*"} cannot be killed`);
    this.step({ type: "cleared", group, resource, left, found });
  }

  /** Of what is stopped or started by a command that is under way nothing is known: so also what a start has begun goes. */
  async #endCommands({ group, starting }: Extract<GuardEffect, { readonly type: "endCommands" }>): Promise<void> {
    const mark = markOf(this.#parts.id, group);
    const starts = starting.map((resource) => ({ mark, resource, action: "start" }) as const);
    const { left } = await killMarked([{ mark, action: "stop" }, ...starts], (ms) => this.#parts.clock.sleep(ms));
    if (left > 0) this.#parts.log(`${left} processes of commands of ${group} cannot be killed`);
    this.step({ type: "commandsEnded", group });
  }

  async #killUnit(group: string, resource: ResourceSpec): Promise<void> {
    const command = killCommand(resource, this.#contextOf(group));
    const file = this.#parts.directory.stderrFile(group, resource.name, "kill");
    if (command !== null) await execute(command, file).ended;
  }

  #commandFor(group: string, name: string, action: "start" | "stop") {
    const spec = this.#guard.specOf(group);
    const resource = spec === null ? undefined : resourceNamed(spec, name);
    return resource === undefined ? null : commandFor(action, resource, this.#contextOf(group));
  }

  #contextOf(group: string): ActionContext {
    const epoch = this.#guard.specOf(group)?.epoch ?? 0;
    const environment = programEnvironment(process.env);
    const mark = markOf(this.#parts.id, group);
    return { node: this.#node, group, epoch, mark, environment, ...this.#settings };
  }

  #note(what: string, { exitStatus, isLate, why }: ActionOutcome): void {
    if (exitStatus === 0) return;
    const how = isLate ? "was late and was killed" : `ended with ${exitStatus ?? "a signal"}`;
    this.#parts.log(`${what} ${how}${why === "" ? "" : `: ${why}`}`);
  }
}

const nothingToRun: ActionOutcome = {
  exitStatus: 1,
  isExecuted: false,
  isLate: false,
  why: "There is no command",
  tookMs: 0,
};

/** Of a process of a guard before this one. */
const endedUnheard: ActionOutcome = { exitStatus: null, isExecuted: true, isLate: false, why: "", tookMs: 0 };

interface At {
  readonly group: string;
  readonly resource: string;
}

type StartEffect = Extract<GuardEffect, { readonly type: "run" | "spawn" }>;

function isStart(effect: GuardEffect): effect is StartEffect {
  return effect.type === "spawn" || (effect.type === "run" && effect.action === "start");
}

/** What programs are given of this process's environment: nothing that changes what an interpreter executes. */
export function programEnvironment(environment: NodeJS.ProcessEnv): Readonly<Record<string, string>> {
  const { PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", HOME, LANG, TZ } = environment;
  const given = Object.entries({ PATH, HOME, LANG, TZ });
  return Object.fromEntries(given.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}

function keyOf({ group, resource }: At): string {
  return `${group}/${resource}`;
}
