// `bailiwick tour`, what `npm start` runs: the reference cluster, a guided tour of it, and then the cluster goes on until
// Ctrl-C.

import type { Command } from "commander";
import { exitCodes } from "../../client/cli/exit-codes.ts";
import type { CommandTools } from "../../client/cli/run.ts";
import type { DevCluster } from "../dev/dev-cluster.ts";
import { referenceCluster } from "../dev/reference-cluster.ts";
import { defaultDirectory } from "./dev-directory.ts";
import { onStopSignals } from "./signals.ts";

const help = `
Starts the nine nodes of the reference cluster as \`bailiwick dev\` does, writes, reads, watches, shows what each disk holds,
kills a node, shows who hears of it and what moves on, and starts it again. Then the cluster goes on until Ctrl-C.

Examples:
  $ npm start
  $ bailiwick tour --data /tmp/demo
  $ bailiwick tour --once        # stops the cluster at the end
`;

interface TourFlags {
  readonly data: string;
  readonly once: boolean;
}

export function registerTour(program: Command, deps: CommandTools): void {
  program
    .command("tour")
    .description("run the reference cluster and show what it does")
    .option("--data <dir>", "where the nodes keep everything", defaultDirectory)
    .option("--once", "stop the cluster at the end instead of leaving it running", false)
    .addHelpText("after", help)
    .action((flags: TourFlags) => tour(flags, deps));
}

async function tour({ data, once }: TourFlags, deps: CommandTools): Promise<void> {
  const abort = new AbortController();
  const { DevCluster } = await import("../dev/dev-cluster.ts");
  const { Narrator } = await import("../tour/narrator.ts");
  const { runTour } = await import("../tour/tour.ts");
  const cluster = await DevCluster.create({
    directory: data,
    clusterFile: { file: "the reference cluster", text: referenceCluster },
    apiPort: 7401,
    peerPort: 7501,
  });
  const stopped = stopOnSignal(cluster, abort, deps);
  const narrator = new Narrator((line) => deps.out(`${line}\n`));
  try {
    await Promise.race([runTour({ cluster, narrator, signal: abort.signal }), stopped]);
  } catch (reason) {
    await cluster.stopAll();
    throw reason;
  }
  if (once) {
    await cluster.stopAll();
    process.exit(0);
  }
  sayHowToTalk(cluster, data, deps);
  await stopped;
}

function sayHowToTalk(cluster: DevCluster, data: string, deps: CommandTools): void {
  const suffix = data === defaultDirectory ? "" : ` --data ${data}`;
  deps.out(`
The cluster goes on: ${cluster.nodes.length} processes, data in ${cluster.directory}. In another terminal:

  npx bailiwick status
  npx bailiwick put rg220 colour green
  npx bailiwick get rg220 colour --endpoints 127.0.0.1:7409
  npx bailiwick watch rg226
  npx bailiwick dev kill n210${suffix}
  npx bailiwick inspect ${cluster.directory}/n208

Ctrl-C stops all of it.
`);
}

function stopOnSignal(cluster: DevCluster, abort: AbortController, deps: CommandTools): Promise<never> {
  return new Promise((_, reject) => {
    onStopSignals((_signal, count) => {
      if (count > 1) process.exit(exitCodes.failed);
      abort.abort();
      deps.err("\nStopping the nodes\n");
      cluster.stopAll().then(() => process.exit(0), reject);
    });
    // Nodes that other commands started are no children of this process, which must wait for them all the same.
    setInterval(() => {}, 2 ** 30);
  });
}
