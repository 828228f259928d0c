// Machines that have a network of their own each, so that what one sends, or what is sent to it, can be lost while the other
// direction goes on. Needs Linux, root, and the programs `ip` and `tc`.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { closeSync, mkdirSync, openSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { createNodeKey } from "../../../server/adapters/node-key.ts";
import { isAlive } from "./agent-setting.ts";
import { killNow } from "./kill-now.ts";
import { launcher } from "./program.ts";
import type { Direction, Site, SiteCluster } from "./recovery-site.ts";
import { waitFor } from "./wait.ts";

const apiPort = 7_401;
const peerPort = 7_501;
/** Of a loaded machine. */
const readyMs = 180_000;

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
  /** Of the node; null: it does not run. */
  process: ChildProcess | null;
}

export class NamespaceSite implements Site {
  readonly #directory: string;
  readonly #prefix = `bw${process.pid}`;
  /** Of the range for such tests. */
  readonly #network = `198.18.${randomInt(256)}`;
  readonly #machines: ReadonlyMap<string, Machine>;

  private constructor(directory: string, nodes: readonly string[]) {
    this.#directory = directory;
    this.#machines = new Map(nodes.map((node, position) => [node, this.#machine(node, position + 1)]));
  }

  /** Makes the networks too. */
  static async create(directory: string, cluster: SiteCluster): Promise<NamespaceSite> {
    const names = cluster.nodes.map(({ name }) => name);
    const site = new NamespaceSite(join(directory, "cluster"), names);
    await site.#write(cluster);
    site.#makeNetworks();
    return site;
  }

  get nodes(): readonly string[] {
    return [...this.#machines.keys()];
  }

  apiOf(node: string): string {
    return `${this.#mustKnow(node).address}:${apiPort}`;
  }

  async startAll(): Promise<void> {
    await Promise.all(this.nodes.map((node) => this.start(node)));
  }

  async start(node: string): Promise<void> {
    const machine = this.#mustKnow(node);
    if (isRunning(machine.process)) throw new Error(`${node} runs already`);
    const directory = join(this.#directory, node);
    const serve = ["serve", "-c", join(directory, "node.yaml"), "--insecure", "--stop-with-stdin"];
    const [program, ...args] = this.commandOn(node, [process.execPath, launcher, ...serve]);
    const log = openSync(join(directory, "node.log"), "a");
    machine.process = spawn(program, args, { stdio: ["pipe", log, log] });
    closeSync(log);
    await waitFor(`${node} to serve`, readyMs, () => isServed(machine.address));
  }

  async kill(node: string): Promise<void> {
    const pid = this.#mustKnow(node).process?.pid ?? 0;
    killNow(pid);
    await waitFor(`${node} to be gone`, 10_000, () => (isAlive(pid) ? null : true));
    this.#mustKnow(node).process = null;
  }

  async pidOf(node: string): Promise<number | null> {
    const { process: child } = this.#mustKnow(node);
    return isRunning(child) ? (child?.pid ?? null) : null;
  }

  /** `ip` puts the command in its own place: the process has the number of the command. */
  commandOn(node: string, command: readonly [string, ...string[]]): readonly [string, ...string[]] {
    return ["ip", "netns", "exec", this.#mustKnow(node).namespace, ...command];
  }

  cut(node: string, direction: Direction): void {
    // A queue with room for one byte: it drops whatever comes.
    this.#queue(node, direction, ["replace", "root", "bfifo", "limit", "1"]);
  }

  heal(node: string, direction: Direction): void {
    this.#queue(node, direction, ["del", "root"]);
  }

  /** Whatever runs in the networks ends, whoever started it. */
  close(): void {
    const namespaces = [...this.#machines.values()].map(({ namespace }) => namespace);
    for (const pid of namespaces.flatMap(pidsIn)) killNow(pid);
    for (const namespace of namespaces) spawnSync("ip", ["netns", "del", namespace]);
    spawnSync("ip", ["link", "del", this.#bridge]);
  }

  get #bridge(): string {
    return `${this.#prefix}b`;
  }

  #machine(node: string, position: number): Machine {
    const namespace = `${this.#prefix}-${node}`;
    const address = `${this.#network}.${position}`;
    return { node, namespace, cable: `${this.#prefix}c${position}`, address, process: null };
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

  async #write(cluster: SiteCluster): Promise<void> {
    const nodes = [];
    for (const { node, address } of this.#machines.values()) {
      const directory = join(this.#directory, node);
      mkdirSync(directory, { recursive: true });
      const { identity } = await createNodeKey(join(directory, "node.key"));
      const peerAddresses = [`${address}:${peerPort}`];
      nodes.push({ name: node, identity, peerAddresses, apiAddress: `${address}:${apiPort}` });
      const own = { node, bootstrap: "../cluster.yaml", dataDir: "data", keyFile: "node.key" };
      writeFileSync(join(directory, "node.yaml"), JSON.stringify(own));
    }
    writeFileSync(join(this.#directory, "cluster.yaml"), JSON.stringify({ ...cluster, nodes }));
  }

  #queue(node: string, direction: Direction, [verb = "", ...rest]: readonly string[]): void {
    const { namespace, cable } = this.#mustKnow(node);
    const where = direction === "sent" ? ["-n", namespace] : [];
    run("tc", [...where, "qdisc", verb, "dev", direction === "sent" ? "eth0" : cable, ...rest]);
  }

  #mustKnow(node: string): Machine {
    const machine = this.#machines.get(node);
    if (machine === undefined) throw new Error(`No machine ${node}`);
    return machine;
  }
}

function isRunning(child: ChildProcess | null): boolean {
  return child !== null && child.exitCode === null && child.signalCode === null;
}

function isServed(address: string): Promise<true> {
  return new Promise((resolve, reject) => {
    const socket = connect(apiPort, address, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", reject);
  });
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
