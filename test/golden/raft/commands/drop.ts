// The script command that breaks links.

import { argument, type Command } from "./command.ts";

/** `drop 1->2`: from now on that link loses everything. `drop 1` cuts n1 off in both directions. */
export const drop: Command = (cluster, args) => {
  const [from, to] = argument(args, 0)
    .split("->")
    .map((name) => cluster.member(name).id);
  for (const other of cluster.members.keys()) {
    if (to === undefined) cluster.cut.add(`${from}->${other}`).add(`${other}->${from}`);
    else cluster.cut.add(`${from}->${to}`);
  }
};
