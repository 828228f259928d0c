// `bailiwick tour`, what `npm start` runs: the reference cluster, a guided tour of it, and then the cluster goes on until
// Ctrl-C.

import type { Command } from "commander";
import type { CommandTools } from "../../client/cli/run.ts";
import type { DevCluster } from "../dev/dev-cluster.ts";
import { referenceCluster } from "../dev/reference-cluster.ts";
import { defaultDirectory } from "./dev-directory.ts";
import { stopOnSignals } from "./stop-on-signals.ts";

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
  // Nodes that other commands started are no children of this process, which must wait for them all the same.
  const waiting = setInterval(() => {}, 2 ** 30);
  const ignoreSignals = stopOnSignals(cluster, deps, { onStopping: () => abort.abort() });
  const narrator = new Narrator((line) => deps.out(`${line}\n`));
  try {
    await runTour({ cluster, narrator, signal: abort.signal });
  } catch (reason) {
    // Stopped half-way by Ctrl-C: what the tour was waiting for is no failure.
    if (abort.signal.aborted) return;
    await cluster.stopAll();
    clearInterval(waiting);
    ignoreSignals();
    throw reason;
  }
  if (!once) return sayHowToTalk(cluster, data, deps);
  await cluster.stopAll();
  clearInterval(waiting);
  ignoreSignals();
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
