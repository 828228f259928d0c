// The script command that lets a leader beat.

import { argument, type Command } from "./command.ts";

/** `beat 1`: n1 beats its followers. */
export const beat: Command = (cluster, args) => cluster.beat(cluster.member(argument(args, 0)));
