// Runs seeds of the simulator by hand, and as a child of its test.
//   node test/sim/run.ts --seed 7 [--trace]      one run; --trace prints every event of it
//   node test/sim/run.ts --seed 1 --seeds 200    that many seeds from there on; --twice demands equal hashes of two runs
// Exit codes: 0 all well, 9 a run proved nothing, 10 liveness, 11 correctness, 12 a node or the simulator broke; 2 usage.

import { parseArgs } from "node:util";
import { exitCodeOf, exitCodes, type RunReport } from "../../server/simulation/report.ts";
import { runSeed } from "../../server/simulation/run.ts";
import { Violation } from "../../server/simulation/violation.ts";
import { drawOptions } from "./options.ts";
import { describeReport, seedLineOf } from "./report.ts";

interface Arguments {
  readonly seed: number;
  readonly seeds: number;
  readonly trace: boolean;
  readonly twice: boolean;
  /** One line of JSON a seed instead of text. */
  readonly json: boolean;
}

const usage = "usage: node test/sim/run.ts --seed N [--seeds COUNT] [--trace] [--twice] [--json]\n";

process.exitCode = main(process.argv.slice(2));

function main(argv: readonly string[]): number {
  const parsed = parse(argv);
  if (parsed === null) {
    process.stderr.write(usage);
    return 2;
  }
  let worst = exitCodes.ok as number;
  for (let seed = parsed.seed; seed < parsed.seed + parsed.seeds; seed++) {
    const report = runOnce(seed, parsed);
    process.stdout.write(`${parsed.json ? JSON.stringify(seedLineOf(report)) : describeReport(report)}\n`);
    worst = Math.max(worst, exitCodeOf(report.violation?.kind ?? null));
  }
  return worst;
}

function runOnce(seed: number, { trace, twice }: Arguments): RunReport {
  const options = drawOptions(seed);
  const report = runSeed(options, trace ? { print: (line) => process.stdout.write(`${line}\n`) } : {});
  if (!twice || report.violation !== null) return report;
  const again = runSeed(options);
  if (again.hash === report.hash) return report;
  const text = `Two runs of one seed differ: ${report.hash} and ${again.hash}`;
  return { ...report, violation: new Violation("correctness", "determinism", text) };
}

function parse(argv: readonly string[]): Arguments | null {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        seed: { type: "string" },
        seeds: { type: "string", default: "1" },
        trace: { type: "boolean", default: false },
        twice: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
      },
    });
    const [seed, seeds] = [Number(values.seed), Number(values.seeds)];
    if (!Number.isSafeInteger(seed) || !Number.isSafeInteger(seeds) || seed < 0 || seeds < 1) return null;
    return { seed, seeds, trace: values.trace, twice: values.twice, json: values.json };
  } catch {
    return null;
  }
}
