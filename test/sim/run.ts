// Runs seeds of the simulator by hand, and as a child of its test and of `torture`.
//   node test/sim/run.ts --seed 7 [--trace]      one run; --trace prints every event of it
//   node test/sim/run.ts --seed 1 --seeds 200    that many seeds from there on; --twice demands equal hashes of two runs
//   node test/sim/run.ts --seed 7 --area data    the seed with more of what that area is about (options.ts)
//   node test/sim/run.ts --seed 7 --without partition,pause --safety-ms 4000 --clients 2    the same run, made smaller
// Exit codes: 0 all well, 10 liveness, 11 correctness, 12 a node or the simulator broke, 13 a run proved nothing; 2 usage.

import { parseArgs } from "node:util";
import { exitCodeOfWorst } from "../../server/simulation/exit-codes.ts";
import { faultNames, isFaultName } from "../../server/simulation/faults/switches.ts";
import type { RunReport } from "../../server/simulation/report.ts";
import { runSeed } from "../../server/simulation/run.ts";
import { Violation, type ViolationKind } from "../../server/simulation/violation.ts";
import { describeCommit } from "./commit.ts";
import { type Area, areas, drawOptions } from "./options.ts";
import { describeReport, seedLineOf } from "./report.ts";
import { type Reduction, reduced, type Shrunk, shrink } from "./shrink.ts";

interface Arguments {
  readonly seed: number;
  readonly seeds: number;
  /** From one seed to the next. */
  readonly step: number;
  readonly trace: boolean;
  readonly twice: boolean;
  readonly area: Area;
  /** One line of JSON a seed instead of text. */
  readonly json: boolean;
  readonly reduction: Reduction;
}

const usage = `usage: node test/sim/run.ts --seed N [--seeds COUNT] [--step COUNT] [--trace] [--twice] [--json]
       [--area ${areas.join("|")}]
       [--without FAULT,…] [--safety-ms MS] [--clients COUNT]     faults: ${faultNames.join(", ")}
`;

process.exitCode = main(process.argv.slice(2));

function main(argv: readonly string[]): number {
  const parsed = parse(argv);
  if (parsed === null) {
    process.stderr.write(usage);
    return 2;
  }
  const commit = describeCommit();
  const kinds = new Set<ViolationKind>();
  for (let run = 0; run < parsed.seeds; run++) {
    const report = runOnce(parsed.seed + run * parsed.step, parsed);
    const { area, reduction } = parsed;
    const telling = { commit, area, reduction, shrunk: parsed.trace ? null : shrunkOf(report, area, reduction) };
    const text = parsed.json ? JSON.stringify(seedLineOf(report, telling)) : describeReport(report, telling);
    process.stdout.write(`${text}\n`);
    if (report.violation !== null) kinds.add(report.violation.kind);
  }
  return exitCodeOfWorst([...kinds]);
}

function runOnce(seed: number, { trace, twice, area, reduction }: Arguments): RunReport {
  const options = reduced(drawOptions(seed, area), reduction);
  const report = runSeed(options, trace ? { print: (line) => process.stdout.write(`${line}\n`) } : {});
  if (!twice || report.violation !== null) return report;
  const again = runSeed(options);
  if (again.hash === report.hash) return report;
  const text = `Two runs of one seed differ: ${report.hash} and ${again.hash}`;
  return { ...report, violation: new Violation("correctness", "determinism", text) };
}

/** null when there is nothing to shrink: the run is well, proved nothing, or is no failure of the run itself. */
function shrunkOf(report: RunReport, area: Area, from: Reduction): Shrunk | null {
  const { violation, options } = report;
  if (violation === null || violation.kind === "invalid" || violation.checker === "determinism") return null;
  const shrunk = shrink(report, from, { drawn: drawOptions(options.seed, area), run: runSeed });
  return shrunk.report === report ? null : shrunk;
}

function parse(argv: readonly string[]): Arguments | null {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        seed: { type: "string" },
        seeds: { type: "string", default: "1" },
        step: { type: "string", default: "1" },
        trace: { type: "boolean", default: false },
        twice: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        area: { type: "string", default: "consensus" },
        without: { type: "string", default: "" },
        "safety-ms": { type: "string" },
        clients: { type: "string" },
      },
    });
    const { trace, twice, json } = values;
    const [seed, seeds, step] = [Number(values.seed), Number(values.seeds), Number(values.step)];
    const names = values.without.split(",").filter((name) => name !== "");
    const [safetyMs, clients] = [toCount(values["safety-ms"]), toCount(values.clients)];
    const counts = [seed, seeds - 1, step - 1, safetyMs ?? 0, (clients ?? 1) - 1];
    if (counts.some((count) => !Number.isSafeInteger(count) || count < 0) || !names.every(isFaultName)) return null;
    const area = areas.find((one) => one === values.area);
    if (area === undefined) return null;
    return {
      seed,
      seeds,
      step,
      trace,
      twice,
      json,
      area,
      reduction: { without: names.filter(isFaultName), safetyMs, clients },
    };
  } catch {
    return null;
  }
}

function toCount(text: string | undefined): number | null {
  return text === undefined ? null : Number(text);
}
