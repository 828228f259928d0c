// How a run is told.

import type { RunReport } from "../../server/simulation/report.ts";
import { describeTopology } from "../../server/simulation/topology.ts";
import type { ViolationKind } from "../../server/simulation/violation.ts";

/** Several lines: all that is needed to see what failed, and to see it again. */
export function describeReport(report: RunReport): string {
  const { options, virtualMs, hash, violation, counts } = report;
  const seconds = (virtualMs / 1000).toFixed(3);
  if (violation === null) return `seed ${options.seed} ok at ${seconds} s, hash ${hash}, ${JSON.stringify(counts)}`;
  return [
    `seed ${options.seed} FAILED: ${violation.kind}, ${violation.checker}, at ${seconds} virtual seconds`,
    `  ${violation.message}`,
    `  options ${JSON.stringify({ ...options, topology: describeTopology(options.topology) })}`,
    `  counts ${JSON.stringify(counts)}`,
    ...(violation.kind === "crash" ? [`  ${violation.stack ?? ""}`] : []),
    `  replay: node test/sim/run.ts --seed ${options.seed} --trace`,
  ].join("\n");
}

/** A report as one line of JSON: what a child process tells. */
export interface SeedLine {
  readonly seed: number;
  readonly kind: ViolationKind | null;
  readonly checker: string | null;
  readonly hash: string;
  readonly virtualMs: number;
  readonly operations: number;
  readonly faults: number;
  readonly snapshots: number;
  readonly publications: number;
  readonly text: string;
}

export function seedLineOf(report: RunReport): SeedLine {
  const { options, violation, hash, virtualMs, counts } = report;
  return {
    seed: options.seed,
    kind: violation?.kind ?? null,
    checker: violation?.checker ?? null,
    hash,
    virtualMs,
    operations: counts?.operations ?? 0,
    faults: Object.values(counts?.faults ?? {}).reduce((sum, count) => sum + count, 0),
    snapshots: counts?.snapshots ?? 0,
    publications: counts?.publications ?? 0,
    text: describeReport(report),
  };
}
