// The script command that forgets a prefix of a log.

import { toLogIndex } from "../../../../proto/ids.ts";
import { argument, type Command } from "./command.ts";

/** `compact 1 5`: n1 forgets its log up to entry 5. */
export const compact: Command = (cluster, args) => {
  cluster.member(argument(args, 0)).compact(toLogIndex(Number(argument(args, 1))), cluster.nowMs);
};
