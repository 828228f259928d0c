// The script command that moves the clock.

import { argument, type Command, durationMs } from "./command.ts";

/** `advance 300ms`: the clock moves; deadlines on the way are acted on, nothing is delivered. */
export const advance: Command = (cluster, args) => cluster.advance(durationMs(argument(args, 0)), () => {});
