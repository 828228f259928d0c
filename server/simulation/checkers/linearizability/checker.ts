// Whether a history is linearizable: the search of Wing & Gong (1993) with the memory of Lowe (2017), as Porcupine does it.
// Operations are given places one by one; a configuration (which of them have a place, and the state that they led to) that
// was reached before is not searched again, and is compared exactly, not by a hash. A budget counts steps of the model, so
// that a verdict depends on nothing but the history.
//
// What spares most of the search, and changes no verdict:
// - An observation (a read with its result) is placed as soon as it can be: whatever order comes after holds without it too.
// - Of candidates that the model puts in an order by their results, the first is taken.
// - A pending operation (one without a result) comes last of the candidates, and only for a purpose: not where it changes
//   nothing, and not before an operation that comes to the same without it. Of equal ones the oldest is taken.
// - A configuration that was reached with fewer pending operations used is as good.

import { assert, present } from "../../../../proto/assert.ts";
import { Configuration } from "./configuration.ts";
import type { Model, TimedOperation } from "./model.ts";
import { Timetable } from "./timetable.ts";
import { Visited } from "./visited.ts";

export type Verdict<State, Timed> =
  | { readonly type: "linearizable"; readonly steps: number }
  /** The budget was used up. */
  | { readonly type: "undecided"; readonly steps: number }
  | {
      readonly type: "violation";
      readonly steps: number;
      /** The longest order that was found, and the state after it. */
      readonly prefix: readonly Timed[];
      readonly state: State;
      /** It returned before any other that has no place there, and cannot be given one. */
      readonly blocked: Timed;
    };

/** @param history in any order; operations that certainly had no effect must not be in it */
export function checkLinearizable<State, Input, Result, Timed extends TimedOperation<Input, Result>>(
  model: Model<State, Input, Result>,
  history: readonly Timed[],
  { budget }: { readonly budget: number },
): Verdict<State, Timed> {
  for (const { result, invoked, returned } of history) {
    const isPending = returned === Number.POSITIVE_INFINITY;
    assert(invoked <= returned && isPending === (result === null), `An operation from ${invoked} to ${returned}`);
  }
  const operations = [...history].sort((left, right) => left.invoked - right.invoked);
  return new Search(model, operations).run(budget);
}

/** One place of the order, with what it takes to give it up. */
interface Place<State> {
  readonly operation: number;
  readonly stateBefore: State;
  readonly keyBefore: string;
  /** No other choice in its stead can come to anything else. */
  readonly isForced: boolean;
}

class Search<State, Input, Result, Timed extends TimedOperation<Input, Result>> {
  readonly #model: Model<State, Input, Result>;
  readonly #operations: readonly Timed[];
  /** Of the operations with a result. */
  readonly #timetable: Timetable;
  /** Those without, in the order of their calls. */
  readonly #pendings: readonly number[];
  /** By pending operation: the one before it that asks for the same. */
  readonly #twins: ReadonlyMap<number, number>;
  readonly #configuration: Configuration;
  readonly #visited = new Visited();
  readonly #places: Place<State>[] = [];
  #state: State;
  #stateKey: string;
  /** Operations that have a result and no place yet. */
  #open: number;
  #steps = 0;
  /** The candidate of the phase to go on with; null: none is left in it. */
  #candidate: number | null;
  #phase: Phase = "observations";
  #longest: Order<State> | null = null;

  constructor(model: Model<State, Input, Result>, operations: readonly Timed[]) {
    this.#model = model;
    this.#operations = operations;
    this.#timetable = new Timetable(operations);
    this.#twins = findTwins(operations);
    this.#pendings = [...operations.keys()].filter((operation) => this.#isPending(operation));
    this.#configuration = new Configuration(operations.map(({ result }) => result === null));
    this.#open = operations.length - this.#pendings.length;
    this.#state = model.initial;
    this.#stateKey = model.keyOf(model.initial);
    this.#candidate = this.#timetable.first();
  }

