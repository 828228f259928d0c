// The script command that shows a disk.

import { describeSlice } from "../describe.ts";
import { argument, type Command } from "./command.ts";

/** `log 1`: what is on n1's disk. */
export const log: Command = (cluster, args) => {
  const member = cluster.member(argument(args, 0));
  const { term, vote } = member.hardState;
  cluster.say(`${member.id} disk: term ${term} vote ${vote ?? "none"}, ${describeSlice(member.log)}`);
};
