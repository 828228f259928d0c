// The agent's way to its guard: finds the one that is there, or starts one.

import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { createConnection, type Socket } from "node:net";
import { fileURLToPath } from "node:url";
import type { ClientClock } from "../clock.ts";
import { guardVariable, markVariable } from "./actions.ts";
import { agentLimits } from "./agent-limits.ts";
import type { FromGuard, GuardSettings, ToGuard } from "./guard-messages.ts";
import { MessageSocket } from "./message-socket.ts";
import type { StateDirectory } from "./state-directory.ts";

/** What an agent says to its guard, wherever that is. */
export interface GuardLink {
  readonly send: (message: ToGuard) => void;
  /** Leaves the guard to itself. */
  readonly close: () => void;
}

export interface LinkOptions {
  readonly directory: StateDirectory;
  readonly node: string;
  readonly settings: GuardSettings;
  readonly clock: ClientClock;
  readonly log: (line: string) => void;
  readonly hear: (message: FromGuard) => void;
  /** The guard has ended, or hears nothing any more. Not called after `close`. */
  readonly lost: () => void;
}

/** @throws {Error} when no guard can be started, none answers, or what one has left is not known */
export async function linkGuard(options: LinkOptions): Promise<GuardLink> {
  const { node, settings, hear, lost } = options;
  const socket = await reach(options);
  let isClosed = false;
  const messages = new MessageSocket<ToGuard, FromGuard>(socket, {
    hear,
    ended: () => {
      if (!isClosed) lost();
    },
    messageBytesMax: agentLimits.guardMessageBytesMax,
  });
  messages.send({ type: "hello", node, settings });
  return {
    send: (message) => messages.send(message),
    close: () => {
      isClosed = true;
      messages.close();
    },
  };
}

async function reach({ directory, clock, log }: LinkOptions): Promise<Socket> {
  const there = await connect(directory.socket);
  if (there !== null) return there;
  // A guard that is there knows what it holds, and writes it anew.
  directory.mend(log);
  startGuard(directory);
  const deadlineMs = clock.nowMs() + agentLimits.guardStartMs;
  while (clock.nowMs() < deadlineMs) {
    await clock.sleep(agentLimits.killPauseMs);
    const socket = await connect(directory.socket);
    if (socket !== null) return socket;
  }
  throw new Error(`The guard process does not answer; ${directory.log} may say why`);
}

/** @returns null: nobody listens there */
function connect(path: string): Promise<Socket | null> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    socket.once("connect", () => resolve(socket));
    socket.once("error", () => resolve(null));
  });
}

/** Detached: no signal for the agent or its terminal reaches it. Foreground processes have its log as their output. */
function startGuard({ path, log, identity }: StateDirectory): void {
  const source = fileURLToPath(new URL("./guard-main.ts", import.meta.url));
  // A package holds compiled code.
  const script = import.meta.url.endsWith(".ts") ? source : source.replace(/\.ts$/, ".js");
  const { [markVariable]: _, ...environment } = process.env;
  const output = openSync(log, "a", 0o600);
  const child = spawn(process.execPath, [script, path], {
    cwd: "/",
    detached: true,
    env: { ...environment, [guardVariable]: identity },
    stdio: ["ignore", output, output],
  });
  child.on("error", () => {});
  child.unref();
  closeSync(output);
}
