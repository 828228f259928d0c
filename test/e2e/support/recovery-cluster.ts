// A cluster of machines for tests of recovery: a node, an agent with its guard and the applications are one machine each, which
// loses its power as a whole, or parts of which are killed and stopped by themselves.

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Client } from "../../../client/index.ts";
import { isAlive } from "./agent-setting.ts";
import { type Life, Lives, uptimeMs, writeApplication } from "./application.ts";
import { killNow } from "./kill-now.ts";
import { launcher } from "./program.ts";
import { NamespaceSite } from "./recovery-namespaces.ts";
import { type Direction, LoopbackSite, type Site } from "./recovery-site.ts";
import { createScratch, type Scratch } from "./scratch.ts";
import { waitFor } from "./wait.ts";

/** Of every group here. */
export const lease = { ttlMs: 3_000, renewIntervalMs: 200, stopBudgetMs: 300 } as const;

export interface MachineGroup {
  readonly name: string;
  readonly owners: readonly string[];
  /** Plain JSON of a `ManagementPolicy`. */
  readonly management?: object;
  /** Plain JSON of a `LeaseTerms`. */
  readonly lease?: object;
  /** Owners are fenced: what {@link RecoveryCluster.notePower} has noted of them is killed. */
  readonly isFenced?: boolean;
}

export interface ClusterOptions {
  /** Every machine has a network of its own, and can be cut off; see `hasNamespaces`. */
  readonly hasNetworks?: boolean;
}

interface Machine {
  /** null: it does not run. */
  agent: ChildProcess | null;
}

export class RecoveryCluster implements AsyncDisposable {
  readonly lives: Lives;
  readonly #site: Site;
  readonly #scratch: Scratch;
  readonly #program: string;
  readonly #machines = new Map<string, Machine>();
  readonly #clients = new Map<string, Client>();
  readonly #onExit = () => this.#killAll();
  readonly #onSignal = () => process.exit(1);

