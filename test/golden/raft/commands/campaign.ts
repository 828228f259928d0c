// The script command that starts an election.

import { toMillis } from "../../../../proto/ids.ts";
import { argument, type Command } from "./command.ts";

/** `campaign 1`: the clock moves to n1's election deadline, and only n1 acts on it. */
export const campaign: Command = (cluster, args) => {
  const member = cluster.member(argument(args, 0));
  cluster.nowMs = toMillis(Math.max(cluster.nowMs, member.running.deadlineMs() ?? 0));
  cluster.step(member, { type: "deadline" });
};
