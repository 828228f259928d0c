// One node of a simulated cluster over all its starts: its disk stays, its process comes and goes. The state machine and
// the host are those of a real process; only the objects behind the ports differ.

import { assert, present } from "../../proto/assert.ts";
import type { BootNumber, NodeId } from "../../proto/ids.ts";
import type { Random } from "../../proto/random.ts";
import type { Reply, Request, WatchMessage } from "../../proto/requests.ts";
import type { Effect, NoteFields } from "../node/effects.ts";
import { Host } from "../node/host.ts";
import type { CallId, Input } from "../node/inputs.ts";
import type { Answers, Ports } from "../node/ports.ts";
import type { StateMachine } from "../node/state-machine.ts";
import { Process } from "./process.ts";
import type { Scheduler } from "./scheduler.ts";
import { SimClock } from "./sim-clock.ts";
import type { CrashKind, SimDisk } from "./sim-disk.ts";
import type { SimNetwork } from "./sim-network.ts";

/** Clocks of different starts differ by up to this. */
const clockOffsetMsMax = 1_000_000;
/** Every node believes that its world began at the first moment of 2030. */
const wallStartMs = 1_893_456_000_000;

/** A state machine fresh from what its disk holds. */
export interface Booted {
  readonly machine: StateMachine;
  readonly boot: BootNumber;
  /** Why the start has set everything on the disk aside; null: it has not. */
  readonly damage: string | null;
}

/** What a start begins with. */
export interface BootStart {
  readonly node: NodeId;
  readonly disk: SimDisk;
  readonly random: Random;
  /** What the wall clock shows when the monotonic clock is at 0. */
  readonly wallOffsetMs: number;
}

export type Boot = (start: BootStart) => Booted;

/** What a caller of a node is told. */
export interface Caller {
  reply(reply: Reply): void;
  watch(message: WatchMessage): void;
  /** The process ended before it answered; of a write nobody knows. */
  lost(): void;
}

/** What may be watched of one node; called in the order in which things happen. */
export interface NodeEvents {
  /** The start that follows has found the disk damaged, and holds nothing of what was on it. */
  setAside(node: NodeId, reason: string): void;
  started(node: NodeId, boot: BootNumber): void;
  crashed(node: NodeId, kind: CrashKind): void;
  stepped(node: NodeId, input: Input, effects: readonly Effect[]): void;
  noted(node: NodeId, level: "info" | "warn", text: string, fields: NoteFields): void;
  /** The node stopped itself. Its process has ended by then. */
  failed(node: NodeId, reason: Error): void;
}

export interface SimNodeOptions {
  readonly node: NodeId;
  readonly scheduler: Scheduler;
  readonly network: SimNetwork;
  readonly disk: SimDisk;
  readonly random: Random;
  readonly boot: Boot;
  readonly events: NodeEvents;
}

interface Running {
  readonly process: Process;
  /** What the monotonic clock showed when the world began. */
  readonly offsetMs: number;
  readonly clock: SimClock;
  readonly host: Host;
  readonly callers: Map<CallId, Caller>;
}

export class SimNode {
  readonly node: NodeId;
  readonly disk: SimDisk;
  readonly #options: SimNodeOptions;
  readonly #random: Random;
  #running: Running | null = null;
  #lastCall: CallId = 0;
  #clockRate = 1;
  #wallAheadMs = 0;

  constructor(options: SimNodeOptions) {
    this.node = options.node;
    this.disk = options.disk;
    this.#options = options;
    this.#random = options.random;
  }

  get isRunning(): boolean {
    return this.#running !== null;
  }

  /** Whether there is a process, and it stands still. */
  get isPaused(): boolean {
    return this.#running?.process.isPaused === true;
  }

