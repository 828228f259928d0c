// What a simulation came to, for people.

import { alignRows } from "../../client/cli/table.ts";
import type { LongRunReport } from "../simulation/long-run.ts";

export function summaryOf(report: LongRunReport & { readonly replay: string }): string {
  const { groups, violations, hash, replay } = report;
  const rows = groups.map(({ group, owners, availability, interruptions, failovers }) => [
    group,
    String(owners.length),
    percentOf(availability),
    String(interruptions),
    String(failovers.count),
    secondsOf(failovers.medianMs),
    secondsOf(failovers.longestMs),
  ]);
  const head = ["GROUP", "VOTERS", "AVAILABLE", "INTERRUPTIONS", "FAIL-OVERS", "MEDIAN", "LONGEST"];
  return [
    alignRows([head, ...rows]),
    alignRows(factsOf(report)),
    ...violations.map(
      ({ kind, checker, message, virtualSeconds }) =>
        `VIOLATION of ${kind} (${checker}) at ${virtualSeconds.toFixed(3)} virtual seconds: ${message}\n  again: ${replay}\n`,
    ),
    violations.length === 0 ? `nothing was violated; audit hash ${hash}\n` : `audit hash ${hash}\n`,
  ].join("\n");
}

function factsOf(report: LongRunReport): readonly (readonly string[])[] {
  const { virtualHours, isComplete, topology, faults, operations, checkpoints, seed } = report;
  const struck = Object.entries(faults).map(([fault, count]) => `${fault} ${count}`);
  const hours = `${Number(virtualHours.toFixed(2))}${isComplete ? "" : ", not to the end"}`;
  const { begun, acknowledged, compared } = operations;
  return [
    ["seed", String(seed)],
    ["cluster", topology],
    ["virtual hours", hours],
    ["faults", struck.join(", ") || "none"],
    ["operations", `${begun}, acknowledged ${acknowledged}, compared ${compared} at ${checkpoints} checkpoints`],
  ];
}

/** Never 100 % for what was interrupted. */
function percentOf(share: number): string {
  return share === 1 ? "100 %" : `${(Math.floor(share * 1e6) / 1e4).toFixed(4)} %`;
}

function secondsOf(ms: number | null): string {
  return ms === null ? "-" : `${(ms / 1_000).toFixed(1)} s`;
}
