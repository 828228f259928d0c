// Makes a run that fails smaller, one fault after the other, then its duration and its clients, as long as it still fails in
// the same kind. What is left is named by the seed and a few flags.

import { type FaultName, faultsOf, withoutFaults } from "../../server/simulation/faults/switches.ts";
import type { RunReport } from "../../server/simulation/report.ts";
import type { SimOptions } from "../../server/simulation/run-options.ts";

/** What is taken away from the run that a seed names. */
export interface Reduction {
  readonly without: readonly FaultName[];
  /** null: as drawn */
  readonly safetyMs: number | null;
  readonly clients: number | null;
}

export const noReduction: Reduction = { without: [], safetyMs: null, clients: null };

const safetyMsMin = 500;

export function reduced(options: SimOptions, { without, safetyMs, clients }: Reduction): SimOptions {
  const left = withoutFaults(options, without);
  const workload = clients === null ? left.workload : { ...left.workload, clients };
  return { ...left, workload, safetyMs: safetyMs ?? left.safetyMs };
}

/** As flags of test/sim/run.ts; empty for none, otherwise with a space before. */
export function flagsOf({ without, safetyMs, clients }: Reduction): string {
  const faults = without.length === 0 ? "" : ` --without ${without.join(",")}`;
  const time = safetyMs === null ? "" : ` --safety-ms ${safetyMs}`;
  return `${faults}${time}${clients === null ? "" : ` --clients ${clients}`}`;
}

export interface Shrunk {
  readonly reduction: Reduction;
  /** Of the smallest run that failed in the same kind. */
  readonly report: RunReport;
}

/** @param failed a run with a violation, of `options` as the seed draws them less `from` */
export function shrink(
  failed: RunReport,
  from: Reduction,
  { drawn, run }: { readonly drawn: SimOptions; readonly run: (options: SimOptions) => RunReport },
): Shrunk {
  let best: Shrunk = { reduction: from, report: failed };
  const attempt = (reduction: Reduction): boolean => {
    const report = run(reduced(drawn, reduction));
    const isSame = report.violation !== null && report.violation.kind === failed.violation?.kind;
    if (isSame) best = { reduction, report };
    return isSame;
  };
  for (const fault of faultsOf(failed.options)) {
    attempt({ ...best.reduction, without: [...best.reduction.without, fault] });
  }
  for (let ms = half(failed.options.safetyMs); ms >= safetyMsMin; ms = half(ms)) {
    if (!attempt({ ...best.reduction, safetyMs: ms })) break;
  }
  for (let clients = half(failed.options.workload.clients); clients >= 1; clients = half(clients)) {
    if (!attempt({ ...best.reduction, clients })) break;
  }
  return best;
}

function half(count: number): number {
  return Math.floor(count / 2);
}
