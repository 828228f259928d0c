// The outcomes as a table for people, and as a picture.

import type { Panel, Picture } from "./picture.ts";
import type { Outcome } from "./scenarios.ts";
import { moments, terms } from "./terms.ts";
import { nodes } from "./world.ts";

/** At least. */
const shown = { fromMs: -1_500, toMs: 11_500 } as const;

export function isWithin({ gap, allowance, overlapMs }: Outcome): boolean {
  return gap.after !== null && gap.toMs - gap.fromMs <= allowance.mostMs && overlapMs === 0;
}

export function tableOf(outcomes: readonly Outcome[]): string {
  const head = ["what happens", "from", "to", "gap ms", "allowed ms", "both ms", "", "what the lease terms allow"];
  const rows = outcomes.map((outcome) => [
    outcome.title,
    outcome.owner,
    outcome.gap.after ?? "nobody",
    String(Math.round(outcome.gap.toMs - outcome.gap.fromMs)),
    String(Math.round(outcome.allowance.mostMs)),
    String(Math.round(outcome.overlapMs)),
    isWithin(outcome) ? "holds" : "DOES NOT HOLD",
    outcome.allowance.parts,
  ]);
  const widths = head.map((_, at) => Math.max(...[head, ...rows].map((row) => row[at]?.length ?? 0)));
  return [head, ...rows]
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

export function pictureOf(outcomes: readonly Outcome[], where: string): Picture {
  const { ttlMs, clockRateErrorPercent, stopBudgetMs, renewIntervalMs } = terms;
  const right = `right ${ttlMs / 1_000} s ± ${clockRateErrorPercent} %, renewed every ${renewIntervalMs} ms`;
  return {
    title: "What a client sees while the owner fails",
    subtitle: `${where}; ${right}, ${stopBudgetMs / 1_000} s of it for stopping`,
    nodes,
    fromMs: shown.fromMs,
    toMs: Math.max(shown.toMs, ...outcomes.map(({ window, atMs }) => window.toMs - atMs)),
    panels: outcomes.map(panelOf),
  };
}

function panelOf({ blow, title, atMs, gap, samples, held, overlapMs, window }: Outcome): Panel {
  const since = <Timed extends { readonly fromMs: number; readonly toMs: number }>(span: Timed) => ({
    ...span,
    fromMs: Math.max(span.fromMs, window.fromMs) - atMs,
    toMs: Math.min(span.toMs, window.toMs) - atMs,
  });
  return {
    title,
    held: held.map(since),
    answers: samples.map(({ sentMs, endedMs, node }) => ({ atMs: (node === null ? sentMs : endedMs) - atMs, node })),
    gap: since(gap),
    note: overlapMs === 0 ? "" : `, two at once for ${Math.round(overlapMs)} ms`,
    marks: [{ atMs: 0, text: "now", side: "right" }, ...(blow === "move" ? [] : marksOfRight)],
  };
}

/** As if the last renewal had been at the time of the blow; it is a little older. */
const marksOfRight: Panel["marks"] = [
  { atMs: moments.stopsMs, text: "must stop", side: "left" },
  { atMs: moments.endsMs, text: "right ends", side: "left" },
  { atMs: moments.grantedMs, text: "granted anew", side: "right" },
];
