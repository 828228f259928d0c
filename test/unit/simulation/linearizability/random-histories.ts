// Histories of a sequential object whose operations overlap: each is invoked, takes effect and returns at drawn instants, and
// has the result of the moment at which it took effect. They are linearizable until something in them is changed.

import type { Random } from "../../../../proto/random.ts";
import type { KeyInput, KeyResult } from "../../../../server/simulation/checkers/linearizability/key-value.ts";
import type { TimedOperation } from "../../../../server/simulation/checkers/linearizability/model.ts";
import { applied, initialKey, isMet, type Key } from "./naive.ts";
import { type RegisterInput, type RegisterOperation, type RegisterResult, register } from "./register.ts";

export type KeyOperation = TimedOperation<KeyInput, KeyResult>;

interface Shape {
  readonly operations: number;
  /** How many of them are under way at once, about. */
  readonly overlap: number;
  readonly pendingProbability: number;
}

/** An interval, and the instant at which the operation takes effect; null: never. */
interface Instants {
  readonly invoked: number;
  readonly returned: number;
  readonly effect: number | null;
}

/** In the order in which they take effect. */
function drawInstants(random: Random, { operations, overlap, pendingProbability }: Shape): readonly Instants[] {
  const instants = Array.from({ length: operations }, (_, position): Instants => {
    const invoked = position + random.fraction();
    const length = random.fraction() * 2 * overlap;
    const effect = invoked + random.fraction() * length;
    if (!random.chance(pendingProbability)) return { invoked, returned: invoked + length, effect };
    const late = invoked + random.fraction() * operations;
    return { invoked, returned: Number.POSITIVE_INFINITY, effect: random.chance(0.3) ? null : late };
  });
  return instants.sort((left, right) => (left.effect ?? left.invoked) - (right.effect ?? right.invoked));
}

/** @param values numbers that are written, or null for a new one each time */
export function drawRegisterHistory(random: Random, shape: Shape, values: number | null): RegisterOperation[] {
  let state = register.initial;
  let last = 0;
  const value = () => (values === null ? ++last : random.between(1, values));
  return drawInstants(random, shape).map(({ invoked, returned, effect }) => {
    const input = drawRegisterInput(random, { value, seen: state.value ?? 0 });
    const result = registerResult(state, input);
    if (effect !== null) state = register.step(state, input, null) ?? state;
    return { input, result: returned === Number.POSITIVE_INFINITY ? null : result, invoked, returned };
  });
}

function drawRegisterInput(random: Random, { value, seen }: { value: () => number; seen: number }): RegisterInput {
  const kind = random.between(1, 10);
  if (kind <= 4) return { type: "read" };
  if (kind <= 7) return { type: "write", value: value() };
  return { type: "cas", from: random.chance(0.6) ? seen : random.between(1, 4), to: value() };
}

function registerResult({ value }: { readonly value: number | null }, input: RegisterInput): RegisterResult {
  if (input.type === "read") return { type: "read", value };
  return { type: input.type === "write" || input.from === value ? "written" : "refused" };
}

/** Values are nearly always new. */
export function drawKeyHistory(random: Random, shape: Shape): KeyOperation[] {
  let key = initialKey;
  let revision = 1;
  let last = 0;
  return drawInstants(random, shape).map(({ invoked, returned, effect }) => {
    // Other keys of the group change as well.
    revision += random.between(1, 2);
    if (last === 0 || random.chance(0.85)) last += 1;
    const input = drawKeyInput(random, key, `v${last}`);
    const result = keyResult(random, { key, input, revision });
    const isAllowed = input.type === "get" || isMet(key, input.ifModRevision);
    if (effect !== null && isAllowed) key = applied(key, input, revision)[0] ?? key;
    return { input, result: returned === Number.POSITIVE_INFINITY ? null : result, invoked, returned };
  });
}

function drawKeyInput(random: Random, { kv }: Key, value: string): KeyInput {
  const kind = random.between(1, 10);
  if (kind <= 4) return { type: "get" };
  const guess = random.chance(0.6) ? (kv?.modRevision ?? 0) : random.between(0, 6);
  const ifModRevision = random.chance(0.4) ? guess : null;
  return kind <= 8 ? { type: "put", value, ifModRevision } : { type: "delete", ifModRevision };
}

interface Moment {
  readonly key: Key;
  readonly input: KeyInput;
  readonly revision: number;
}

function keyResult(random: Random, { key, input, revision }: Moment): KeyResult {
  const { kv } = key;
  const shown = kv === null ? null : { ...kv, value: random.chance(0.2) ? null : kv.value };
  if (input.type === "get") return { type: "read", shown };
  if (!isMet(key, input.ifModRevision)) return { type: "refused" };
  return { type: "written", revision, before: random.chance(0.5) ? "untold" : shown };
}
