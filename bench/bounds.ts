// What writes have to reach, as medians of the rounds' ratios: absolute figures move with the machine.

import { entrantNames } from "./entrants.ts";
import { type Figure, type Pair, type Ratios, titleOf } from "./report.ts";

interface Bound extends Pair {
  readonly inFlight: number;
  readonly figure: Figure;
  readonly is: "at least" | "at most";
  readonly limit: number;
}

const { session, unary, ceiling, etcd } = entrantNames;

const writeBounds: readonly Bound[] = [
  { entrant: session, to: ceiling, inFlight: 64, figure: "perSecond", is: "at least", limit: 0.5 },
  { entrant: session, to: etcd, inFlight: 64, figure: "perSecond", is: "at least", limit: 3 },
  { entrant: unary, to: etcd, inFlight: 64, figure: "perSecond", is: "at least", limit: 0.7 },
  { entrant: session, to: ceiling, inFlight: 1, figure: "p50Ms", is: "at most", limit: 1.2 },
];

/** A line for each bound: the ratio, and whether the bound holds. */
export function textOfBounds(ratios: readonly Ratios[]): string {
  return ["Bounds, on medians of ratios:", ...writeBounds.map((bound) => `  ${textOf(bound, ratios)}`)].join("\n");
}

function textOf(bound: Bound, ratios: readonly Ratios[]): string {
  const { entrant, to, inFlight, figure, is, limit } = bound;
  const what = `${titleOf(figure)} with ${inFlight} in flight, ${entrant} / ${to}`;
  const found = ratios.find((one) => one.entrant === entrant && one.to === to && one.inFlight === inFlight);
  if (found === undefined) return `${what}: not measured; ${is} ${limit}x`;
  const { median } = found.figures[figure];
  const holds = is === "at least" ? median >= limit : median <= limit;
  return `${what}: ${median.toFixed(2)}x, ${is} ${limit}x ${holds ? "holds" : "DOES NOT HOLD"}`;
}
