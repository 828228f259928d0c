// What a run can end with other than well. The kind decides the exit code.

/** `invalid`: the run proved nothing, because too little happened in it. */
export type ViolationKind = "liveness" | "correctness" | "crash" | "invalid";

export class Violation extends Error {
  override readonly name = "Violation";
  readonly kind: ViolationKind;
  /** Which checker speaks. */
  readonly checker: string;

  constructor(kind: ViolationKind, checker: string, message: string) {
    super(message);
    this.kind = kind;
    this.checker = checker;
  }
}

/** States what a checker demands of correctness. */
export function demand(condition: boolean, checker: string, message: () => string): asserts condition {
  if (!condition) throw new Violation("correctness", checker, message());
}

/** Anything that is thrown and is no checker's word is a broken invariant of the node, or of the simulator. */
export function toViolation(reason: unknown): Violation {
  if (reason instanceof Violation) return reason;
  const error = reason instanceof Error ? reason : new Error(String(reason));
  const violation = new Violation("crash", error.name, error.message);
  violation.stack = error.stack ?? "";
  return violation;
}
