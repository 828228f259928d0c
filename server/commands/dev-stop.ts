// `bailiwick dev stop`: stops every node of a cluster that `dev` started, by the processes on record only.

import type { Command } from "commander";
import type { CommandTools } from "../../client/cli/run.ts";
import { type DirectoryFlags, defaultDirectory } from "./dev-directory.ts";

export function registerDevStop(dev: Command, deps: CommandTools): void {
  dev
    .command("stop")
    .description("stop all nodes; their data stays")
    .option("--data <dir>", "directory of the cluster", defaultDirectory)
    .addHelpText("after", "\nExamples:\n  $ bailiwick dev stop --data /tmp/demo\n")
    .action((_: unknown, command: Command) => devStop(command.optsWithGlobals<DirectoryFlags>().data, deps));
}

async function devStop(directory: string, { print }: CommandTools): Promise<void> {
  const { DevCluster } = await import("../dev/dev-cluster.ts");
  const cluster = await DevCluster.open(directory);
  const stopped = await cluster.stopAll();
  const text = stopped.length === 0 ? "No node was running\n" : `Stopped ${stopped.join(" ")}\n`;
  print({ stopped }, () => text);
}