  run(budget: number): Verdict<State, Timed> {
    while (this.#open > 0) {
      if (this.#steps >= budget) return { type: "undecided", steps: this.#steps };
      if (!this.#advance() && !this.#retreat()) return this.#violation();
    }
    return { type: "linearizable", steps: this.#steps };
  }

  /** Gives a place to one operation. @returns false when none leads anywhere that has not been searched */
  #advance(): boolean {
    if (this.#phase === "observations") {
      const observation = this.#findObservation();
      if (observation !== null) return this.#place(observation, this.#state);
      this.#turnTo("known");
    }
    if (this.#phase === "known") {
      if (this.#advanceInPhase()) return true;
      this.#turnTo("pending");
    }
    return this.#advanceInPhase();
  }

  #turnTo(phase: Phase): void {
    this.#phase = phase;
    this.#candidate = phase === "pending" ? this.#pendingFrom(0) : this.#timetable.first();
  }

  /** @returns the next candidate of the phase */
  #after(operation: number): number | null {
    const isPending = this.#phase === "pending";
    return isPending ? this.#pendingFrom(this.#configuration.rankOf(operation) + 1) : this.#timetable.after(operation);
  }

  /** @returns the first pending operation without a place, from a rank on, that was called before any known one returned */
  #pendingFrom(rank: number): number | null {
    const first = this.#timetable.firstToReturn();
    const limit = first === null ? Number.POSITIVE_INFINITY : this.#operation(first).returned;
    for (let next = rank; next < this.#pendings.length; next++) {
      const operation = present(this.#pendings[next], "a pending operation");
      if (this.#operation(operation).invoked > limit) return null;
      if (!this.#configuration.has(operation)) return operation;
    }
    return null;
  }

  #advanceInPhase(): boolean {
    const first = this.#firstOrder();
    for (; this.#candidate !== null; this.#candidate = this.#after(this.#candidate)) {
      if (this.#orderOf(this.#candidate) > first) continue;
      const state = this.#step(this.#candidate, this.#state);
      if (state === null || (this.#isPending(this.#candidate) && this.#isIdle(this.#candidate, state))) continue;
      if (this.#wastesLast(this.#candidate, state)) continue;
      if (this.#place(this.#candidate, state)) return true;
    }
    return false;
  }

  /** Lowest order among the candidates. */
  #firstOrder(): number {
    let first = Number.POSITIVE_INFINITY;
    for (let candidate = this.#timetable.first(); candidate !== null; candidate = this.#timetable.after(candidate)) {
      const order = this.#orderOf(candidate);
      if (order > Number.NEGATIVE_INFINITY) first = Math.min(first, order);
    }
    return first;
  }

  /** Before all others where the model says nothing. */
  #orderOf(operation: number): number {
    const { input, result } = this.#operation(operation);
    return (result === null ? null : this.#model.orderOf(input, result)) ?? Number.NEGATIVE_INFINITY;
  }

  /** @returns an observation that holds here and leaves the state as it is */
  #findObservation(): number | null {
    for (let candidate = this.#candidate; candidate !== null; candidate = this.#timetable.after(candidate)) {
      if (!this.#isObservation(candidate)) continue;
      const state = this.#step(candidate, this.#state);
      if (state !== null && this.#model.keyOf(state) === this.#stateKey) return candidate;
    }
    return null;
  }

  #isObservation(operation: number): boolean {
    const { input, result } = this.#operation(operation);
    return result !== null && this.#model.isObservation(input, result);
  }

  /** Whether a pending operation, leading to `state`, is of no use here, or an equal one goes before it. */
  #isIdle(operation: number, state: State): boolean {
    const twin = this.#twins.get(operation);
    return (twin !== undefined && !this.#configuration.has(twin)) || this.#model.covers(this.#state, state);
  }

  /** Whether the last place is a pending operation's without which `operation` would come to `state`, or better, as well. */
  #wastesLast(operation: number, state: State): boolean {
    const last = this.#places.at(-1);
    if (last === undefined || !this.#isPending(last.operation)) return false;
    const without = this.#step(operation, last.stateBefore);
    return without !== null && this.#model.covers(without, state);
  }

  #step(operation: number, state: State): State | null {
    const { input, result } = this.#operation(operation);
    this.#steps += 1;
    return this.#model.step(state, input, result);
  }

  /** @returns false, nothing having changed, when the search has been where this leads */
  #place(operation: number, state: State): boolean {
    const key = this.#model.keyOf(state);
    this.#configuration.add(operation);
    if (!this.#visited.enter(`${this.#configuration.knownText()}${key}`, this.#configuration.pending())) {
      this.#configuration.remove(operation);
      return false;
    }
    const isForced = this.#phase === "observations";
    this.#places.push({ operation, stateBefore: this.#state, keyBefore: this.#stateKey, isForced });
    this.#timetable.lift(operation);
    if (!this.#isPending(operation)) this.#open -= 1;
    this.#enter(state, key);
    this.#turnTo("observations");
    return true;
  }

  /** Gives up the last place that was a choice, and those after it. @returns false when there is none */
  #retreat(): boolean {
    this.#remember();
    for (let place = this.#places.pop(); place !== undefined; place = this.#places.pop()) {
      const { operation, stateBefore, keyBefore, isForced } = place;
      const isPending = this.#isPending(operation);
      this.#timetable.putBack(operation);
      this.#configuration.remove(operation);
      if (!isPending) this.#open += 1;
      this.#enter(stateBefore, keyBefore);
      this.#phase = isPending ? "pending" : "known";
      this.#candidate = this.#after(operation);
      if (!isForced) return true;
    }
    return false;
  }

  #enter(state: State, key: string): void {
    this.#state = state;
    this.#stateKey = key;
  }

  /** Keeps the order that has placed the most operations with a result. */
  #remember(): void {
    if (this.#longest !== null && this.#longest.open <= this.#open) return;
    const blocked = present(this.#timetable.firstToReturn(), "an operation that returned and has no place");
    const order = this.#places.map(({ operation }) => operation);
    this.#longest = { order, open: this.#open, state: this.#state, blocked };
  }

  #violation(): Verdict<State, Timed> {
    const { order, state, blocked } = present(this.#longest, "the longest order");
    const prefix = order.map((operation) => this.#operation(operation));
    return { type: "violation", steps: this.#steps, prefix, state, blocked: this.#operation(blocked) };
  }

  #isPending(operation: number): boolean {
    return this.#operation(operation).result === null;
  }

  #operation(operation: number): Timed {
    return present(this.#operations[operation], `operation ${operation}`);
  }
}

/** What the candidates of a configuration are looked through for, in this order. */
type Phase = "observations" | "known" | "pending";

function findTwins(operations: readonly TimedOperation<unknown, unknown>[]): ReadonlyMap<number, number> {
  const twins = new Map<number, number>();
  const last = new Map<string, number>();
  for (const [operation, { input, result }] of operations.entries()) {
    if (result !== null) continue;
    const text = JSON.stringify(input);
    const twin = last.get(text);
    if (twin !== undefined) twins.set(operation, twin);
    last.set(text, operation);
  }
  return twins;
}

/** An order of operations, the state after it, and how it ended. */
interface Order<State> {
  readonly order: readonly number[];
  /** Operations with a result that have no place in it. */
  readonly open: number;
  readonly state: State;
  readonly blocked: number;
}
