// The figures of a run as text, and the ratios between two entrants, round by round.

import type { Sample } from "./load.ts";
import type { Series } from "./rounds.ts";
import { type Spread, spreadOf } from "./statistics.ts";

export type Figure = "perSecond" | "p50Ms" | "p99Ms" | "serverCpuUs" | "clientCpuUs";

const columns: readonly { readonly figure: Figure; readonly title: string }[] = [
  { figure: "perSecond", title: "writes/s" },
  { figure: "p50Ms", title: "p50 ms" },
  { figure: "p99Ms", title: "p99 ms" },
  { figure: "serverCpuUs", title: "server CPU us/write" },
  { figure: "clientCpuUs", title: "client CPU us/write" },
];

export function titleOf(figure: Figure): string {
  return columns.find((column) => column.figure === figure)?.title ?? figure;
}

/** Figures of one entrant divided by those of another in the same round at the same load. */
export interface Ratios extends Pair {
  readonly inFlight: number;
  readonly figures: Readonly<Record<Figure, Spread>>;
}

/** Two entrants that are compared, by their names. */
export interface Pair {
  readonly entrant: string;
  readonly to: string;
}

/** Of those pairs and loads that were measured. */
export function ratiosOf(pairs: readonly Pair[], series: readonly Series[]): readonly Ratios[] {
  return series.flatMap((one) => {
    const compared = pairs.filter(({ entrant }) => entrant === one.entrant);
    return compared.flatMap(({ to }) => {
      const base = series.find(({ entrant, inFlight }) => entrant === to && inFlight === one.inFlight);
      return base === undefined ? [] : [ratiosTo(base, one)];
    });
  });
}

/** Aligned columns: for each load its entrants, then their ratios. */
export function textOfFigures(series: readonly Series[], ratios: readonly Ratios[]): string {
  const loads = [...new Set(series.map(({ inFlight }) => inFlight))];
  const rows = loads.flatMap((load) => [
    ...series.filter(({ inFlight }) => inFlight === load).map(rowOfSeries),
    ...ratios.filter(({ inFlight }) => inFlight === load).map(rowOfRatios),
  ]);
  return aligned([["in flight", "", ...columns.map(({ title }) => title)], ...rows]);
}

function ratiosTo(base: Series, { entrant, inFlight, samples }: Series): Ratios {
  const ratio = (figure: Figure) => spreadOf(samples.map((sample, round) => quotient(sample, base, round, figure)));
  return { entrant, to: base.entrant, inFlight, figures: everyFigure(ratio) };
}

function quotient(sample: Sample, base: Series, round: number, figure: Figure): number {
  const divisor = base.samples[round];
  if (divisor === undefined) throw new Error(`${base.entrant} has no round ${round}`);
  return sample[figure] / divisor[figure];
}

function everyFigure(of: (figure: Figure) => Spread): Record<Figure, Spread> {
  return Object.fromEntries(columns.map(({ figure }) => [figure, of(figure)])) as Record<Figure, Spread>;
}

function rowOfSeries({ entrant, inFlight, samples }: Series): readonly string[] {
  const cells = columns.map(({ figure }) =>
    textOfSpread(spreadOf(samples.map((sample) => sample[figure])), textOfNumber),
  );
  return [String(inFlight), entrant, ...cells];
}

function rowOfRatios({ entrant, to, inFlight, figures }: Ratios): readonly string[] {
  const cells = columns.map(({ figure }) => textOfSpread(figures[figure], (value) => `${value.toFixed(2)}x`));
  return [String(inFlight), `${entrant} / ${to}`, ...cells];
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
