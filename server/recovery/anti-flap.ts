// The limit of moves without an operator (D4): beyond it the group is left in error, so that an application that fails everywhere
// is not carried round its owners for ever.

import type { PlacementView } from "./placement-view.ts";

export interface MoveCount {
  readonly moves: number;
  readonly isExhausted: boolean;
  /** Wall clock: from then on the oldest of them counts no more; null: none counts. */
  readonly forgetsMs: number | null;
  /** For people, with the numbers. */
  readonly text: string;
}

/**
 * The moves that count at this moment. One of the future, by the clock of another manager or one that was set back since, counts
 * for as long as one of now would; beyond that one of the two clocks is wrong, and nobody can tell when it was.
 */
export function countMoves({ placement, policies: { antiFlap }, wallMs }: PlacementView): MoveCount {
  const { movesMax, windowMs } = antiFlap;
  const counted = placement.movesMs.filter((atMs) => Math.abs(wallMs - atMs) < windowMs);
  // With more moves than the limit one of the newer ones has to go first.
  const oldest = counted.toSorted((left, right) => left - right)[Math.max(0, counted.length - movesMax)];
  return {
    moves: counted.length,
    isExhausted: counted.length >= movesMax,
    forgetsMs: oldest === undefined ? null : oldest + windowMs,
    text: `${counted.length} of at most ${movesMax} moves in ${windowMs} ms`,
  };
}