  private constructor(site: Site, scratch: Scratch, program: string) {
    this.#site = site;
    this.#scratch = scratch;
    this.#program = program;
    this.lives = new Lives(scratch.directory);
    for (const node of site.nodes) this.#machines.set(node, { agent: null });
    process.once("exit", this.#onExit).once("SIGTERM", this.#onSignal).once("SIGINT", this.#onSignal);
  }

  /** Makes the directories; starts nothing. One application a group. */
  static async create(
    name: string,
    groups: readonly MachineGroup[],
    { hasNetworks = false }: ClusterOptions = {},
  ): Promise<RecoveryCluster> {
    const scratch = createScratch(name);
    writeFence(scratch);
    const program = writeApplication(scratch.directory);
    const nodes = [...new Set(groups.flatMap(({ owners }) => owners))].sort();
    const file = {
      name,
      nodes: nodes.map((node) => ({ name: node })),
      groups: groups.map((group) => ({
        name: group.name,
        owners: group.owners,
        config: configOf(group, program, scratch),
      })),
    };
    const kind = hasNetworks ? NamespaceSite : LoopbackSite;
    return new RecoveryCluster(await kind.create(scratch.directory, file), scratch, program);
  }

  get nodes(): readonly string[] {
    return this.#site.nodes;
  }

  /** All machines. */
  async start(): Promise<void> {
    await this.#site.startAll();
    for (const node of this.nodes) this.startAgent(node);
  }

  /** A client of this node alone, the same each time; closed at the end. */
  clientOf(node: string): Client {
    const client = this.#clients.get(node) ?? new Client({ endpoints: [this.apiOf(node)] });
    this.#clients.set(node, client);
    return client;
  }

  /** `host:port` for clients. */
  apiOf(node: string): string {
    return this.#site.apiOf(node);
  }

  /** Of the applications of a group those that live. */
  living(group: string): readonly Life[] {
    return this.lives.of(group).filter(({ pid }) => isAlive(pid));
  }

  /** SIGKILL to everything of a machine at once. @returns when that was, by `uptimeMs` */
  async powerOff(node: string): Promise<number> {
    const nodePid = await this.#nodePid(node);
    const applications = this.lives.all().filter((life) => life.node === node && isAlive(life.pid));
    const agentPid = this.#machine(node).agent?.pid ?? 0;
    const pids = [agentPid, this.#guardPid(node), nodePid, ...applications.map(({ pid }) => pid)].filter(
      (pid) => pid > 0,
    );
    const atMs = uptimeMs();
    for (const pid of pids) killNow(pid);
    this.#machine(node).agent = null;
    await waitFor(`${node} to be gone`, 10_000, () => (pids.some(isAlive) ? null : true));
    return atMs;
  }

  /** The directory of the agent is of the kind that a start of the machine empties. */
  async powerOn(node: string): Promise<void> {
    rmSync(this.#stateDirectory(node), { recursive: true, force: true });
    await this.#site.start(node);
    this.startAgent(node);
  }

  /** Has a fence of the node kill all that its machine runs now beside the node's own process. */
  notePower(node: string): void {
    const applications = this.lives.all().filter((life) => life.node === node && isAlive(life.pid));
    const pids = [this.#machine(node).agent?.pid ?? 0, this.#guardPid(node), ...applications.map(({ pid }) => pid)];
    assert(pids.length > 2 && pids.every((pid) => pid > 0), `${node} runs ${pids}`);
    writeFileSync(join(this.#scratch.directory, `${node}.pids`), pids.join(" "));
  }

  /** A fence, or something else, has taken its agent. */
  isPoweredOff(node: string): boolean {
    return !isAlive(this.#machine(node).agent?.pid ?? 0) && this.#guardPid(node) === 0;
  }

  async killNode(node: string): Promise<void> {
    await this.#site.kill(node);
  }

  async startNode(node: string): Promise<void> {
    await this.#site.start(node);
  }

  async signalNode(node: string, signal: "SIGSTOP" | "SIGCONT"): Promise<void> {
    process.kill(await this.#nodePid(node), signal);
  }

  startAgent(node: string): void {
    const machine = this.#machine(node);
    assert(machine.agent === null, `the agent of ${node} runs`);
    const log = openSync(join(this.#scratch.directory, `${node}.agent.log`), "a");
    const command = [process.execPath, launcher, "agent", "--node", node, "-c", this.#writeAgentFile(node)] as const;
    const [program, ...args] = this.#site.commandOn(node, command);
    machine.agent = spawn(program, args, { stdio: ["ignore", log, log] });
    closeSync(log);
  }

  /** SIGKILL: its guard goes on. */
  async killAgent(node: string): Promise<void> {
    const machine = this.#machine(node);
    const pid = machine.agent?.pid ?? 0;
    machine.agent?.kill("SIGKILL");
    machine.agent = null;
    await waitFor(`the agent of ${node} to be gone`, 10_000, () => (isAlive(pid) ? null : true));
  }

  signalAgent(node: string, signal: "SIGSTOP" | "SIGCONT"): void {
    this.#machine(node).agent?.kill(signal);
  }

  /** Everything that the machine sends, or that is sent to it, is lost; its own processes hear each other. */
  cut(node: string, direction: Direction): void {
    this.#site.cut(node, direction);
  }

  heal(node: string, direction: Direction): void {
    this.#site.heal(node, direction);
  }

  /** Ends everything that was started. */
  async [Symbol.asyncDispose](): Promise<void> {
    process.off("exit", this.#onExit).off("SIGTERM", this.#onSignal).off("SIGINT", this.#onSignal);
    await Promise.all([...this.#clients.values()].map((client) => client.close()));
    const guards = this.nodes.map((node) => this.#guardPid(node));
    const applications = this.lives.all().map(({ pid }) => pid);
    for (const node of this.nodes) this.#killMachine(node);
    await Promise.all(this.nodes.map((node) => this.#endNode(node)));
    this.#site.close();
    await waitFor("all to be gone", 20_000, () => ([...guards, ...applications].some(isAlive) ? null : true));
    this.lives.close();
    this.#scratch.remove();
  }

  /** Nodes end with this process, of themselves. */
  #killAll(): void {
    for (const node of this.nodes) this.#killMachine(node);
    this.#site.close();
  }

  async #endNode(node: string): Promise<void> {
    if ((await this.#site.pidOf(node)) !== null) await this.#site.kill(node);
  }

  #killMachine(node: string): void {
    const machine = this.#machine(node);
    machine.agent?.kill("SIGKILL");
    machine.agent = null;
    const guard = this.#guardPid(node);
    if (guard > 0) killNow(guard);
    for (const life of this.lives.all()) if (life.node === node && isOurs(life, this.#program)) killNow(life.pid);
  }

  #machine(node: string): Machine {
    const machine = this.#machines.get(node);
    assert(machine !== undefined, `no node ${node}`);
    return machine;
  }

  /** 0: there is none. */
  #guardPid(node: string): number {
    const file = join(this.#stateDirectory(node), "guard.log");
    if (!existsSync(file)) return 0;
    const started = [...readFileSync(file, "utf8").matchAll(/guards .* as ([0-9]+)$/gm)];
    const pid = Number(started.at(-1)?.[1] ?? "0");
    return pid > 0 && isAlive(pid) ? pid : 0;
  }

  async #nodePid(node: string): Promise<number> {
    const pid = await this.#site.pidOf(node);
    assert(pid !== null, `${node} does not run`);
    return pid;
  }

  #stateDirectory(node: string): string {
    return join(this.#scratch.directory, "run", node);
  }

  #writeAgentFile(node: string): string {
    const file = join(this.#scratch.directory, `${node}.agent.yaml`);
    mkdirSync(this.#stateDirectory(node), { recursive: true });
    const endpoints = [this.apiOf(node)];
    writeFileSync(
      file,
      JSON.stringify({
        node,
        endpoints,
        allow: { exec: [this.#program, fenceOf(this.#scratch)] },
        stateDirectory: this.#stateDirectory(node),
      }),
    );
    return file;
  }
}

/** Plain JSON of a `GroupConfig`. Moves are not counted: tests move more than any operator. */
function configOf(group: MachineGroup, program: string, scratch: Scratch): object {
  const { management = {}, isFenced = false } = group;
  const { directory } = scratch;
  const exec = { start: [program, directory], foreground: true };
  return {
    ...(isFenced ? { fence: { command: [fenceOf(scratch), directory], timeoutMs: 10_000 } } : {}),
    resources: [{ name: "app", application: {}, run: { exec }, stopTimeoutMs: 250 }],
    lease: group.lease ?? lease,
    management: { antiFlap: { movesMax: 100, windowMs: 60_000 }, ...management },
  };
}

/** Its number may be somebody else's by now. */
function isOurs({ pid }: Life, program: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1").includes(program);
  } catch {
    return false;
  }
}

/** A power switch: it is done when nothing is left of what was noted. */
const fence = `#!/bin/sh
pids=$(cat "$1/$BAILIWICK_NODE.pids") || exit 1
for pid in $pids; do kill -9 "$pid"; done
for pid in $pids; do
  while [ -e "/proc/$pid" ] && ! grep -q "^State:.[ZX]" "/proc/$pid/status"; do sleep 0.05; done
done
echo "$BAILIWICK_GROUP $BAILIWICK_NODE $BAILIWICK_EPOCH" >> "$1/fences"
exit 0
`;

function fenceOf({ directory }: Scratch): string {
  return join(directory, "fence");
}

function writeFence(scratch: Scratch): void {
  writeFileSync(fenceOf(scratch), fence, { mode: 0o755 });
}
