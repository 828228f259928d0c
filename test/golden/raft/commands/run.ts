// The script command that lets time pass as in life.

import { argument, type Command, durationMs } from "./command.ts";

const beatIntervalMs = 200;

/** `run 1000ms`: time passes as in life, with deadlines, deliveries, and a beat of every leader each 200 ms; beats are not shown. */
export const run: Command = (cluster, args) => {
  cluster.hidesBeats = true;
  const endMs = cluster.nowMs + durationMs(argument(args, 0));
  while (cluster.nowMs < endMs) {
    cluster.advance(Math.min(beatIntervalMs, endMs - cluster.nowMs), () => cluster.stabilize());
    for (const member of cluster.members.values()) if (member.raft !== null) cluster.beat(member);
    cluster.stabilize();
  }
  cluster.hidesBeats = false;
};
