// A cluster of real processes for a test: started and killed by name, reached through the client library, cleaned up after.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after } from "node:test";
import { Client, type ClientOptions } from "../../../client/index.ts";
import { DevCluster, type Endpoint } from "../../../server/dev/dev-cluster.ts";
import { findPorts } from "./ports.ts";
import { launcher as bailiwick } from "./program.ts";
import { createScratch } from "./scratch.ts";
import { waitFor } from "./wait.ts";

const portsPerKind = 20;

export interface TestClusterOptions {
  /** For directory names. */
  readonly name: string;
  /** cluster.yaml without addresses and identities. */
  readonly clusterFile: string;
  /** Script that is started for each node instead of `bailiwick`. */
  readonly launcher?: string;
}

/** A line of a node's log. */
export type LogLine = Readonly<Record<string, unknown>>;

export class TestCluster {
  readonly directory: string;
  readonly #dev: DevCluster;
  readonly #addresses: ReadonlyMap<string, Endpoint>;
  readonly #clients = new Set<Client>();
  readonly #running: Set<string>;
  /** Nodes that ended without having been told to. */
  readonly #surprises: string[];
  /** How nodes ended last. */
  readonly #ends: ReadonlyMap<string, string>;

  private constructor(dev: DevCluster, addresses: ReadonlyMap<string, Endpoint>, watched: Watched) {
    this.directory = dev.directory;
    this.#dev = dev;
    this.#addresses = addresses;
    this.#running = watched.running;
    this.#surprises = watched.surprises;
    this.#ends = watched.ends;
  }

  /** To be called outside tests and hooks. Makes the directories; starts nothing. After the file's tests all goes. */
  static async create({ name, clusterFile, launcher = bailiwick }: TestClusterOptions): Promise<TestCluster> {
    const watched: Watched = { running: new Set(), surprises: [], ends: new Map() };
    const scratch = createScratch(name);
    const firstPort = await findPorts(2 * portsPerKind);
    const dev = await DevCluster.create({
      directory: join(scratch.directory, "cluster"),
      clusterFile: { file: "cluster.yaml", text: clusterFile },
      apiPort: firstPort,
      peerPort: firstPort + portsPerKind,
      launcher,
      onExit: (node, how) => {
        watched.ends.set(node, how);
        if (watched.running.delete(node)) watched.surprises.push(`${node}: ${how}`);
      },
    });
    const addresses = new Map((await dev.endpoints()).map((endpoint) => [endpoint.node, endpoint]));
    const cluster = new TestCluster(dev, addresses, watched);
    after(async () => {
      await cluster.end();
      scratch.remove();
      cluster.assertNobodyFell();
    });
    return cluster;
  }

  get nodes(): readonly string[] {
    return this.#dev.nodes;
  }

  /** Those that were started and not ended since. */
  get running(): readonly string[] {
    return this.nodes.filter((node) => this.#running.has(node));
  }

  /** All nodes by default. */
  async start(...nodes: readonly string[]): Promise<void> {
    await this.#dev.startAll(nodes.length === 0 ? this.nodes : nodes, (node) => this.#running.add(node));
  }

  /** SIGKILL. */
  async kill(...nodes: readonly string[]): Promise<void> {
    for (const node of nodes) this.#running.delete(node);
    await Promise.all(nodes.map((node) => this.#dev.kill(node)));
  }

  /** SIGTERM, all running nodes by default. */
  async stop(...nodes: readonly string[]): Promise<void> {
    const chosen = nodes.length === 0 ? this.running : nodes;
    for (const node of chosen) this.#running.delete(node);
    await Promise.all(chosen.map((node) => this.#dev.stop(node)));
  }

  /** SIGSTOP: these nodes run no more, and nobody is told. */
  async freeze(...nodes: readonly string[]): Promise<void> {
    for (const node of nodes) process.kill(await this.#mustRun(node), "SIGSTOP");
  }

  /** SIGCONT. */
  async thaw(...nodes: readonly string[]): Promise<void> {
    for (const node of nodes) process.kill(await this.#mustRun(node), "SIGCONT");
  }

  /** The node will end by itself, and that is right. */
  expectEnd(node: string): void {
    this.#running.delete(node);
  }

  /** @returns how the node ended */
  async waitForEnd(node: string, timeoutMs: number): Promise<string> {
    const probe = () => this.#ends.get(node);
    const { value } = await waitFor(`${node} to end`, timeoutMs, probe);
    await waitFor(`${node} to be gone`, timeoutMs, async () => ((await this.pidOf(node)) === null ? true : null));
    return value;
  }

  directoryOf(node: string): string {
    return this.#dev.directoryOf(node);
  }

  async pidOf(node: string): Promise<number | null> {
    return (await this.#dev.endpoints()).find((one) => one.node === node)?.pid ?? null;
  }

  /** `host:port` for clients. */
  apiOf(node: string): string {
    return this.#addressesOf(node).api;
  }

  /** `host:port` for other nodes. */
  peerOf(node: string): string {
    return this.#addressesOf(node).peer;
  }

  /** A client of these nodes, all by default; closed after the tests. */
  client(nodes: readonly string[] = this.nodes, options: Omit<ClientOptions, "endpoints"> = {}): Client {
    const client = new Client({ ...options, endpoints: nodes.map((node) => this.apiOf(node)) });
    this.#clients.add(client);
    return client;
  }

  /** Lines of a node's log, over all its starts; what is no JSON comes as `{ text }`. */
  log(node: string): readonly LogLine[] {
    const file = join(this.directoryOf(node), "node.log");
    if (!existsSync(file)) return [];
    return readFileSync(file, "utf8").split("\n").filter(Boolean).map(parseLine);
  }

  /** Fails when a node has ended by itself. */
  assertNobodyFell(): void {
    assert.deepEqual(this.#surprises, [], "nodes that ended by themselves");
  }

  /** Closes the clients and kills what runs, which happens after the file's tests anyway. To be called again at will. */
  async end(): Promise<void> {
    for (const client of this.#clients) await client.close();
    this.#running.clear();
    const endpoints = await this.#dev.endpoints();
    await Promise.all(endpoints.filter(({ pid }) => pid !== null).map(({ node }) => this.#dev.kill(node)));
  }

  async #mustRun(node: string): Promise<number> {
    const pid = await this.pidOf(node);
    assert(pid !== null, `${node} does not run`);
    return pid;
  }

  #addressesOf(node: string): Endpoint {
    const addresses = this.#addresses.get(node);
    assert(addresses !== undefined, `no node ${node}`);
    return addresses;
  }
}

interface Watched {
  readonly running: Set<string>;
  readonly surprises: string[];
  readonly ends: Map<string, string>;
}

function parseLine(line: string): LogLine {
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return { text: line };
  }
}
