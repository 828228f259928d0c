// How long to wait before trying again: doubling, with a ceiling, and with jitter so that peers do not retry in step.

export interface BackoffLimits {
  readonly minMs: number;
  readonly maxMs: number;
}

/**
 * @param failures attempts that failed in a row; 0 means try at once
 * @param fraction random, 0 (included) to 1 (excluded)
 * @returns from half of the nominal delay to all of it, where that is `minMs` doubled `failures - 1` times, up to `maxMs`
 */
export function backoffMs(failures: number, limits: BackoffLimits, fraction: number): number {
  if (failures <= 0) return 0;
  const nominalMs = Math.min(limits.maxMs, limits.minMs * 2 ** Math.min(failures - 1, 30));
  return nominalMs * (0.5 + fraction / 2);
}
