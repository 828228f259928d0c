// Assertions that stay on in production: a broken invariant stops the node (safety before liveness).

/** A broken invariant. Never caught below a program's `main`. */
export class InvariantError extends Error {
  override readonly name = "InvariantError";
}

/** States what must hold. The message carries the numbers that broke it. */
export function assert(condition: boolean, message: string | (() => string)): asserts condition {
  if (!condition) throw new InvariantError(typeof message === "string" ? message : message());
}

/** Marks a place that the types say cannot be reached. */
export function unreachable(value: never): never {
  throw new InvariantError(`Reached the unreachable with ${JSON.stringify(value)}`);
}

/** Narrows away the absence that the caller's invariants exclude. */
export function present<T>(value: T | null | undefined, what: string): T {
  if (value === null || value === undefined) throw new InvariantError(`Absent: ${what}`);
  return value;
}
