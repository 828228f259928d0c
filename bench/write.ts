// The benchmark of writes: starts product and ceiling, lets them take turns, and says what came out.

import { writeFile } from "node:fs/promises";
import { startCeiling } from "./ceiling/start.ts";
import { describeMachine, textOfMachine, warningsOf } from "./machine.ts";
import type { WriteOptions } from "./options.ts";
import { startProduct } from "./product/start.ts";
import { workload } from "./put-client.ts";
import { ratiosTo, textOfFigures } from "./report.ts";
import { type Entrant, type Pace, runRounds } from "./rounds.ts";
import type { Stage } from "./stage.ts";

const loads = [1, 64, 256] as const;
/** One load is enough to tell what the way over another node costs. */
const forwardedLoads = [64] as const;

const quickPace: Pace = { rounds: 3, warmUpMs: 3_000, rampMs: 300, measureMs: 3_000 };
const fullPace: Pace = { rounds: 5, warmUpMs: 5_000, rampMs: 1_000, measureMs: 10_000 };

/** @returns what to print */
export async function benchWrites(stage: Stage, options: WriteOptions): Promise<string> {
  const pace = options.quick ? quickPace : fullPace;
  const machine = describeMachine(stage.directory);
  const series = await runRounds(stage, await startEntrants(stage, options), pace);
  const ratios = ratiosTo("ceiling", series);
  if (options.json !== null) {
    const figures = { benchmark: "write", at: new Date().toISOString(), machine, workload, pace, ratios, series };
    await writeFile(options.json, `${JSON.stringify(figures, null, 2)}\n`);
  }
  return [
    `Puts to one group of three processes: ${workload.valueBytes} B values, ${workload.keys} keys, every write synced on a majority.`,
    `Medians (lowest-highest) of ${pace.rounds} rounds of ${pace.measureMs / 1_000} s. Client: one process, one connection, unary calls.`,
    `CPU: all three servers together; the client shares the machine.`,
    textOfMachine(machine),
    ...warningsOf(machine).map((text) => `Warning: ${text}.`),
    "",
    textOfFigures(series, ratios),
  ].join("\n");
}

async function startEntrants(stage: Stage, { only, gossip }: WriteOptions): Promise<readonly Entrant[]> {
  const entrants: Entrant[] = [];
  if (only !== "ceiling") {
    stage.progress("starting the product: three nodes, one group");
    const { direct, forwarded } = await startProduct(stage, null);
    entrants.push({ subject: direct, inFlight: loads }, { subject: forwarded, inFlight: forwardedLoads });
  }
  if (only !== "product") {
    stage.progress("starting the ceiling: a leader and two followers");
    entrants.push({
      subject: await startCeiling(stage, { spread: "stream", profileDirectory: null }),
      inFlight: loads,
    });
    if (gossip)
      entrants.push({
        subject: await startCeiling(stage, { spread: "gossip", profileDirectory: null }),
        inFlight: loads,
      });
  }
  return entrants;
}
