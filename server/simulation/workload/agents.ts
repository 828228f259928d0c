// The agents of a simulated cluster, one for each node, on machines of their own: a node's process may end while its agent lives,
// and the other way round. What their applications write carries the fencing token of their epoch (D2).

import type { GroupId, NodeId } from "../../../proto/ids.ts";
import type { GroupPolicies } from "../../../proto/policies.ts";
import type { Random } from "../../../proto/random.ts";
import { bytesOf } from "../../../storage/bytes.ts";
import type { ClockRates } from "../clock-rates.ts";
import type { FenceOptions, ScriptOptions } from "../run-options.ts";
import type { CrashKind } from "../sim-disk.ts";
import type { Observer, World } from "../world.ts";
import { Agent } from "./agent.ts";
import { PowerSwitch } from "./fence.ts";
import type { History } from "./history.ts";
import { type Application, Machine, type MachineEvents } from "./machine.ts";

export interface AgentsOptions {
  readonly world: World;
  readonly random: Random;
  readonly policiesOf: (group: GroupId) => GroupPolicies;
  readonly scripts: ScriptOptions | null;
  readonly fences: FenceOptions | null;
  /** Some group's right has no end: no agent may take the place of another one that may hold it. */
  readonly isEndless: boolean;
  readonly rates: ClockRates;
  readonly reportEveryMs: number;
  readonly history: History;
  readonly checker: Pick<MachineEvents, "granted" | "renewed" | "began" | "ended">;
}

const bootMsMax = 500;
const writeBudgetMs = 1_500;
const answerSlackMs = 250;
const givesUpMs = 3_000;
const leaveMsMax = 10_000;
/** Clients of the history that are applications are numbered from here on. */
const firstClient = 1_000;
/** Shares of the machines whose clock runs as slow, or as fast, as clocks may. */
const slowestShare = 0.4;
const fastestShare = 0.2;
const sameNameShare = 0.6;
const safeFences: FenceOptions = { msMax: 100, failProbability: 0, hangProbability: 0 };

export class Agents implements Observer {
  readonly #options: AgentsOptions;
  readonly #random: Random;
  readonly #machines = new Map<NodeId, Machine>();
  readonly #agents = new Map<NodeId, Agent>();
  readonly powerSwitch: PowerSwitch;
  readonly #applicationRandom: Random;
  readonly #names = new Map<NodeId, string>();
  #lastName = 0;
  #lastWrite = 0;
  #isWriting = false;

