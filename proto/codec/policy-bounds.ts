// The bounds of what operators say in a group's config object, as the comments of policy.proto and resource.proto give them.

import { shown } from "./codec-error.ts";

export interface Bound {
  readonly min: number;
  readonly max: number;
  /** What 0 stands for. */
  readonly usual: number;
}

const hourMs = 3_600_000;
const weekMs = 168 * hourMs;

export const policyBounds = {
  /** Of demand, capacity, and what must be free. */
  dimensionsMax: 16,
  /** Of one list of groups. */
  groupsMax: 256,
  resourcesMax: 256,
  dependenciesMax: 1_024,
  settlingTimeMs: { min: 0, max: hourMs, usual: 0 },
  fallbackDelayMs: { min: 0, max: weekMs, usual: 0 },
  groupWaitMs: { min: 1, max: hourMs, usual: 300_000 },
  movesMax: { min: 1, max: 100, usual: 3 },
  movesWindowMs: { min: 60_000, max: weekMs, usual: hourMs },
  ttlMs: { min: 2_000, max: 600_000, usual: 15_000 },
  renewIntervalMs: { min: 100, max: 60_000 },
  stopBudgetMs: { min: 1, max: 600_000, usual: 5_000 },
  clockRateErrorPercent: { min: 5, max: 50, usual: 5 },
  fenceTimeoutMs: { min: 1_000, max: 600_000, usual: 60_000 },
  votes: { min: 0, max: 100, usual: 0 },
  amount: { min: 0, max: Number.MAX_SAFE_INTEGER, usual: 0 },
  startTimeoutMs: { min: 100, max: hourMs, usual: 60_000 },
  stopTimeoutMs: { min: 100, max: hourMs, usual: 60_000 },
  monitorIntervalMs: { min: 100, max: hourMs, usual: 10_000 },
  monitorTimeoutMs: { min: 100, max: 600_000, usual: 20_000 },
  restartsMax: { min: 0, max: 100, usual: 0 },
  dependencyWaitMs: { min: 0, max: hourMs, usual: 0 },
} as const;

/** By default a right is renewed ten times before it ends. */
export function renewIntervalBound(ttlMs: number): Bound {
  return { ...policyBounds.renewIntervalMs, usual: Math.floor(ttlMs / 10) };
}

/** What was stored before it was checked counts as far as it can. */
export function clamped(value: number | bigint, { min, max, usual }: Bound): number {
  const number = Number(value);
  return number === 0 ? usual : Math.min(Math.max(number, min), max);
}

/** @returns what is wrong with the value of a field; null: nothing */
export function boundProblem(field: string, value: number | bigint, { min, max, usual }: Bound): string | null {
  if (value >= min && value <= max) return null;
  if (Number(value) === 0) return null;
  const zero = min === 0 ? "" : `, or 0 for ${usual}`;
  return `${field} is ${value}, it must be from ${min} to ${max}${zero}`;
}

export const dimensionRule = "1 to 63 of A-Z a-z 0-9 _ -, beginning with a letter";
const dimensionPattern = /^[A-Za-z][A-Za-z0-9_-]{0,62}$/;

/** Whether `name` may name a dimension of capacity. */
export function isDimension(name: string): boolean {
  return dimensionPattern.test(name);
}

/** Of demand or capacity. */
export function amountsProblem(field: string, amounts: Readonly<Record<string, bigint>>): string | null {
  const entries = Object.entries(amounts);
  const { dimensionsMax, amount } = policyBounds;
  if (entries.length > dimensionsMax) return `${field} has ${entries.length} dimensions, the limit is ${dimensionsMax}`;
  for (const [name, value] of entries) {
    if (!isDimension(name)) return `${field} names ${shown(name)}, which must be ${dimensionRule}`;
    const problem = boundProblem(`${field}.${name}`, value, amount);
    if (problem !== null) return problem;
  }
  return null;
}

/** A program and its arguments, as agents execute them: without a shell, and without a search path. */
export function commandProblem(field: string, [program, ...args]: readonly string[]): string | null {
  if (program === undefined) return `${field} is empty, it takes the absolute path of a program`;
  if (!program.startsWith("/")) return `${field}[0] is ${shown(program)}, it must be an absolute path`;
  const at = [program, ...args].findIndex((part) => part.includes("\0"));
  return at < 0 ? null : `${field}[${at}] holds a zero byte`;
}

/** @param words the generated enumeration */
export function wordProblem(field: string, value: number, words: Readonly<Record<string, unknown>>): string | null {
  return Object.values(words).includes(value) ? null : `${field} is ${value}, which stands for nothing known`;
}
