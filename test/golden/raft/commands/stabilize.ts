// The script command that lets everything settle.

import type { Command } from "./command.ts";

/** `stabilize`: delivers and writes until all is quiet; the clock stands still. */
export const stabilize: Command = (cluster) => cluster.stabilize();
