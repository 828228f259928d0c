// `bailiwick dev start NODE`: starts a node that was killed or stopped; it goes on when this command has ended.

import type { Command } from "commander";
import type { CommandTools } from "../../client/cli/run.ts";
import { type DirectoryFlags, defaultDirectory } from "./dev-directory.ts";

export function registerDevStart(dev: Command, deps: CommandTools): void {
  dev
    .command("start")
    .description("start a node that was killed or stopped")
    .argument("<node>", "its name")
    .option("--data <dir>", "directory of the cluster", defaultDirectory)
    .addHelpText("after", "\nExamples:\n  $ bailiwick dev start n208\n")
    .action((node: string, _: unknown, command: Command) =>
      devStart(node, command.optsWithGlobals<DirectoryFlags>().data, deps),
    );
}

async function devStart(node: string, directory: string, { print }: CommandTools): Promise<void> {
  const { DevCluster } = await import("../dev/dev-cluster.ts");
  const cluster = await DevCluster.open(directory, { isAttached: false });
  await cluster.start(node);
  const endpoint = (await cluster.endpoints()).find((one) => one.node === node);
  print({ started: node, endpoint }, () => `Started ${node} at ${endpoint?.api} as process ${endpoint?.pid}\n`);
}
