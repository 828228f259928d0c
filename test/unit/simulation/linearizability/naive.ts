// Linearizability by its definition, for histories of a few operations: every order that real time allows is tried, with
// every choice of operations without a result left out. No memory, no short cut: what the checker is measured by.

import { unreachable } from "../../../../proto/assert.ts";
import type { KeyInput, KeyResult, Shown } from "../../../../server/simulation/checkers/linearizability/key-value.ts";
import type { TimedOperation } from "../../../../server/simulation/checkers/linearizability/model.ts";
import { type RegisterInput, type RegisterResult, register } from "./register.ts";

/** All states that an operation with this result may lead to. */
interface Rules<State, Input, Result> {
  readonly initial: State;
  readonly outcomes: (state: State, input: Input, result: Result | null) => readonly State[];
}

export function isLinearizable<State, Input, Result>(
  rules: Rules<State, Input, Result>,
  history: readonly TimedOperation<Input, Result>[],
): boolean {
  const search = (state: State, left: readonly TimedOperation<Input, Result>[]): boolean => {
    if (left.every(({ result }) => result === null)) return true;
    return left.some((operation) => {
      const others = left.filter((other) => other !== operation);
      if (others.some(({ returned }) => returned < operation.invoked)) return false;
      return rules.outcomes(state, operation.input, operation.result).some((next) => search(next, others));
    });
  };
  return search(rules.initial, history);
}

export const registerRules: Rules<{ readonly value: number | null }, RegisterInput, RegisterResult> = {
  initial: register.initial,
  outcomes: (state, input, result) => {
    const next = register.step(state, input, result);
    return next === null ? [] : [next];
  },
};

/** A key as it is: always at one revision. */
export interface Key {
  readonly kv: { readonly modRevision: number; readonly value: string } | null;
  readonly changed: number;
}

export const initialKey: Key = { kv: null, changed: 1 };

/** @param revisionMax of any change in the history, told or not */
export function keyRules(revisionMax: number): Rules<Key, KeyInput, KeyResult> {
  const revisions = Array.from({ length: revisionMax }, (_, index) => index + 1);
  return { initial: initialKey, outcomes: (key, input, result) => keyOutcomes(key, { input, result, revisions }) };
}

interface KeyOperation {
  readonly input: KeyInput;
  readonly result: KeyResult | null;
  /** That a change may have been at, when nobody was told of it. */
  readonly revisions: readonly number[];
}

function keyOutcomes(key: Key, { input, result, revisions }: KeyOperation): readonly Key[] {
  const isAllowed = input.type === "get" || isMet(key, input.ifModRevision);
  if (result === null) return isAllowed ? revisions.flatMap((revision) => applied(key, input, revision)) : [];
  switch (result.type) {
    case "read":
      return shows(key, result.shown) ? [key] : [];
    case "refused":
      return isAllowed ? [] : [key];
    case "written":
      if (!isAllowed || (result.before !== "untold" && !shows(key, result.before))) return [];
      return applied(key, input, result.revision);
    default:
      return unreachable(result);
  }
}

/** What a write makes of the key at `revision`; nothing when that is over. */
export function applied(key: Key, input: KeyInput, revision: number): readonly Key[] {
  if (input.type === "get" || (input.type === "delete" && key.kv === null)) return [key];
  if (revision <= key.changed) return [];
  const kv = input.type === "put" ? { modRevision: revision, value: input.value } : null;
  return [{ kv, changed: revision }];
}

export function isMet({ kv }: Key, ifModRevision: number | null): boolean {
  return ifModRevision === null || ifModRevision === (kv?.modRevision ?? 0);
}

function shows({ kv }: Key, shown: Shown): boolean {
  if (kv === null || shown === null) return kv === shown;
  return kv.modRevision === shown.modRevision && (shown.value === null || shown.value === kv.value);
}
