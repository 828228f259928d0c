// Arithmetic on what nodes have and applications need, dimension by dimension. What a capacity does not name is not limited.

import type { Amounts } from "../../proto/policies.ts";

/** What is left of `whole` without `part`: of the dimensions of `whole`, never below 0. */
export function without(whole: Amounts, part: Amounts): Amounts {
  return new Map(
    [...whole].map(([dimension, amount]) => [dimension, Math.max(0, amount - (part.get(dimension) ?? 0))]),
  );
}

export function sumOf(parts: readonly Amounts[]): Amounts {
  const sum = new Map<string, number>();
  for (const part of parts) {
    for (const [dimension, amount] of part) sum.set(dimension, (sum.get(dimension) ?? 0) + amount);
  }
  return sum;
}

/** The first dimension of which `have` holds less than `need`, in a sentence's words; null: it suffices. */
export function shortageOf(have: Amounts, need: Amounts): string | null {
  for (const [dimension, needed] of need) {
    const amount = have.get(dimension);
    if (amount !== undefined && amount < needed) return `${amount} of the ${needed} ${dimension} needed`;
  }
  return null;
}

/**
 * How often `need` fits into `free`, by the dimension that is scarcest; with nothing needed, the sum of all dimensions.
 *
 * @returns Infinity when nothing that is needed is limited
 */
export function roomFor(need: Amounts, free: Amounts): number {
  const needed = [...need].filter(([, amount]) => amount > 0);
  if (needed.length === 0) return [...free.values()].reduce((sum, amount) => sum + amount, 0);
  return Math.min(...needed.map(([dimension, amount]) => (free.get(dimension) ?? Number.POSITIVE_INFINITY) / amount));
}

/** For example `cpu 4, memory 16`. */
export function amountsText(amounts: Amounts): string {
  return [...amounts].map(([dimension, amount]) => `${dimension} ${amount}`).join(", ");
}
