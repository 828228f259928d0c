// The guard as a program: one at a time in a directory, one agent at a time on its socket. It ends when it holds nothing and
// nobody is connected.

import { rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { agentLimits } from "./agent-limits.ts";
import { bootClock } from "./boot-clock.ts";
import { claim, listen } from "./claim.ts";
import { GuardHost } from "./guard-host.ts";
import type { FromGuard, ToGuard } from "./guard-messages.ts";
import { MessageSocket } from "./message-socket.ts";
import { StateDirectory } from "./state-directory.ts";

/** Serves until nobody needs it. @param path of the directory @returns false: another guard is there */
export async function serveGuard(path: string, log: (line: string) => void): Promise<boolean> {
  const directory = new StateDirectory(path);
  directory.prepare();
  const id = directory.id();
  const claimed = await claim(`bailiwick-guard-${id}`);
  if (claimed === null) return false;
  const server = new GuardServer({ directory, id, log });
  await server.serve();
  claimed.close();
  return true;
}

interface GuardServerParts {
  readonly directory: StateDirectory;
  readonly id: string;
  readonly log: (line: string) => void;
}

class GuardServer {
  readonly #parts: GuardServerParts;
  readonly #host: GuardHost;
  #agent: MessageSocket<FromGuard, ToGuard> | null = null;
  #isEnding = false;

  constructor(parts: GuardServerParts) {
    this.#parts = parts;
    const tell = (message: FromGuard) => this.#agent?.send(message);
    this.#host = new GuardHost({ ...parts, clock: bootClock, tell });
  }

  async serve(): Promise<void> {
    const { directory, log } = this.#parts;
    this.#listenToSignals();
    rmSync(directory.socket, { force: true });
    const server = await listen(
      createServer((socket) => this.#meet(socket)),
      directory.socket,
    );
    if (server === null) throw new Error(`Cannot listen on ${directory.socket}`);
    log(`guards ${directory.path} as ${process.pid}`);
    await this.#untilUnneeded();
    this.#host.close();
    server.close();
    log("ends");
  }

  async #untilUnneeded(): Promise<void> {
    for (let idleMs = 0; idleMs < agentLimits.guardIdleMs; ) {
      await bootClock.sleep(agentLimits.beatMs);
      this.#host.step({ type: "deadline" });
      idleMs = this.#host.isIdle ? idleMs + agentLimits.beatMs : 0;
      if (this.#isEnding && this.#host.isSettled) return;
    }
  }

  /** The machine goes down, or an operator ends it: nothing may go on without a guard. */
  #listenToSignals(): void {
    const end = () => {
      this.#isEnding = true;
      this.#host.step({ type: "stopAll", why: "The guard process was told to end" });
    };
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, end);
    process.on("SIGHUP", () => {});
  }

  #meet(socket: Socket): void {
    const agent: MessageSocket<FromGuard, ToGuard> = new MessageSocket<FromGuard, ToGuard>(socket, {
      hear: (message) => this.#hear(agent, message),
      ended: () => this.#part(agent),
      messageBytesMax: agentLimits.messageBytesMax,
    });
  }

  #hear(agent: MessageSocket<FromGuard, ToGuard>, message: ToGuard): void {
    if (message.type === "hello") return this.#greet(agent, message);
    if (agent !== this.#agent) return;
    this.#host.step(message);
    if (message.type === "beat") agent.send({ type: "alive", pid: process.pid });
  }

  #greet(agent: MessageSocket<FromGuard, ToGuard>, hello: Extract<ToGuard, { readonly type: "hello" }>): void {
    if (this.#agent !== null) return agent.send({ type: "busy" });
    this.#agent = agent;
    this.#host.greet(hello.node, hello.settings);
    const { directory } = this.#parts;
    if (this.#host.isIdle) this.#host.takeOver(directory.leftover(), "The guard before has ended");
    this.#host.step({ type: "connected" });
  }

  #part(agent: MessageSocket<FromGuard, ToGuard>): void {
    if (agent !== this.#agent) return;
    this.#agent = null;
    this.#host.step({ type: "disconnected" });
  }
}
