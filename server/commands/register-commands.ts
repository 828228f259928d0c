// The commands that need the server's code; everything else on the command line is the client's. Each loads that code only
// when it runs: `bailiwick get` must not wait for libp2p.

import type { Command } from "commander";
import type { CommandTools } from "../../client/cli/run.ts";
import { registerDev } from "./dev.ts";
import { registerDevKill } from "./dev-kill.ts";
import { registerDevStart } from "./dev-start.ts";
import { registerDevStop } from "./dev-stop.ts";
import { registerInspect } from "./inspect.ts";
import { registerNodeInit } from "./node-init.ts";
import { registerServe } from "./serve.ts";
import { registerSimulate } from "./simulate.ts";
import { registerTour } from "./tour.ts";

/** @param program may have a command `node` already, which gains `init` */
export function registerCommands(program: Command, deps: CommandTools): void {
  const dev = registerDev(program, deps);
  registerDevStop(dev, deps);
  registerDevKill(dev, deps);
  registerDevStart(dev, deps);
  const node = program.commands.find((command) => command.name() === "node");
  registerNodeInit(node ?? program.command("node").description("nodes of the cluster"), deps);
  registerServe(program, deps);
  registerInspect(program, deps);
  registerSimulate(program, deps);
  registerTour(program, deps);
}
