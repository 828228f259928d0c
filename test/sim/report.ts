// How a run is told.

import type { OwnershipCounts } from "../../server/simulation/checkers/ownership.ts";
import type { RunReport } from "../../server/simulation/report.ts";
import { describeTopology } from "../../server/simulation/topology.ts";
import type { ViolationKind } from "../../server/simulation/violation.ts";
import type { Area } from "./options.ts";
import { flagsOf, type Reduction, type Shrunk } from "./shrink.ts";

export interface Telling {
  readonly commit: string;
  readonly area: Area;
  /** What was taken away from the seed's run. */
  readonly reduction: Reduction;
  /** null: not tried, or nothing could be taken away. */
  readonly shrunk: Shrunk | null;
}

/** Several lines for a failure: all that is needed to see it, and to see it again. */
export function describeReport(report: RunReport, { commit, area, reduction, shrunk }: Telling): string {
  const { options, virtualMs, hash, violation, counts } = report;
  const seconds = (virtualMs / 1000).toFixed(3);
  if (violation === null) return `seed ${options.seed} ok at ${seconds} s, hash ${hash}, ${JSON.stringify(counts)}`;
  return [
    `seed ${options.seed} FAILED: ${violation.kind}, ${violation.checker}, at ${seconds} virtual seconds, commit ${commit}`,
    `  ${violation.message}`,
    `  options ${optionsText(report)}`,
    `  counts ${JSON.stringify(counts)}`,
    ...(violation.kind === "crash" ? [`  ${violation.stack ?? ""}`] : []),
    `  replay: ${commandOf(options.seed, area, reduction)}`,
    ...(shrunk === null ? [] : shrunkLines(options.seed, area, shrunk)),
  ].join("\n");
}

function shrunkLines(seed: number, area: Area, { report, reduction }: Shrunk): readonly string[] {
  const seconds = (report.virtualMs / 1000).toFixed(3);
  const { violation } = report;
  return [
    `  smaller: still ${violation?.kind}, ${violation?.checker}, at ${seconds} virtual seconds: ${violation?.message}`,
    `    options ${optionsText(report)}`,
    `    replay: ${commandOf(seed, area, reduction)}`,
  ];
}

function optionsText({ options }: RunReport): string {
  return JSON.stringify({ ...options, topology: describeTopology(options.topology) });
}

function commandOf(seed: number, area: Area, reduction: Reduction): string {
  const flag = area === "consensus" ? "" : ` --area ${area}`;
  return `node test/sim/run.ts --seed ${seed}${flag}${flagsOf(reduction)} --trace`;
}

/** A report as one line of JSON: what a child process tells. */
export interface SeedLine {
  readonly seed: number;
  readonly kind: ViolationKind | null;
  readonly checker: string | null;
  readonly hash: string;
  readonly virtualMs: number;
  readonly operations: number;
  readonly acknowledged: number;
  /** Answers that were compared with what the groups ended with. */
  readonly checked: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly snapshots: number;
  readonly publications: number;
  /** null: nobody ran any application. */
  readonly ownership: OwnershipCounts | null;
  readonly text: string;
}

export function seedLineOf(report: RunReport, telling: Telling): SeedLine {
  const { options, violation, hash, virtualMs, counts } = report;
  return {
    seed: options.seed,
    kind: violation?.kind ?? null,
    checker: violation?.checker ?? null,
    hash,
    virtualMs,
    operations: counts?.operations ?? 0,
    acknowledged: counts?.acknowledged ?? 0,
    checked: counts?.answersCompared ?? 0,
    faults: counts?.faults ?? {},
    snapshots: counts?.snapshots ?? 0,
    publications: counts?.publications ?? 0,
    ownership: counts?.ownership ?? null,
    text: violation === null ? "" : describeReport(report, telling),
  };
}
