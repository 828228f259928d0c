// Starts the ceiling: the processes of one leader and two followers.

import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type Stage, unlessAborted } from "../stage.ts";
import type { Subject } from "../subject.ts";
import type { Spread } from "./leader.ts";

const followers = 2;

/** First argument of the benchmark program in the processes that it starts for the ceiling. */
export const ceilingRole = "ceiling-process";

export interface CeilingOptions {
  readonly spread: Spread;
  /** Where the processes leave CPU profiles when they end; null: nowhere. */
  readonly profileDirectory: string | null;
}

export async function startCeiling(stage: Stage, { spread, profileDirectory }: CeilingOptions): Promise<Subject> {
  const name = `ceiling-${spread}`;
  const start = async (part: string, args: readonly string[]) => {
    const directory = join(stage.directory, `${name}-${part}`);
    await mkdir(directory);
    const child = stage.children.start({
      name: `${name}-${part}`,
      args: [stage.program, ceilingRole, directory, ...args],
      tie: "channel",
      profileDirectory,
    });
    return { child, address: await addressOf(child, stage.signal) };
  };
  const started = await Promise.all(Array.from({ length: followers }, (_, at) => start(`follower${at + 1}`, [])));
  const leader = await start("leader", [spread, ...started.map(({ address }) => address)]);
  return {
    name: spread === "stream" ? "ceiling" : "ceiling, gossip",
    endpoint: leader.address,
    leaderPid: pidOf(leader.child),
    pids: [leader, ...started].map(({ child }) => pidOf(child)),
    check: async () => {},
  };
}

async function addressOf(child: ChildProcess, signal: AbortSignal): Promise<string> {
  const [message] = await unlessAborted(once(child, "message"), signal);
  return (message as { address: string }).address;
}

function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error("The process was not started");
  return child.pid;
}
