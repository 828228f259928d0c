// The script command that hands leadership over.

import { argument, type Command } from "./command.ts";

/** `transfer 1 2`: n1 makes n2 the leader. */
export const transfer: Command = (cluster, args) => {
  const to = cluster.nameOf(argument(args, 1));
  cluster.step(cluster.member(argument(args, 0)), { type: "transfer", to });
};
