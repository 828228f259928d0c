// A machine beside the process of its node: its clock, the guard, and the applications that run there. They live as long as the
// machine has power, whatever becomes of the node's process and of the agent. The guard kills an application whose right is over,
// or whose stop takes longer than its budget; only a machine that stands still as a whole keeps it from that (D2).

import { assert } from "../../../proto/assert.ts";
import type { Epoch, GroupId, NodeId } from "../../../proto/ids.ts";
import type { GroupPolicies } from "../../../proto/policies.ts";
import type { Random } from "../../../proto/random.ts";
import type { Renewal } from "../checkers/epoch-log.ts";
import { Process } from "../process.ts";
import type { ScriptOptions } from "../run-options.ts";
import { SimClock } from "../sim-clock.ts";
import type { SimNode } from "../sim-node.ts";
import type { World } from "../world.ts";

export type Phase = "starting" | "online" | "failed" | "stopping";

/** One run of a group's application: from when its start begins until nothing of it is left. */
export interface Application {
  readonly node: NodeId;
  readonly group: GroupId;
  readonly epoch: Epoch;
  phase: Phase;
  /** When its right ends, on the clock of the machine. */
  endsMs: number;
  /** When the guard loses patience with its stop; null: it is not being stopped. */
  killMs: number | null;
}

/** A right to act, as an agent was granted it: nobody else may have one before it has ended or was given up. */
export interface Right {
  readonly epoch: Epoch;
  endsMs: number;
}

/** What may be watched of machines. */
export interface MachineEvents {
  /** An agent has learned that it may act under an epoch of which it did not know before. */
  granted(machine: Machine, group: GroupId, epoch: Epoch): void;
  renewed(renewal: Renewal): void;
  began(application: Application): void;
  ended(application: Application): void;
  /** An application that is online has something to write. */
  working(application: Application): void;
}

export interface MachineOptions {
  readonly world: World;
  readonly node: SimNode;
  readonly random: Random;
  readonly policiesOf: (group: GroupId) => GroupPolicies;
  /** null: every script does what it should, in a moment. */
  readonly scripts: ScriptOptions | null;
  readonly events: MachineEvents;
}

const clockOffsetMsMax = 1_000_000;
const usualScriptMs = 100;
/** Of its budget that an ordinary stop takes at the most. */
const stopShareMax = 0.9;
const workEveryMs = 900;
const remnantShare = 0.3;

/** What runs while there is power. */
interface Powered {
  readonly guard: Process;
  readonly clock: SimClock;
  /** Of all applications. */
  readonly scripts: Process;
}

export class Machine {
  readonly node: NodeId;
  readonly simNode: SimNode;
  readonly applications = new Map<GroupId, Application>();
  readonly rights = new Map<GroupId, Right>();
  /** Epochs under which a start has failed, and nothing is left of it. */
  readonly failures = new Map<GroupId, Epoch>();
  readonly #options: MachineOptions;
  readonly #random: Random;
  #scripts: ScriptOptions | null;
  #powered: Powered | null = null;
  #rate: number;
  #frozenUntilMs = 0;
  /** Whoever looks after the applications is told when one of them has changed. */
  onChange: () => void = () => {};

  constructor(options: MachineOptions, rate: number) {
    this.node = options.node.node;
    this.simNode = options.node;
    this.#options = options;
    this.#random = options.random;
    this.#scripts = options.scripts;
    this.#rate = rate;
  }

  get isPowered(): boolean {
    return this.#powered !== null;
  }

  /** It stands still as a whole, or has gone on this very moment. */
  get isFrozen(): boolean {
    return this.#frozenUntilMs > 0 && this.#frozenUntilMs >= this.#options.world.nowMs;
  }

  get clockRate(): number {
    return this.#rate;
  }

  /** 0 without power. */
  get nowMs(): number {
    return this.#powered?.clock.nowMs() ?? 0;
  }

  /** Whether somebody here may act for the group now, as far as its right goes. */
  holdsRight(group: GroupId): boolean {
    const right = this.rights.get(group);
    return right !== undefined && this.nowMs < right.endsMs;
  }

