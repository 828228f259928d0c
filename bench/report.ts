// The figures of a run as text, and the ratios between two subjects, pair by pair.

import type { Sample } from "./load.ts";
import type { Series } from "./rounds.ts";
import { type Spread, spreadOf } from "./statistics.ts";

type Figure = "perSecond" | "p50Ms" | "p99Ms" | "serverCpuUs" | "clientCpuUs";

const columns: readonly { readonly figure: Figure; readonly title: string }[] = [
  { figure: "perSecond", title: "writes/s" },
  { figure: "p50Ms", title: "p50 ms" },
  { figure: "p99Ms", title: "p99 ms" },
  { figure: "serverCpuUs", title: "server CPU us/write" },
  { figure: "clientCpuUs", title: "client CPU us/write" },
];

/** Figures of one subject divided by those of another in the same round at the same load. */
export interface Ratios {
  readonly subject: string;
  readonly to: string;
  readonly inFlight: number;
  readonly figures: Readonly<Record<Figure, Spread>>;
}

/** @param to name of the subject that all others are compared with */
export function ratiosTo(to: string, series: readonly Series[]): readonly Ratios[] {
  return series.flatMap((one) => {
    const base = series.find(({ subject, inFlight }) => subject === to && inFlight === one.inFlight);
    if (base === undefined || base === one) return [];
    const ratio = (figure: Figure) =>
      spreadOf(one.samples.map((sample, round) => quotient(sample, base, round, figure)));
    return [{ subject: one.subject, to, inFlight: one.inFlight, figures: everyFigure(ratio) }];
  });
}

/** Aligned columns: for each load its subjects, then their ratios. */
export function textOfFigures(series: readonly Series[], ratios: readonly Ratios[]): string {
  const loads = [...new Set(series.map(({ inFlight }) => inFlight))];
  const rows = loads.flatMap((load) => [
    ...series.filter(({ inFlight }) => inFlight === load).map(rowOfSeries),
    ...ratios.filter(({ inFlight }) => inFlight === load).map(rowOfRatios),
  ]);
  return aligned([["in flight", "", ...columns.map(({ title }) => title)], ...rows]);
}

function quotient(sample: Sample, base: Series, round: number, figure: Figure): number {
  const divisor = base.samples[round];
  if (divisor === undefined) throw new Error(`${base.subject} has no round ${round}`);
  return sample[figure] / divisor[figure];
}

function everyFigure(of: (figure: Figure) => Spread): Record<Figure, Spread> {
  return Object.fromEntries(columns.map(({ figure }) => [figure, of(figure)])) as Record<Figure, Spread>;
}

function rowOfSeries({ subject, inFlight, samples }: Series): readonly string[] {
  const cells = columns.map(({ figure }) =>
    textOfSpread(spreadOf(samples.map((sample) => sample[figure])), textOfNumber),
  );
  return [String(inFlight), subject, ...cells];
}

function rowOfRatios({ subject, to, inFlight, figures }: Ratios): readonly string[] {
  const cells = columns.map(({ figure }) => textOfSpread(figures[figure], (value) => `${value.toFixed(2)}x`));
  return [String(inFlight), `${subject} / ${to}`, ...cells];
}

function textOfSpread({ median, min, max }: Spread, text: (value: number) => string): string {
  return `${text(median)} (${text(min)}-${text(max)})`;
}

function textOfNumber(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString("en-US");
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function aligned(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => pad(cell, column, widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** The name to the left, numbers to the right. */
function pad(cell: string, column: number, width: number): string {
  return column === 1 ? cell.padEnd(width) : cell.padStart(width);
}