  constructor(options: AgentsOptions) {
    const { world, random, policiesOf, scripts, checker } = options;
    this.#options = options;
    this.#random = random;
    this.#applicationRandom = random.fork();
    const events = { ...bound(checker), working: (application: Application) => this.#write(application) };
    for (const node of world.nodes) {
      const each = { world, node, random: random.fork(), policiesOf, scripts, events };
      this.#machines.set(node.node, new Machine(each, this.drawRate()));
    }
    this.powerSwitch = new PowerSwitch({
      ...(options.fences ?? safeFences),
      ...{ world, random: random.fork(), machine: (node) => this.machine(node) },
      powerOff: (node) => this.crashed(node, "power"),
    });
  }

  get machines(): readonly Machine[] {
    return [...this.#machines.values()];
  }

  machine(node: NodeId): Machine {
    return this.#machines.get(node) as Machine;
  }

  isAlive(node: NodeId): boolean {
    return this.#agents.has(node);
  }

  /** All machines have power; their agents come in any order. */
  start(): void {
    this.#isWriting = true;
    for (const machine of this.machines) if (!machine.isPowered) this.#powerOn(machine);
  }

  /** Applications write no more. */
  stopWriting(): void {
    this.#isWriting = false;
  }

  /** Whatever agents and scripts suffer from ends: a new agent takes over everywhere. */
  heal(): void {
    this.powerSwitch.heal();
    for (const machine of this.machines) {
      machine.healScripts();
      if (!machine.isPowered) continue;
      this.kill(machine.node);
      this.#startSoon(machine);
    }
  }

  started(node: NodeId): void {
    const machine = this.machine(node);
    if (!machine.isPowered) this.#powerOn(machine);
  }

  crashed(node: NodeId, kind: CrashKind): void {
    if (kind !== "power") return;
    this.kill(node);
    this.machine(node).powerOff();
  }

  /** Its applications go on. @returns whether there was one */
  kill(node: NodeId): boolean {
    this.#agents.get(node)?.end();
    this.machine(node).abandon();
    return this.#agents.delete(node);
  }

  /** It ends in order, or is killed if that takes too long. @param then once it has @returns whether there was one */
  leave(node: NodeId, then: () => void): boolean {
    const agent = this.#agents.get(node);
    const end = () => {
      if (this.#agents.get(node) === agent && this.kill(node)) then();
    };
    agent?.leave(end);
    this.#options.world.scheduler.after(leaveMsMax, end);
    return agent !== undefined;
  }

  /** A new one, if the machine has power and there is none. */
  begin(node: NodeId): void {
    const machine = this.machine(node);
    if (!machine.isPowered || this.#agents.has(node)) return;
    const { world, policiesOf, reportEveryMs } = this.#options;
    const { powerSwitch } = this;
    const random = this.#random.fork();
    const name = this.#nameFor(node);
    this.#agents.set(node, new Agent({ world, machine, name, random, reportEveryMs, policiesOf, powerSwitch }));
  }

  /** At once, or when it has asked for its rights next. */
  pause(node: NodeId, durationMs: number): void {
    const agent = this.#agents.get(node);
    if (this.#random.chance(0.5)) agent?.pauseAsking(durationMs);
    else agent?.pause(this.#options.world.nowMs + durationMs);
  }

  /** The whole machine stands still: node, agent, guard and applications. */
  freeze(node: NodeId, durationMs: number): void {
    const untilMs = this.#options.world.nowMs + durationMs;
    const machine = this.machine(node);
    machine.freeze(untilMs);
    this.#agents.get(node)?.pause(untilMs);
    machine.simNode.pause(durationMs);
  }

  setClockRate(node: NodeId, rate: number): void {
    this.machine(node).setClockRate(rate);
    this.#agents.get(node)?.setClockRate(rate);
  }

  /** Mostly at the edge of what clocks may do. */
  drawRate(): number {
    const { rateMin, rateMax } = this.#options.rates;
    const kind = this.#random.fraction();
    if (kind < slowestShare) return rateMin;
    if (kind < slowestShare + fastestShare) return rateMax;
    return rateMin + (rateMax - rateMin) * this.#random.fraction();
  }

  /** Mostly that of the one before it, which its machine remembers: so it takes over at once what runs there. */
  #nameFor(node: NodeId): string {
    const known = this.#names.get(node);
    const isSame = this.#random.chance(sameNameShare) || this.#options.isEndless;
    const name = known !== undefined && isSame ? known : `agent-${++this.#lastName}`;
    this.#names.set(node, name);
    return name;
  }

  #powerOn(machine: Machine): void {
    machine.powerOn();
    this.#startSoon(machine);
  }

  #startSoon({ node }: Machine): void {
    const delayMs = this.#random.fraction() * bootMsMax;
    this.#options.world.scheduler.after(delayMs, () => this.begin(node));
  }

  /** Under the token of its epoch, through any node; nobody tries again. */
  #write({ node: at, group, epoch }: Application): void {
    if (!this.#isWriting) return;
    const { world, history } = this.#options;
    const random = this.#applicationRandom;
    const value = bytesOf(`token-${++this.#lastWrite}:${at}/${epoch}`);
    const key = bytesOf(`token-${random.between(1, 2)}`);
    const put = { type: "put", group, key, value, lease: 0, ifModRevision: null, returnPrevious: false } as const;
    const request = { ...put, fence: { group, epoch } };
    const node = random.pick(world.nodes);
    const invokedMs = world.nowMs;
    const dueMs = invokedMs + writeBudgetMs + answerSlackMs;
    const client = firstClient + world.nodes.findIndex((each) => each.node === at);
    const operation = history.begin({ client, node: node.node, group, request, invokedMs, dueMs });
    if (!node.isRunning) {
      operation.outcome = { type: "failed", atMs: world.nowMs, code: "refused" };
      return;
    }
    const call = node.call(request, writeBudgetMs, {
      reply: (reply) => history.answered(operation, reply, world.nowMs),
      watch: () => {},
      lost: () => history.unknown(operation, "lost", world.nowMs),
    });
    world.scheduler.at(dueMs + givesUpMs, () => {
      if (operation.outcome !== null) return;
      node.cancel(call);
      history.unknown(operation, "silence", world.nowMs);
    });
  }
}

function bound(checker: AgentsOptions["checker"]): AgentsOptions["checker"] {
  return {
    granted: (machine, group, epoch) => checker.granted(machine, group, epoch),
    renewed: (renewal) => checker.renewed(renewal),
    began: (application) => checker.began(application),
    ended: (application) => checker.ended(application),
  };
}
