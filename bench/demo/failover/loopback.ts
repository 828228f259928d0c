// One machine that plays all three: the nodes share the loopback, and the application a port of it, which only one of them can
// hold at a time. What a network would do is played by stopping the node's own process.

import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePorts } from "../../free-ports.ts";
import { holdersOf, killAll, signal } from "./processes.ts";
import { type CommandLine, type NodeName, nodes, type World } from "./world.ts";

export class Loopback implements World {
  readonly description = "one machine, loopback, a small server on a port that only the owner holds";
  readonly cutWords = "its node's process stands still";
  readonly isBeyondLoopback = false;
  readonly resources: object;
  readonly allow: object;
  readonly #directory: string;
  readonly #main: string;
  readonly #program: string;
  readonly #ports: readonly number[];

  private constructor(directory: string, main: string, ports: readonly number[]) {
    this.#directory = directory;
    this.#main = main;
    this.#ports = ports;
    this.#program = join(directory, "web");
    this.allow = { exec: [this.#program] };
    const exec = { start: [this.#program], foreground: true };
    this.resources = { resources: [{ name: "web", application: {}, run: { exec }, stopTimeoutMs: 1_000 }] };
  }

  /** @param main the demo's own program, which is that of the application too */
  static async create(directory: string, main: string): Promise<Loopback> {
    return new Loopback(directory, main, await freePorts(1 + 2 * nodes.length));
  }

  get url(): string {
    return `http://127.0.0.1:${this.#ports[0]}/`;
  }

  peerOf(node: NodeName): string {
    return `127.0.0.1:${this.#ports[1 + 2 * nodes.indexOf(node)]}`;
  }

  apiOf(node: NodeName): string {
    return `127.0.0.1:${this.#ports[2 + 2 * nodes.indexOf(node)]}`;
  }

  async prepare(): Promise<void> {
    const line = `exec "${process.execPath}" "${this.#main}" web-server ${this.#ports[0]}`;
    await writeFile(this.#program, `#!/bin/sh\n${line}\n`);
    await chmod(this.#program, 0o755);
  }

  async switchOn(): Promise<void> {
    // It never was off.
  }

  /** All of a node's processes hold a file below its directory: a log of their own, or the guard's. */
  async switchOff(node: NodeName): Promise<void> {
    await killAll(() => holdersOf(`${join(this.#directory, node)}/`));
  }

  async cutOff(node: NodeName): Promise<void> {
    for (const pid of this.#serverOf(node)) signal(pid, "SIGSTOP");
  }

  async reconnect(node: NodeName): Promise<void> {
    for (const pid of this.#serverOf(node)) signal(pid, "SIGCONT");
  }

  on(_: NodeName | "client", command: CommandLine): CommandLine {
    return command;
  }

  held(): null {
    return null;
  }

  async remove(): Promise<void> {
    for (const node of nodes) await this.switchOff(node);
  }

  #serverOf(node: NodeName): readonly number[] {
    return holdersOf(join(this.#directory, node, "node.log"));
  }
}
