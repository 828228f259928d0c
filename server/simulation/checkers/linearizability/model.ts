// What a linearizability check is about: operations with the interval in which each took effect, and the sequential object
// that they are said to have been carried out on.

/** One operation of a client, on one object. */
export interface TimedOperation<Input, Result> {
  readonly input: Input;
  /** null: the client was not told. The operation may have taken effect at any time since it was invoked, or never. */
  readonly result: Result | null;
  readonly invoked: number;
  /** invoked <= returned; infinite if and only if there is no result */
  readonly returned: number;
}

/** A deterministic sequential object. States are values: a step makes a new one, or gives back the one that it was given. */
export interface Model<State, Input, Result> {
  readonly initial: State;
  /**
   * @param result null: whatever it may have been
   * @returns the state after the operation; null when it cannot have had this result in `state`
   */
  step(state: State, input: Input, result: Result | null): State | null;
  /** Whether an operation with this result changed nothing, whatever the state was: a read, a refused write. */
  isObservation(input: Input, result: Result): boolean;
  /** Operations with a lower number cannot come after those with a higher one; null: nothing is known of the order. */
  orderOf(input: Input, result: Result): number | null;
  /** Whether every result that is possible after `other`, at once or later, is possible after `state` as well. */
  covers(state: State, other: State): boolean;
  /** Equal for equal states only. */
  keyOf(state: State): string;
}
