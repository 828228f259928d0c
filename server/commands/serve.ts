// `bailiwick serve`: runs one node until a signal ends it.

import type { Command } from "commander";
import { exitCodes } from "../../client/cli/exit-codes.ts";
import type { CommandTools } from "../../client/cli/run.ts";
import type { RunningNode } from "../serve.ts";
import { onStopSignals } from "./signals.ts";

const help = `
node.yaml (paths are relative to it, all but \`node\` have a default):
  node: n208
  bootstrap: cluster.yaml        # who the cluster is; the same for all nodes, for ever
  dataDir: data
  keyFile: node.key              # made by \`bailiwick node init\`
  listen: {peer: "127.0.0.1:7502", api: "127.0.0.1:7402"}    # default: as cluster.yaml says
  logLevel: info                 # debug info warn error silent
  diskFreeBytesMin: 134217728    # takes no writes while its disk has less; 0: always
  groupsBytesMax: 4294967296     # most that its groups hold in memory together
  insecure: false                # as --insecure

BAILIWICK_BOOTSTRAP, BAILIWICK_DATA_DIR, BAILIWICK_KEY_FILE, BAILIWICK_LISTEN_PEER, BAILIWICK_LISTEN_API and
BAILIWICK_LOG_LEVEL win over the file.

When it serves, one line of JSON is printed: {"ready":true,"node","api","peer","pid"}. The log goes to standard error, one
JSON object a line. SIGTERM and SIGINT end it with exit code 0, a second one at once with 1. A failed write to the disk
ends it with exit code 1; what was acknowledged is there after the next start. Data that is found damaged is moved to
damaged-TIME within dataDir, and the node waits in quarantine until the other owners have rebuilt it.

The first start binds the key to the cluster that cluster.yaml describes: compare the files of all nodes before it. A node
with another file serves, but alone, in another cluster: its \`status\` shows the others \`joining\`.

Examples:
  $ bailiwick serve -c /etc/bailiwick/node.yaml
  $ BAILIWICK_LOG_LEVEL=debug bailiwick serve -c node.yaml
`;

interface ServeFlags {
  readonly config: string;
  readonly insecure: boolean;
  readonly stopWithStdin: boolean;
}

export function registerServe(program: Command, deps: CommandTools): void {
  program
    .command("serve")
    .description("run one node")
    .requiredOption("-c, --config <file>", "the node's file, node.yaml")
    .option(
      "--insecure",
      "listen where other machines can connect, although nothing is encrypted for clients yet",
      false,
    )
    .option(
      "--stop-with-stdin",
      "stop when standard input ends, as it does when the program that started this one ends",
      false,
    )
    .addHelpText("after", help)
    .action((flags: ServeFlags) => serve(flags, deps));
}

async function serve({ config: file, insecure, stopWithStdin }: ServeFlags, deps: CommandTools): Promise<void> {
  const { loadNodeConfig } = await import("../config/node-file.ts");
  const { startNode } = await import("../serve.ts");
  const config = await loadNodeConfig({ file, environment: deps.environment, insecure });
  const node = await startNode({ config, version: deps.version, onFatal: (reason) => failAtOnce(reason, deps) });
  deps.out(`${JSON.stringify({ ready: true, node: node.node, api: node.api, peer: node.peer, pid: process.pid })}\n`);
  await untilStopped(node, stopWithStdin);
  process.exit(0);
}

/** Resolves when the node has stopped in good order. */
function untilStopped(node: RunningNode, stopWithStdin: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    let isStopping = false;
    const stop = () => {
      if (isStopping) return;
      isStopping = true;
      node.stop().then(resolve, reject);
    };
    onStopSignals((_, count) => {
      if (count > 1) process.exit(exitCodes.failed);
      stop();
    });
    if (stopWithStdin) process.stdin.on("end", stop).on("error", stop).resume();
  });
}

/** Without another turn of the event loop: nothing more may be acknowledged. */
function failAtOnce(reason: Error, { err }: CommandTools): never {
  const isFull = /ENOSPC|no space left/i.test(reason.message);
  const advice = isFull
    ? "; the disk is full: make space and start the node again, every acknowledged write is there"
    : "";
  err(`bailiwick: The node stops: ${reason.message}${advice}\n`);
  process.exit(exitCodes.failed);
}