  /** Starts a process on what the disk holds. There must be none; one that cannot record its start ends before it does anything. */
  start(): void {
    assert(this.#running === null, () => `${this.node} runs already`);
    if (this.disk.condition.failure !== null) return;
    const { scheduler, network, boot, events } = this.#options;
    const offsetMs = this.#random.between(0, clockOffsetMsMax);
    const wallOffsetMs = this.#wallOffsetMs(offsetMs);
    const random = this.#random.fork();
    const { machine, boot: bootNumber, damage } = boot({ node: this.node, disk: this.disk, random, wallOffsetMs });
    if (damage !== null) events.setAside(this.node, damage);
    const process = new Process(this.node, scheduler, random.fork());
    const clock = new SimClock(scheduler, process, { offsetMs, rate: this.#clockRate });
    const callers = new Map<CallId, Caller>();
    const deliver = (input: Input) => process.read(sourceOf(input), () => host.deliver(input));
    const ports: Ports = {
      clock,
      disk: this.disk.open(process),
      network: network.attach(this.node, bootNumber, deliver),
      answers: answersOf(callers),
      journal: { note: (level, text, fields) => events.noted(this.node, level, text, fields) },
      fatal: (reason) => this.#fail(reason),
    };
    const host = new Host(ports, this.#observed(machine));
    this.#running = { process, offsetMs, clock, host, callers };
    events.started(this.node, bootNumber);
    deliver({ type: "start" });
  }

  /** Ends the process between two of its steps. There must be one. */
  crash(kind: CrashKind): void {
    this.#end(kind);
    this.#options.events.crashed(this.node, kind);
  }

  /** Stops the process for a while, if there is one. */
  pause(durationMs: number): void {
    this.#running?.process.pauseUntil(this.#options.scheduler.nowMs + durationMs);
  }

  /** How fast the node's clock runs from now on, in this and in later starts. */
  setClockRate(rate: number): void {
    this.#clockRate = rate;
    this.#running?.clock.setRate(rate);
  }

  /** Sets the wall clock forward, or back below 0: the process is told, if there is one, and the next one reads it at its start. */
  jumpWallClock(byMs: number): void {
    this.#wallAheadMs += byMs;
    if (this.#running === null) return;
    this.#deliver({ type: "wallClock", offsetMs: this.#wallOffsetMs(this.#running.offsetMs) });
  }

  #wallOffsetMs(clockOffsetMs: number): number {
    return wallStartMs + this.#wallAheadMs - clockOffsetMs;
  }

  /** Hands a request to the process, as its API does. */
  call(request: Request, budgetMs: number, caller: Caller): CallId {
    const { callers } = this.#mustRun();
    const call = ++this.#lastCall;
    callers.set(call, caller);
    this.#deliver({ type: "call", call, request, budgetMs });
    return call;
  }

  /** Nothing of the call is answered any more. */
  cancel(call: CallId): void {
    if (this.#running?.callers.delete(call) !== true) return;
    this.#deliver({ type: "cancel", call });
  }

  /** The reader of a watch has room again. */
  drained(call: CallId): void {
    if (this.#running?.callers.has(call) === true) this.#deliver({ type: "drained", call });
  }

  #deliver(input: Input): void {
    const { process, host } = this.#mustRun();
    process.read(sourceOf(input), () => host.deliver(input));
  }

  #end(kind: CrashKind): void {
    const { process, host, callers } = this.#mustRun();
    this.#running = null;
    process.end();
    host.stop();
    this.#options.network.detach(this.node);
    this.disk.crash(kind);
    for (const caller of callers.values()) caller.lost();
  }

  /** A disk that breaks may lose what it had not synced, as a power loss does. */
  #fail(reason: Error): void {
    this.#end(this.disk.handleFailure === "broken" ? "power" : "process");
    this.#options.events.failed(this.node, reason);
  }

  #observed(machine: StateMachine): StateMachine {
    return {
      step: (input, nowMs) => {
        const effects = machine.step(input, nowMs);
        this.#options.events.stepped(this.node, input, effects);
        return effects;
      },
      deadlineMs: () => machine.deadlineMs(),
    };
  }

  #mustRun(): Running {
    return present(this.#running, `process of ${this.node}`);
  }
}

/** Inputs of one source keep their order; those of two may be read in any. Every call has a stream of its own. */
function sourceOf(input: Input): string {
  switch (input.type) {
    case "peer":
      return `peer ${input.from}`;
    case "peerUp":
    case "peerDown":
      return `peer ${input.peer}`;
    case "call":
    case "cancel":
    case "drained":
      return `call ${input.call}`;
    default:
      return input.type;
  }
}

/** A reply ends its call, and so does the last message of a watch. */
function answersOf(callers: Map<CallId, Caller>): Answers {
  return {
    reply: (call, reply) => {
      const caller = callers.get(call);
      callers.delete(call);
      caller?.reply(reply);
    },
    watch: (call, message) => {
      const caller = callers.get(call);
      if (message.type === "compacted" || message.type === "canceled") callers.delete(call);
      caller?.watch(message);
    },
  };
}
