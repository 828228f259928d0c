// A small cluster in which each machine has a network of its own, so that what it sends, or what is sent to it, can be lost while
// the other direction goes on. Needs Linux, root and the program `ip`.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { closeSync, mkdirSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Client } from "../../../client/index.ts";
import { createNodeKey } from "../../../server/adapters/node-key.ts";
import { isAlive } from "./agent-setting.ts";
import { type Life, Lives, writeApplication } from "./application.ts";
import { configOf, killNow } from "./recovery-cluster.ts";
import { createScratch } from "./scratch.ts";
import { waitFor } from "./wait.ts";

const launcher = fileURLToPath(new URL("../../../server/bailiwick.mjs", import.meta.url));
const apiPort = 7_401;
const peerPort = 7_501;

export type Direction = "sent" | "received";

/** Whether such networks can be made here. */
export function hasNamespaces(): boolean {
  const name = `bw-try-${process.pid}`;
  if (spawnSync("ip", ["netns", "add", name]).status !== 0) return false;
  spawnSync("ip", ["netns", "del", name]);
  return spawnSync("tc", ["-V"]).status === 0;
}

interface Machine {
  readonly node: string;
  readonly namespace: string;
  /** Its end of the cable, on this side. */
  readonly cable: string;
  readonly address: string;
  readonly processes: ChildProcess[];
}

/** One group on all of its nodes. */
export class NamespaceCluster implements AsyncDisposable {
  readonly lives: Lives;
  readonly #scratch = createScratch("cut");
  readonly #program = writeApplication(this.#scratch.directory);
  readonly #prefix = `bw${process.pid}`;
  /** Of the range for such tests. */
  readonly #network = `198.18.${randomInt(256)}`;
  readonly #machines: ReadonlyMap<string, Machine>;
  readonly #clients = new Map<string, Client>();
  readonly #group: string;
  readonly #onExit = () => void this.#tearDown();
  readonly #onSignal = () => process.exit(1);

