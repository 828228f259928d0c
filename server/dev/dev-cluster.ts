// A whole cluster on this machine, one process a node. What runs is read from the directory each time, so that commands in
// several terminals, the tour and tests see the same.

import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { DbError, failure } from "../../proto/errors.ts";
import type { NodeRecord } from "../../proto/model.ts";
import { type Layout, type LayoutOptions, makeLayout, nodeFile, readLayout } from "./layout.ts";
import { killProcess, launch, stopProcess } from "./node-process.ts";
import { findProcess, type ProcessRecord } from "./process-record.ts";

export interface RunOptions {
  /** true (default): the nodes stop when this process ends, however it ends. false: they go on. */
  readonly isAttached?: boolean;
  /** Script that is started with the arguments of `bailiwick`; by default the command itself. */
  readonly launcher?: string;
  /** A node that this object started has ended, on purpose or not. */
  readonly onExit?: (node: string, how: string) => void;
}

export interface Endpoint {
  readonly node: string;
  /** `host:port` for clients. */
  readonly api: string;
  readonly peer: string;
  /** null: not running. */
  readonly pid: number | null;
}

export class DevCluster {
  readonly directory: string;
  readonly #nodes: readonly NodeRecord[];
  readonly #options: RunOptions;
  /** Nodes that are being started. */
  readonly #launches = new Set<Promise<unknown>>();
  #isStopping = false;

  private constructor(layout: Layout, options: RunOptions) {
    this.directory = layout.directory;
    this.#nodes = layout.nodes;
    this.#options = options;
  }

  /** Makes the directory, or takes it up again. Starts nothing. @throws {DbError} as `makeLayout` */
  static async create({ directory, ...options }: LayoutOptions & RunOptions): Promise<DevCluster> {
    return new DevCluster(await makeLayout({ ...options, directory: resolve(directory) }), options);
  }

  /** Takes up a directory that was made before. @throws {DbError} `not_found` */
  static async open(directory: string, options: RunOptions = {}): Promise<DevCluster> {
    return new DevCluster(await readLayout(resolve(directory)), options);
  }

  /** Names, in the order of the cluster file. */
  get nodes(): readonly string[] {
    return this.#nodes.map(({ node }) => node);
  }

  /** All nodes, running or not, in the order of the cluster file. */
  async endpoints(): Promise<readonly Endpoint[]> {
    return Promise.all(
      this.#nodes.map(async ({ node, apiAddress, peerAddress }) => {
        const process = await this.#findProcess(node);
        return { node, api: apiAddress, peer: peerAddress, pid: process?.pid ?? null };
      }),
    );
  }

  /** The node's own directory, which holds `data` and `node.log`. */
  directoryOf(node: string): string {
    return nodeFile(this.directory, this.#mustKnow(node), "");
  }

  /**
   * Starts a node and waits until it serves.
   *
   * @throws {DbError} `not_found` for an unknown node, `condition_failed` when it runs already or does not start, `canceled` once all
   *   are being stopped
   */
  async start(node: string): Promise<void> {
    const running = await this.#findProcess(this.#mustKnow(node));
    // Whoever stops all looks for launches that are under way, and for none that is still to begin.
    if (this.#isStopping) throw stopped();
    if (running !== null) {
      throw new DbError(failure("condition_failed", `Node ${node} runs already, as process ${running.pid}`, { node }));
    }
    const { isAttached = true, launcher, onExit } = this.#options;
    const options = { directory: this.directory, node, isAttached, launcher };
    const launching = launch({ ...options, onExit: (how) => onExit?.(node, how) });
    this.#launches.add(launching);
    await launching.finally(() => this.#launches.delete(launching));
  }

  /**
   * Starts these nodes, a few at a time; all by default. When one does not start, those that did are stopped.
   *
   * @param onReady is called as each becomes ready
   */
  async startAll(nodes: readonly string[] = this.nodes, onReady: (node: string) => void = () => {}): Promise<void> {
    await this.#refuseRunning(nodes);
    const waiting = [...nodes];
    const started: string[] = [];
    const failures: unknown[] = [];
    const startSome = async () => {
      for (let node = waiting.shift(); node !== undefined && this.#mayGoOn(failures); node = waiting.shift()) {
        try {
          await this.start(node);
          started.push(node);
          onReady(node);
        } catch (reason) {
          failures.push(reason);
        }
      }
    };
    await Promise.all(Array.from({ length: 2 * availableParallelism() + 1 }, startSome));
    if (this.#isStopping) throw stopped();
    if (failures.length === 0) return;
    await Promise.all(started.map((node) => this.stop(node)));
    throw failures[0];
  }

  /** SIGKILL. @throws {DbError} `not_found` for an unknown node, `condition_failed` when it does not run */
  async kill(node: string): Promise<void> {
    const running = await this.#findProcess(this.#mustKnow(node));
    if (running === null) throw new DbError(failure("condition_failed", `Node ${node} does not run`, { node }));
    await killProcess(running, this.#recordFile(node));
  }

  /** SIGTERM; nothing for a node that does not run. */
  async stop(node: string): Promise<void> {
    const running = await this.#findProcess(this.#mustKnow(node));
    if (running !== null) await stopProcess(running, this.#recordFile(node));
  }

  /** Stops every node that runs, whoever started it, and for good: nothing is started any more. @returns their names */
  async stopAll(): Promise<readonly string[]> {
    this.#isStopping = true;
    const stopped = await this.#stopRunning();
    // One that had just been made was on nobody's record.
    await Promise.allSettled(this.#launches);
    return [...stopped, ...(await this.#stopRunning())];
  }

  async #stopRunning(): Promise<readonly string[]> {
    const running = (await this.endpoints()).filter(({ pid }) => pid !== null).map(({ node }) => node);
    await Promise.all(running.map((node) => this.stop(node)));
    return running;
  }

  #mayGoOn(failures: readonly unknown[]): boolean {
    return failures.length === 0 && !this.#isStopping;
  }

  async #refuseRunning(nodes: readonly string[]): Promise<void> {
    const endpoints = await this.endpoints();
    const running = endpoints.filter(({ node, pid }) => pid !== null && nodes.includes(node)).map(({ node }) => node);
    if (running.length === 0) return;
    const message = `Of the nodes in ${this.directory}, ${running.join(" ")} run already; \`bailiwick dev stop --data ${this.directory}\` stops them`;
    throw new DbError(failure("condition_failed", message));
  }

  #findProcess(node: string): Promise<ProcessRecord | null> {
    return findProcess(this.#recordFile(node));
  }

  #recordFile(node: string): string {
    return nodeFile(this.directory, node, "process.json");
  }

  #mustKnow(node: string): string {
    if (this.nodes.includes(node)) return node;
    const message = `Node "${node}" is not in ${this.directory}; it has ${this.nodes.join(" ")}`;
    throw new DbError(failure("not_found", message, { node }));
  }
}

function stopped(): DbError {
  return new DbError(failure("canceled", "The nodes were stopped before all had been started"));
}
