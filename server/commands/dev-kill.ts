// `bailiwick dev kill NODE`: ends a node as a power failure of its process would.

import type { Command } from "commander";
import type { CommandTools } from "../../client/cli/run.ts";
import { type DirectoryFlags, defaultDirectory } from "./dev-directory.ts";

export function registerDevKill(dev: Command, deps: CommandTools): void {
  dev
    .command("kill")
    .description("end a node at once (SIGKILL)")
    .argument("<node>", "its name")
    .option("--data <dir>", "directory of the cluster", defaultDirectory)
    .addHelpText("after", "\nExamples:\n  $ bailiwick dev kill n208\n")
    .action((node: string, _: unknown, command: Command) =>
      devKill(node, command.optsWithGlobals<DirectoryFlags>().data, deps),
    );
}

async function devKill(node: string, directory: string, { print }: CommandTools): Promise<void> {
  const { DevCluster } = await import("../dev/dev-cluster.ts");
  const cluster = await DevCluster.open(directory);
  await cluster.kill(node);
  print({ killed: node }, () => `Killed ${node}\n`);
}
