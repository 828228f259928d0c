// The benchmark of writes: starts product, ceiling and etcd, lets them take turns, and says what came out.

import { writeFile } from "node:fs/promises";
import { textOfBounds } from "./bounds.ts";
import { comparedPairs, entrantNames, startEntrants } from "./entrants.ts";
import { describeMachine, textOfMachine, warningsOf } from "./machine.ts";
import type { WriteOptions } from "./options.ts";
import { ratiosOf, textOfFigures } from "./report.ts";
import { type Pace, runRounds } from "./rounds.ts";
import type { Stage } from "./stage.ts";
import { workload } from "./workload.ts";

const quickPace: Pace = { rounds: 3, warmUpMs: 3_000, rampMs: 300, measureMs: 3_000 };
const fullPace: Pace = { rounds: 5, warmUpMs: 5_000, rampMs: 1_000, measureMs: 10_000 };

/** @returns what to print */
export async function benchWrites(stage: Stage, options: WriteOptions): Promise<string> {
  const pace = options.quick ? quickPace : fullPace;
  const machine = describeMachine(stage.directory);
  const entrants = await startEntrants(stage, options);
  const series = await runRounds(stage, entrants, pace);
  const ratios = ratiosOf(comparedPairs, series);
  if (options.json !== null) {
    const figures = { benchmark: "write", at: new Date().toISOString(), machine, workload, pace, ratios, series };
    await writeFile(options.json, `${JSON.stringify(figures, null, 2)}\n`);
  }
  const isWithoutEtcd = options.only === null && !entrants.some(({ name }) => name === entrantNames.etcd);
  return [
    `Puts to one group of three processes: ${workload.valueBytes} B values, ${workload.keys} keys, every write synced on a majority.`,
    `Medians (lowest-highest) of ${pace.rounds} rounds of ${pace.measureMs / 1_000} s. Client: one process, one connection to the one that orders the writes.`,
    `CPU: all three servers together; the client shares the machine.`,
    textOfMachine(machine),
    ...(isWithoutEtcd ? ["etcd is not installed (Debian's etcd-server): it is left out."] : []),
    ...warningsOf(machine).map((text) => `Warning: ${text}.`),
    "",
    textOfFigures(series, ratios),
    "",
    textOfBounds(ratios),
  ].join("\n");
}
