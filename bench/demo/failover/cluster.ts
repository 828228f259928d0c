// The cluster of the demo: a node and an agent on each machine, started as an operator would start them.

import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createNodeKey } from "../../../server/adapters/node-key.ts";
import { signal } from "./processes.ts";
import { terms } from "./terms.ts";
import { type NodeName, nodes, type World } from "./world.ts";

const program = fileURLToPath(new URL("../../../server/main.ts", import.meta.url));

/** The group's name. */
export const group = "web";

export class DemoCluster {
  readonly #world: World;
  readonly #directory: string;
  readonly #agents = new Map<NodeName, ChildProcess>();

  /** @param directory of this run; each node gets one below it */
  constructor(world: World, directory: string) {
    this.#world = world;
    this.#directory = directory;
  }

  get endpoints(): readonly string[] {
    return nodes.map((node) => this.#world.apiOf(node));
  }

  async prepare(): Promise<void> {
    const identities = new Map<string, string>();
    for (const node of nodes) {
      const { identity } = await createNodeKey(join(this.#directory, node, "node.key"));
      identities.set(node, identity);
    }
    for (const node of nodes) {
      await this.#write(node, "cluster.yaml", this.#clusterFile(identities));
      await this.#write(node, "node.yaml", { node, logLevel: "info" });
      const stateDirectory = this.#stateDirectory(node);
      const endpoints = [this.#world.apiOf(node)];
      await this.#write(node, "agent.yaml", { node, endpoints, allow: this.#world.allow, stateDirectory });
    }
  }

  async switchOn(node: NodeName): Promise<void> {
    await this.#world.switchOn(node);
    const insecure = this.#world.isBeyondLoopback ? ["--insecure"] : [];
    const file = (name: string) => join(this.#directory, node, name);
    this.#start(node, "node.log", ["serve", "-c", file("node.yaml"), ...insecure]);
    this.#agents.set(node, this.#start(node, "agent.log", ["agent", "-c", file("agent.yaml")]));
  }

  /** What the agent notes of running processes is in memory on a real machine, as all of /run. */
  async switchOff(node: NodeName): Promise<void> {
    await this.#world.switchOff(node);
    await rm(this.#stateDirectory(node), { recursive: true, force: true });
  }

  /** @param name SIGSTOP or SIGCONT; the guard is another process and gets none of it */
  signalAgent(node: NodeName, name: "SIGSTOP" | "SIGCONT"): void {
    const pid = this.#agents.get(node)?.pid;
    if (pid !== undefined) signal(pid, name);
  }

  #start(node: NodeName, log: string, args: readonly string[]): ChildProcess {
    const [file, ...rest] = this.#world.on(node, [process.execPath, program, ...args]);
    const output = openSync(join(this.#directory, node, log), "a");
    // In a session of its own: Ctrl-C is for the demo, which then ends all of them.
    const child = spawn(file, rest, { detached: true, stdio: ["ignore", output, output] });
    closeSync(output);
    child.on("error", () => undefined); // Seen in what the cluster does not do.
    return child;
  }

  #stateDirectory(node: NodeName): string {
    return join(this.#directory, node, "agent");
  }

  #clusterFile(identities: ReadonlyMap<string, string>): object {
    return {
      name: "failover-demo",
      nodes: nodes.map((name) => ({
        name,
        identity: identities.get(name),
        peerAddresses: [this.#world.peerOf(name)],
        apiAddress: this.#world.apiOf(name),
      })),
      groups: [
        {
          name: group,
          owners: nodes,
          config: { ...this.#world.resources, lease: terms, management: { antiFlap: { movesMax: 100 } } },
        },
      ],
    };
  }

  /** JSON is YAML. */
  async #write(node: NodeName, name: string, content: object): Promise<void> {
    const directory = join(this.#directory, node);
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, name), `${JSON.stringify(content, null, 2)}\n`);
  }
}
