// The script command that mends links.

import type { Command } from "./command.ts";

/** `heal`: all links work again; what was lost stays lost. */
export const heal: Command = (cluster) => cluster.cut.clear();