  powerOn(): void {
    assert(this.#powered === null, () => `${this.node} has power already`);
    const { world } = this.#options;
    const guard = new Process(this.node, world.scheduler, this.#random.fork());
    const offsetMs = this.#random.between(0, clockOffsetMsMax);
    const clock = new SimClock(world.scheduler, guard, { offsetMs, rate: this.#rate });
    const scripts = new Process(this.node, world.scheduler, this.#random.fork());
    this.#powered = { guard, clock, scripts };
    this.#frozenUntilMs = 0;
  }

  /** Everything that runs there is gone, and nobody knows of it when the power is back. */
  powerOff(): void {
    this.#powered?.guard.end();
    this.#powered?.scripts.end();
    for (const application of [...this.applications.values()]) this.#end(application);
    this.rights.clear();
    this.failures.clear();
    this.#powered = null;
  }

  /** The machine as a whole stands still: nothing on it notices. */
  freeze(untilMs: number): void {
    if (this.#powered === null || untilMs <= this.#frozenUntilMs) return;
    this.#frozenUntilMs = untilMs;
    // When it goes on the applications may act before the guard sees that their time is over.
    this.#powered.scripts.pauseUntil(untilMs);
    this.#powered.guard.pauseUntil(untilMs);
  }

  setClockRate(rate: number): void {
    this.#rate = rate;
    this.#powered?.clock.setRate(rate);
  }

  /** From now on scripts do what they should, and what they left behind is cleaned up. */
  healScripts(): void {
    this.#scripts = null;
    this.failures.clear();
    for (const application of [...this.applications.values()])
      if (application.phase === "failed") this.#end(application);
  }

  /** The right of an epoch has been granted, or renewed. @param askedMs when its agent asked, on the world's clock */
  grant(group: GroupId, right: Right, askedMs = this.#options.world.nowMs): void {
    this.#options.events.renewed({ group, node: this.node, askedMs, heardMs: this.#options.world.nowMs });
    const known = this.rights.get(group);
    if (known?.epoch === right.epoch) known.endsMs = Math.max(known.endsMs, right.endsMs);
    else {
      this.rights.set(group, right);
      this.#options.events.granted(this, group, right.epoch);
    }
    const application = this.applications.get(group);
    if (application?.epoch === right.epoch) application.endsMs = Math.max(application.endsMs, right.endsMs);
    this.#armGuard();
  }

  /** Nobody here acts under it, nor will. */
  giveUp(group: GroupId): void {
    this.failures.delete(group);
    this.rights.delete(group);
  }

  /** There is no agent any more: what it never started nobody starts now. */
  abandon(): void {
    this.onChange = () => {};
    for (const group of [...this.rights.keys()]) if (!this.applications.has(group)) this.rights.delete(group);
  }

  start(group: GroupId, { epoch, endsMs }: Right): void {
    const { node } = this;
    const application: Application = { node, group, epoch, phase: "starting", endsMs, killMs: null };
    this.applications.set(group, application);
    this.failures.delete(group);
    this.#options.events.began(application);
    this.#armGuard();
    const fails = this.#random.chance(this.#scripts?.failProbability ?? 0);
    this.#after(this.#startMs(), () => {
      if (!this.#isThere(application) || application.phase !== "starting") return;
      if (fails && this.#scripts !== null) return this.#fail(application);
      application.phase = "online";
      this.onChange();
      this.#work(application);
    });
  }

  /** Once begun a stop goes on to its end, or to that of its budget. */
  stop(application: Application): void {
    if (application.phase === "stopping") return;
    const budgetMs = this.#options.policiesOf(application.group).lease.stopBudgetMs;
    application.phase = "stopping";
    application.killMs = Math.min(this.nowMs + budgetMs, application.endsMs);
    this.#armGuard();
    if (this.#random.chance(this.#scripts?.hangProbability ?? 0)) return;
    this.#after(this.#random.fraction() * budgetMs * stopShareMax, () => {
      if (!this.#isThere(application)) return;
      this.#end(application);
      this.onChange();
    });
  }

  /** What did not start is stopped again; at times something of it is left, and nobody knows what it does. */
  #fail(application: Application): void {
    if (this.#random.chance(remnantShare)) application.phase = "failed";
    else this.#end(application, true);
    this.onChange();
  }

  #startMs(): number {
    const most = this.#random.chance(this.#scripts?.slowProbability ?? 0) ? this.#scripts?.startMsMax : usualScriptMs;
    return this.#random.fraction() * (most ?? usualScriptMs);
  }

  #work(application: Application): void {
    this.#after(workEveryMs * (0.5 + this.#random.fraction()), () => {
      if (!this.#isThere(application) || application.phase !== "online") return;
      this.#options.events.working(application);
      this.#work(application);
    });
  }

  #isThere(application: Application): boolean {
    return this.applications.get(application.group) === application;
  }

  /** In the scripts' own process: it stands still with the machine. */
  #after(delayMs: number, run: () => void): void {
    const process = this.#powered?.scripts;
    this.#options.world.scheduler.after(delayMs, () => process?.run("turn", run));
  }

  #armGuard(): void {
    // A right without end is watched by nobody.
    const ends = [...this.applications.values()].map(deadlineOf).filter(Number.isFinite);
    this.#powered?.clock.setTimer(ends.length === 0 ? null : (Math.min(...ends) as never), () => this.#guard());
  }

  #guard(): void {
    const { nowMs } = this;
    for (const application of [...this.applications.values()]) {
      if (deadlineOf(application) <= nowMs) this.#end(application);
    }
    this.#armGuard();
    this.onChange();
  }

  #end(application: Application, hasFailed = false): void {
    const { group, epoch } = application;
    this.applications.delete(group);
    if (hasFailed) this.failures.set(group, epoch);
    if (!hasFailed && this.rights.get(application.group)?.epoch === application.epoch)
      this.rights.delete(application.group);
    this.#options.events.ended(application);
  }
}

function deadlineOf({ endsMs, killMs }: Application): number {
  return Math.min(endsMs, killMs ?? endsMs);
}
