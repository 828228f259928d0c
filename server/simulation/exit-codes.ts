// What a simulation ends with, for scripts: one code a kind of violation, the same for `bailiwick simulate` and for seeds.

import type { ViolationKind } from "./violation.ts";

const codeOf = {
  liveness: 10,
  correctness: 11,
  crash: 12,
  invalid: 13,
} as const satisfies Record<ViolationKind, number>;

/** The worst last. */
const bySeverity: readonly ViolationKind[] = ["invalid", "liveness", "correctness", "crash"];

/** @returns 0 for none */
export function exitCodeOfWorst(kinds: readonly ViolationKind[]): number {
  const worst = bySeverity.findLast((kind) => kinds.includes(kind));
  return worst === undefined ? 0 : codeOf[worst];
}
