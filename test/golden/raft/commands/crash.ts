// The script command that stops a member.

import { argument, type Command } from "./command.ts";

/** `crash 1`: n1 stops; writes that were not finished are lost, and what was on its way to it. */
export const crash: Command = (cluster, args) => {
  const member = cluster.member(argument(args, 0));
  member.crash();
  cluster.forget(member.id);
};
