// The script command that asks for a read.

import { argument, type Command } from "./command.ts";

/** `read 1 7`: asks n1 when read 7 may be served. */
export const read: Command = (cluster, args) => {
  cluster.step(cluster.member(argument(args, 0)), { type: "read", read: Number(argument(args, 1)) });
};
