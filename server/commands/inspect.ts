// `bailiwick inspect DATADIR`: what a node's disk really holds.

import type { Command } from "commander";
import { exitCodes } from "../../client/cli/exit-codes.ts";
import type { CommandTools } from "../../client/cli/run.ts";
import { alignRows } from "../../client/cli/table.ts";
import type { DiskReport } from "../inspect/report.ts";
import { onStopSignals } from "./signals.ts";

const help = `
Reads a copy of the files and never asks the node, which may be stopped or running. DATADIR is the node's directory or the
data directory in it. Records that do not belong on this node, by the cluster database on that very disk, are listed as
foreign; then the exit code is 1.

Examples:
  $ bailiwick inspect bailiwick-dev/n208
  $ bailiwick inspect bailiwick-dev/n208 -o json
`;

export function registerInspect(program: Command, deps: CommandTools): void {
  program
    .command("inspect")
    .description("show what a node's disk really holds")
    .argument("<datadir>", "directory of the node")
    .addHelpText("after", help)
    .action((directory: string) => inspect(directory, deps));
}

async function inspect(directory: string, { print, err, setExitCode }: CommandTools): Promise<void> {
  const { inspectDirectory } = await import("../inspect/inspect-directory.ts");
  const interrupted = new AbortController();
  const forget = onStopSignals((signal, count) => {
    if (count === 1) return interrupted.abort();
    // A file system that does not answer holds up every other end.
    forget();
    process.kill(process.pid, signal);
  });
  const found = await inspectDirectory(directory, interrupted.signal)
    .catch((reason: unknown) => {
      if (!interrupted.signal.aborted) throw reason;
      return null;
    })
    .finally(forget);
  if (found === null) return setExitCode(exitCodes.interrupted);
  const { foreign, ...report } = found;
  print(foreign.length === 0 ? report : { ...report, foreign }, () => tableOf({ ...report, foreign }));
  if (foreign.length === 0) return;
  for (const { kind, name, problem } of foreign) err(`bailiwick: Foreign record, ${kind} ${name}: ${problem}\n`);
  setExitCode(exitCodes.failed);
}

function tableOf(report: DiskReport): string {
  const list = (names: readonly string[]) => (names.length === 0 ? "-" : names.join(" "));
  const facts = [
    ["node", report.node],
    ["witness of", list(report.witnessOf)],
    ["node statuses", list(report.nodeStatuses)],
    ["interlocked", list(report.interlocked)],
    ["cluster nodes", list(report.cluster.nodes)],
  ];
  const groups = report.groups.map(({ name, keys, revision }) => [
    name,
    String(revision),
    String(keys.length),
    shownKeys(keys),
  ]);
  return `${alignRows([["DISK OF", report.node], ...facts.slice(1)])}\n${alignRows([["GROUP", "REVISION", "KEYS", ""], ...groups])}`;
}

/** As many as a line holds. */
function shownKeys(keys: readonly string[]): string {
  const shown = keys.slice(0, 8).join(" ").slice(0, 80);
  return keys.length > 8 || shown.length === 80 ? `${shown} …` : shown;
}
