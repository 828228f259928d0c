// `bailiwick simulate`: hours of a cluster in virtual time, in this process, without a disk or a socket.

import { type Command, InvalidArgumentError } from "commander";
import { exitCodes } from "../../client/cli/exit-codes.ts";
import type { CommandTools } from "../../client/cli/run.ts";
import { UsageError } from "../../client/cli/usage-error.ts";
import { readTextFile } from "../config/read-file.ts";
import { referenceCluster } from "../dev/reference-cluster.ts";
import type { FaultName } from "../simulation/faults/switches.ts";
import type { LongRun } from "../simulation/long-run.ts";
import { onStopSignals } from "./signals.ts";
import { summaryOf } from "./simulate-summary.ts";

const help = `
The same code as in production, in virtual time: clients read and write while faults strike as often as in operation, and
checkers watch every message and every write. Every virtual hour the faults end, everything must become well, and all that
clients were told is compared with what the groups hold. One seed gives one history: the audit hash of two runs is equal.
Without -f it is the reference cluster. The file is that of \`dev\` or \`serve\`: addresses and identities are not used.

Faults:
  crash        a process ends, at times with its machine's power, and starts again within two minutes; every 10 minutes
  partition    the network is cut in parts, in one direction, or in a bridge, for up to a minute; every 15 minutes
  pause        a process stands still for up to 5 seconds; every 10 minutes
  stall        the same for up to 2 seconds
  paths        one way between two nodes loses up to half of what is sent, for up to a minute; every 15 minutes
  clocks       a node's clock runs faster or slower than those of others; every 10 minutes
  wall-clock   a wall clock jumps by up to an hour; every 30 minutes
  full-disks   a disk takes no writes for up to two minutes; every hour
  stuck-disks  a disk answers nothing for up to 5 seconds; every 30 minutes
  links        messages are lost or late now and then      disks   writes take long now and then
  gossip       no publication ever arrives                 all     all of these    none     none of these

Availability is the share of the time in which a running manager reached a quorum of the group's voters, looked at every 0.1
seconds. A fail-over is the time from the loss of such a manager until another one serves.

Exit codes: 0 nothing was violated, 10 liveness, 11 correctness, 12 a node broke an invariant, 13 the run proved nothing,
130 interrupted; the summary so far is printed in any case.

Examples:
  $ bailiwick simulate -f cluster.yaml --seed 7 --hours 24
  $ bailiwick simulate --hours 1 --faults crash,partition
  $ bailiwick simulate -f cluster.yaml --hours 0.1 --faults none -o json
`;

const defaultFaults = "crash,partition,pause,links,disks";
const hourMs = 3_600_000;
const hoursRange = { least: 0.01, most: 10_000 } as const;

interface SimulateFlags {
  readonly file?: string;
  readonly seed: number;
  readonly hours: number;
  readonly faults: string;
}

export function registerSimulate(program: Command, deps: CommandTools): void {
  program
    .command("simulate")
    .description("run a cluster for hours of virtual time, under faults")
    .option("-f, --file <cluster.yaml>", "the cluster; default: the reference cluster")
    .option("--seed <number>", "decides everything that happens", parseSeed, 1)
    .option("--hours <hours>", "virtual time, for example 24 or 0.5", parseHours, 1)
    .option("--faults <list>", "what happens to the cluster, comma-separated", defaultFaults)
    .addHelpText("after", help)
    .action((flags: SimulateFlags) => simulate(flags, deps));
}

async function simulate(flags: SimulateFlags, deps: CommandTools): Promise<void> {
  const { hourlyMs, longRunFaults } = await import("../simulation/long-run-options.ts");
  const { LongRun } = await import("../simulation/long-run.ts");
  const { exitCodeOfWorst } = await import("../simulation/exit-codes.ts");
  const { readTopology } = await import("./simulate-topology.ts");
  const { seed, hours } = flags;
  const faults = parseFaults(flags.faults, longRunFaults);
  const topology = readTopology(await clusterOf(flags));
  const run = new LongRun({ seed, topology, faults, durationMs: hours * hourMs, checkpointMs: hourlyMs });
  const isInterrupted = await runToEnd(run, hours, deps);
  const replay = replayOf(flags);
  const report = { ...run.report(), replay };
  deps.print(report, () => summaryOf(report));
  const violated = exitCodeOfWorst(run.violation === null ? [] : [run.violation.kind]);
  if (violated !== 0) deps.setExitCode(violated);
  else if (isInterrupted) deps.setExitCode(exitCodes.interrupted);
}

/** @returns whether it was interrupted */
async function runToEnd(run: LongRun, hours: number, { err }: CommandTools): Promise<boolean> {
  let isInterrupted = false;
  const forget = onStopSignals((_signal, count) => {
    isInterrupted = true;
    if (count > 1) process.exit(exitCodes.interrupted);
  });
  const progress = new Progress(hours, err);
  for (const ms of run.pieces()) {
    progress.at(ms / hourMs);
    // Lets a signal in.
    await new Promise((resolve) => setImmediate(resolve));
    if (isInterrupted) break;
  }
  progress.end();
  forget();
  return isInterrupted;
}

/** One line that is written over on a terminal; a line now and then elsewhere. */
class Progress {
  readonly #hours: number;
  readonly #err: (text: string) => void;
  readonly #isTty = process.stderr.isTTY;
  #shownPercent = -100;

  constructor(hours: number, err: (text: string) => void) {
    this.#hours = hours;
    this.#err = err;
  }

  at(hours: number): void {
    const percent = Math.floor((100 * hours) / this.#hours);
    const nextPercent = Math.min(100, this.#shownPercent + (this.#isTty ? 1 : 10));
    if (percent < nextPercent || percent === this.#shownPercent) return;
    this.#shownPercent = percent;
    const text = `${percent} %, ${hours.toFixed(2)} of ${this.#hours} virtual hours`;
    this.#err(this.#isTty ? `\r${text} ` : `${text}\n`);
  }

  end(): void {
    if (this.#isTty && this.#shownPercent >= 0) this.#err("\n");
  }
}

async function clusterOf({ file }: SimulateFlags): Promise<{ readonly file: string; readonly text: string }> {
  if (file === undefined) return { file: "the reference cluster", text: referenceCluster };
  return { file, text: await readTextFile(file) };
}

function replayOf({ file, seed, hours, faults }: SimulateFlags): string {
  const cluster = file === undefined ? "" : ` -f ${file}`;
  const list = faults === defaultFaults ? "" : ` --faults ${faults}`;
  return `bailiwick simulate${cluster} --seed ${seed} --hours ${hours}${list}`;
}

/** @throws {UsageError} for a name that is none */
function parseFaults(list: string, known: readonly FaultName[]): readonly FaultName[] {
  if (list === "all") return known;
  if (list === "none") return [];
  return list.split(",").map((name) => {
    const fault = known.find((each) => each === name.trim());
    if (fault !== undefined) return fault;
    throw new UsageError(`--faults names ${JSON.stringify(name)}; it may be all, none, or some of ${known.join(", ")}`);
  });
}

function parseSeed(text: string): number {
  const seed = Number(text);
  if (/^[0-9]+$/.test(text) && Number.isSafeInteger(seed)) return seed;
  throw new InvalidArgumentError("a seed is an integer from 0 on");
}

function parseHours(text: string): number {
  const hours = Number(text);
  const { least, most } = hoursRange;
  if (/^[0-9]*\.?[0-9]+$/.test(text) && hours >= least && hours <= most) return hours;
  throw new InvalidArgumentError(`hours are a number from ${least} to ${most}`);
}
