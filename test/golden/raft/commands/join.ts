// The script command that brings up a member that was not there from the beginning.

import { argument, type Command } from "./command.ts";

/** `join 4 2`: n4 runs as member 2, knowing nothing; `join 4 2 witness`: as a witness. */
export const join: Command = (cluster, args) => {
  const [name, number] = [argument(args, 0), Number(argument(args, 1))];
  cluster.join(`n${name}`, number, args[2] === "witness");
};
