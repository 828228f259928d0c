// A cluster of real processes for a test: started and killed by name, reached through the client library, cleaned up after.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after } from "node:test";
import { Client, type ClientOptions } from "../../../client/index.ts";
import { DevCluster } from "../../../server/dev/dev-cluster.ts";
import { findPorts } from "./ports.ts";
import { createScratch } from "./scratch.ts";

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
  readonly #apis: ReadonlyMap<string, string>;
  readonly #clients = new Set<Client>();
  readonly #running: Set<string>;
  /** Nodes that ended without having been told to. */
  readonly #surprises: string[];

  private constructor(
    dev: DevCluster,
    apis: ReadonlyMap<string, string>,
    watched: { readonly running: Set<string>; readonly surprises: string[] },
  ) {
    this.directory = dev.directory;
    this.#dev = dev;
    this.#apis = apis;
    this.#running = watched.running;
    this.#surprises = watched.surprises;
  }

  /** To be called outside tests and hooks. Makes the directories; starts nothing. After the file's tests all goes. */
  static async create({ name, clusterFile, launcher }: TestClusterOptions): Promise<TestCluster> {
    const watched = { running: new Set<string>(), surprises: [] as string[] };
    const scratch = createScratch(name);
    const firstPort = await findPorts(2 * portsPerKind);
    const dev = await DevCluster.create({
      directory: join(scratch.directory, "cluster"),
      clusterFile: { file: "cluster.yaml", text: clusterFile },
      apiPort: firstPort,
      peerPort: firstPort + portsPerKind,
      ...(launcher === undefined ? {} : { launcher }),
      onExit: (node, how) => {
        if (watched.running.delete(node)) watched.surprises.push(`${node}: ${how}`);
      },
    });
    const apis = new Map((await dev.endpoints()).map(({ node, api }) => [node, api]));
    const cluster = new TestCluster(dev, apis, watched);
    after(async () => {
      await cluster.#stopAll();
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

  /** The node will end by itself, and that is right. */
  expectEnd(node: string): void {
    this.#running.delete(node);
  }

  directoryOf(node: string): string {
    return this.#dev.directoryOf(node);
  }

  async pidOf(node: string): Promise<number | null> {
    return (await this.#dev.endpoints()).find((one) => one.node === node)?.pid ?? null;
  }

  /** `host:port` for clients. */
  apiOf(node: string): string {
    const api = this.#apis.get(node);
    assert(api !== undefined, `no node ${node}`);
    return api;
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

  async #stopAll(): Promise<void> {
    for (const client of this.#clients) await client.close();
    this.#running.clear();
    const endpoints = await this.#dev.endpoints();
    await Promise.all(endpoints.filter(({ pid }) => pid !== null).map(({ node }) => this.#dev.kill(node)));
  }
}

function parseLine(line: string): LogLine {
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return { text: line };
  }
}
