// The script command that starts a crashed member again.

import { argument, type Command } from "./command.ts";

/** `restart 1`: n1 starts from its disk. */
export const restart: Command = (cluster, args) => cluster.start(cluster.member(argument(args, 0)));
