// Where the machines of a cluster for tests of recovery are, and how the processes of their nodes are started and ended: all on the
// loopback, or each in a network of its own.

import { join } from "node:path";
import { DevCluster } from "../../../server/dev/dev-cluster.ts";
import { findPorts } from "./ports.ts";
import { launcher } from "./program.ts";

/** What is lost of a machine that is cut off in one direction. */
export type Direction = "sent" | "received";

export interface Site {
  readonly nodes: readonly string[];
  /** `host:port` for clients. */
  apiOf(node: string): string;
  startAll(): Promise<void>;
  /** Until it serves. */
  start(node: string): Promise<void>;
  /** SIGKILL; waits until it is gone. */
  kill(node: string): Promise<void>;
  /** null: it does not run. */
  pidOf(node: string): Promise<number | null>;
  /** The program and the arguments that run this command on the machine of the node. */
  commandOn(node: string, command: readonly [string, ...string[]]): readonly [string, ...string[]];
  /** Everything that the machine sends, or that is sent to it, is lost from now on. */
  cut(node: string, direction: Direction): void;
  heal(node: string, direction: Direction): void;
  /** Nothing runs there any more, or this process ends. */
  close(): void;
}

/** A cluster file, but for the addresses. */
export interface SiteCluster {
  readonly name: string;
  readonly nodes: readonly { readonly name: string }[];
  readonly groups: readonly object[];
}

const portsPerKind = 20;

/** Nobody can be cut off there. */
export class LoopbackSite implements Site {
  readonly #dev: DevCluster;
  readonly #apis: ReadonlyMap<string, string>;

  private constructor(dev: DevCluster, apis: ReadonlyMap<string, string>) {
    this.#dev = dev;
    this.#apis = apis;
  }

  static async create(directory: string, cluster: SiteCluster): Promise<LoopbackSite> {
    const firstPort = await findPorts(2 * portsPerKind);
    const dev = await DevCluster.create({
      directory: join(directory, "cluster"),
      clusterFile: { file: "cluster.yaml", text: JSON.stringify(cluster) },
      apiPort: firstPort,
      peerPort: firstPort + portsPerKind,
      launcher,
    });
    return new LoopbackSite(dev, new Map((await dev.endpoints()).map(({ node, api }) => [node, api])));
  }

  get nodes(): readonly string[] {
    return this.#dev.nodes;
  }

  apiOf(node: string): string {
    const api = this.#apis.get(node);
    if (api === undefined) throw new Error(`No node ${node}`);
    return api;
  }

  startAll(): Promise<void> {
    return this.#dev.startAll();
  }

  start(node: string): Promise<void> {
    return this.#dev.start(node);
  }

  kill(node: string): Promise<void> {
    return this.#dev.kill(node);
  }

  async pidOf(node: string): Promise<number | null> {
    return (await this.#dev.endpoints()).find((one) => one.node === node)?.pid ?? null;
  }

  commandOn(_node: string, command: readonly [string, ...string[]]): readonly [string, ...string[]] {
    return command;
  }

  cut(node: string): void {
    throw new Error(`The loopback cannot cut off ${node}`);
  }

  heal(node: string): void {
    this.cut(node);
  }

  /** Nodes end with this process, of themselves. */
  close(): void {}
}