  constructor(group: string, nodes: readonly string[]) {
    this.#group = group;
    this.lives = new Lives(this.#scratch.directory);
    this.#machines = new Map(nodes.map((node, position) => [node, this.#machine(node, position + 1)]));
    process.once("exit", this.#onExit).once("SIGTERM", this.#onSignal).once("SIGINT", this.#onSignal);
  }

  async start(): Promise<void> {
    this.#makeNetworks();
    await this.#writeCluster();
    for (const machine of this.#machines.values()) {
      this.#run(machine, [
        "serve",
        "-c",
        join(this.#directory(machine), "node.yaml"),
        "--insecure",
        "--stop-with-stdin",
      ]);
      this.#run(machine, ["agent", "-c", join(this.#directory(machine), "agent.yaml")]);
    }
  }

  /** Everything that the machine sends, or that is sent to it, is lost from now on. */
  cut(node: string, direction: Direction): void {
    // A queue with room for one byte: it drops whatever comes.
    this.#queue(node, direction, ["replace", "root", "bfifo", "limit", "1"]);
  }

  heal(node: string, direction: Direction): void {
    this.#queue(node, direction, ["del", "root"]);
  }

  clientOf(node: string): Client {
    const endpoint = `${this.#mustKnow(node).address}:${apiPort}`;
    const client = this.#clients.get(node) ?? new Client({ endpoints: [endpoint] });
    this.#clients.set(node, client);
    return client;
  }

  living(group: string): readonly Life[] {
    return this.lives.of(group).filter(({ pid }) => isAlive(pid));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    process.off("exit", this.#onExit).off("SIGTERM", this.#onSignal).off("SIGINT", this.#onSignal);
    await Promise.all([...this.#clients.values()].map((client) => client.close()));
    const pids = this.#tearDown();
    await waitFor("all to be gone", 20_000, () => (pids.some(isAlive) ? null : true));
    this.lives.close();
    this.#scratch.remove();
  }

  /** @returns what was killed */
  #tearDown(): readonly number[] {
    const namespaces = [...this.#machines.values()].map(({ namespace }) => namespace);
    const pids = namespaces.flatMap(pidsIn);
    for (const pid of pids) killNow(pid);
    for (const namespace of namespaces) spawnSync("ip", ["netns", "del", namespace]);
    spawnSync("ip", ["link", "del", this.#bridge]);
    return pids;
  }

  get #bridge(): string {
    return `${this.#prefix}b`;
  }

  #machine(node: string, position: number): Machine {
    const namespace = `${this.#prefix}-${node}`;
    return {
      node,
      namespace,
      cable: `${this.#prefix}c${position}`,
      address: `${this.#network}.${position}`,
      processes: [],
    };
  }

  #makeNetworks(): void {
    ip(["link", "add", this.#bridge, "type", "bridge"]);
    ip(["addr", "add", `${this.#network}.254/24`, "dev", this.#bridge]);
    ip(["link", "set", this.#bridge, "up"]);
    for (const { namespace, cable, address } of this.#machines.values()) {
      ip(["netns", "add", namespace]);
      ip(["link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", namespace]);
      ip(["link", "set", cable, "master", this.#bridge, "up"]);
      ip(["-n", namespace, "addr", "add", `${address}/24`, "dev", "eth0"]);
      ip(["-n", namespace, "link", "set", "eth0", "up"]);
      ip(["-n", namespace, "link", "set", "lo", "up"]);
    }
  }

  async #writeCluster(): Promise<void> {
    const nodes = [];
    for (const machine of this.#machines.values()) {
      const { node, address } = machine;
      mkdirSync(join(this.#directory(machine), "run"), { recursive: true });
      const { identity } = await createNodeKey(join(this.#directory(machine), "node.key"));
      nodes.push({
        name: node,
        identity,
        peerAddresses: [`${address}:${peerPort}`],
        apiAddress: `${address}:${apiPort}`,
      });
      this.#writeFiles(machine);
    }
    const owners = [...this.#machines.keys()];
    const config = configOf({ name: this.#group, owners }, this.#program, this.#scratch);
    const cluster = { name: "cut", nodes, groups: [{ name: this.#group, owners, config }] };
    writeFileSync(join(this.#scratch.directory, "cluster.yaml"), JSON.stringify(cluster));
  }

  #writeFiles(machine: Machine): void {
    const { node, address } = machine;
    const directory = this.#directory(machine);
    const own = { node, bootstrap: "../cluster.yaml", dataDir: "data", keyFile: "node.key" };
    writeFileSync(join(directory, "node.yaml"), JSON.stringify(own));
    const allow = { exec: [this.#program] };
    const agent = { node, endpoints: [`${address}:${apiPort}`], allow, stateDirectory: join(directory, "run") };
    writeFileSync(join(directory, "agent.yaml"), JSON.stringify(agent));
  }

  #run(machine: Machine, args: readonly string[]): void {
    const log = openSync(join(this.#directory(machine), `${args[0]}.log`), "a");
    const command = ["netns", "exec", machine.namespace, process.execPath, launcher, ...args];
    machine.processes.push(spawn("ip", command, { stdio: ["pipe", log, log] }));
    closeSync(log);
  }

  #queue(node: string, direction: Direction, [verb = "", ...rest]: readonly string[]): void {
    const { namespace, cable } = this.#mustKnow(node);
    const where = direction === "sent" ? ["-n", namespace] : [];
    run("tc", [...where, "qdisc", verb, "dev", direction === "sent" ? "eth0" : cable, ...rest]);
  }

  #directory({ node }: Machine): string {
    return join(this.#scratch.directory, node);
  }

  #mustKnow(node: string): Machine {
    const machine = this.#machines.get(node);
    if (machine === undefined) throw new Error(`No machine ${node}`);
    return machine;
  }
}

/** Guards and applications too, whoever started them. */
function pidsIn(namespace: string): readonly number[] {
  const { stdout } = spawnSync("ip", ["netns", "pids", namespace], { encoding: "utf8" });
  return stdout.split("\n").filter(Boolean).map(Number);
}

function ip(args: readonly string[]): void {
  run("ip", args);
}

function run(program: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(program, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: ${stderr}`);
}
