// `bailiwick dev`: a whole cluster on this machine. What it starts is stopped by Ctrl-C, or later by `dev stop`.

import { type Command, InvalidArgumentError } from "commander";
import { exitCodes } from "../../client/cli/exit-codes.ts";
import type { CommandTools } from "../../client/cli/run.ts";
import { alignRows } from "../../client/cli/table.ts";
import { readTextFile } from "../config/read-file.ts";
import type { DevCluster, Endpoint } from "../dev/dev-cluster.ts";
import { referenceCluster } from "../dev/reference-cluster.ts";
import { defaultDirectory } from "./dev-directory.ts";
import { stopOnSignals } from "./stop-on-signals.ts";

const help = `
One process a node, on 127.0.0.1, data in DIR/<node>, log in DIR/<node>/node.log. Clients connect to ports from 7401 up in
the order of the file, nodes to each other from 7501 up. Without -f it is the reference cluster: nine nodes, four groups.
DIR keeps its cluster: the same command takes it up again with its data.

Ctrl-C stops all nodes, also while --detach is starting them: then nothing runs, and the exit code is 130.

cluster.yaml:
  name: demo
  nodes: [{name: n1}, {name: n2, labels: {failure-domain: rack2}}, {name: n3}]
  groups: [{name: orders, owners: [n1, n2, n3], config: {lostQuorum: stop}}]

Examples:
  $ bailiwick dev
  $ bailiwick dev -f cluster.yaml --data /tmp/demo --detach
  $ bailiwick dev kill n208 --data /tmp/demo
  $ bailiwick dev start n208 --data /tmp/demo
  $ bailiwick dev stop --data /tmp/demo
`;

interface DevFlags {
  readonly file?: string;
  readonly data: string;
  readonly detach: boolean;
  readonly apiPort: number;
  readonly peerPort: number;
}

/** @returns the command, for its subcommands */
export function registerDev(program: Command, deps: CommandTools): Command {
  return program
    .command("dev")
    .description("run a whole cluster on this machine")
    .option("-f, --file <cluster.yaml>", "the cluster; default: the reference cluster")
    .option("--data <dir>", "where the nodes keep everything", defaultDirectory)
    .option("--detach", "leave the nodes running", false)
    .option("--api-port <port>", "first port for clients", parsePort, 7401)
    .option("--peer-port <port>", "first port for nodes", parsePort, 7501)
    .addHelpText("after", help)
    .action((flags: DevFlags) => dev(flags, deps));
}

async function dev(flags: DevFlags, deps: CommandTools): Promise<void> {
  const { apiPort, peerPort, data, detach } = flags;
  let isStopping = false;
  const { DevCluster } = await import("../dev/dev-cluster.ts");
  const cluster = await DevCluster.create({
    directory: data,
    clusterFile: await readClusterText(flags.file),
    apiPort,
    peerPort,
    isAttached: !detach,
    onExit: (node, how) => {
      if (!isStopping) deps.err(`Node ${node}: ${how}\n`);
    },
  });
  // Nodes that other commands started are no children of this process, which must wait for them all the same.
  const waiting = setInterval(() => {}, 2 ** 30);
  const ignoreSignals = stopOnSignals(cluster, deps, {
    onStopping: () => {
      isStopping = true;
    },
    // Who detaches wants a cluster afterwards, and has none.
    exitCode: detach ? exitCodes.interrupted : exitCodes.ok,
  });
  const leave = () => {
    clearInterval(waiting);
    ignoreSignals();
  };
  try {
    const [first] = await start(cluster, deps);
    deps.err(`${detach ? detachedText(first?.api, data) : "Ctrl-C stops all of them"}\n`);
  } catch (reason) {
    // By Ctrl-C, which ends this process when all nodes have stopped.
    if (isStopping) return;
    leave();
    throw reason;
  }
  if (detach) leave();
}

function detachedText(endpoint: string | undefined, data: string): string {
  return `The nodes go on; \`bailiwick status --endpoints ${endpoint}\` asks them, \`bailiwick dev stop --data ${data}\` stops them`;
}

async function start(cluster: DevCluster, deps: CommandTools): Promise<readonly Endpoint[]> {
  deps.err(`Starting ${cluster.nodes.length} nodes in ${cluster.directory}\n`);
  let ready = 0;
  await cluster.startAll(cluster.nodes, (node) => {
    ready += 1;
    deps.err(`Node ${node} is ready (${ready} of ${cluster.nodes.length})\n`);
  });
  const endpoints = await cluster.endpoints();
  deps.print({ directory: cluster.directory, nodes: endpoints }, () => tableOf(endpoints));
  return endpoints;
}

async function readClusterText(file: string | undefined): Promise<{ readonly file: string; readonly text: string }> {
  if (file === undefined) return { file: "the reference cluster", text: referenceCluster };
  return { file, text: await readTextFile(file) };
}

function tableOf(endpoints: readonly Endpoint[]): string {
  const rows = endpoints.map(({ node, api, peer, pid }) => [node, api, peer, pid === null ? "-" : String(pid)]);
  return alignRows([["NODE", "CLIENTS", "PEERS", "PROCESS"], ...rows]);
}

function parsePort(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return port;
  throw new InvalidArgumentError("a port is 1 to 65535");
}
