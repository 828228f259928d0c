// One key as a sequential object, and what is concluded of writes whose answers were lost.

import assert from "node:assert/strict";
import { test } from "node:test";
import { concludeWrites } from "../../../../server/simulation/checkers/linearizability/evidence.ts";
import {
  type KeyInput,
  type KeyResult,
  type KeyState,
  keyModel,
} from "../../../../server/simulation/checkers/linearizability/key-value.ts";
import type { KeyOperation } from "./random-histories.ts";

const get: KeyInput = { type: "get" };

function put(value: string, ifModRevision: number | null = null): KeyInput {
  return { type: "put", value, ifModRevision };
}

function saw(value: string | null, modRevision: number): KeyResult {
  return { type: "read", shown: { modRevision, value } };
}

function after(...steps: readonly (readonly [KeyInput, KeyResult | null])[]): KeyState | null {
  return steps.reduce<KeyState | null>(
    (state, [input, result]) => (state === null ? null : keyModel.step(state, input, result)),
    keyModel.initial,
  );
}

test("a change whose revision nobody was told is settled by the first answer that shows it", () => {
  const settled = after([put("a"), null], [get, saw("a", 7)]);
  assert.deepEqual(settled, { value: "a", modRevision: 7, changedFrom: 7, notAt: [] });
  assert.equal(after([put("a"), null], [get, saw("a", 7)], [get, saw("a", 8)]), null);
  assert.equal(
    after([put("a"), { type: "written", revision: 7, before: "untold" }], [put("b"), null], [get, saw("b", 7)]),
    null,
  );
});

test("a refused condition tells where a change was not", () => {
  const refused = [put("x", 5), { type: "refused" }] as const;
  assert.equal(after([put("a"), null], refused, [get, saw("a", 5)]), null);
  assert.ok(after([put("a"), null], refused, [get, saw("a", 6)]) !== null);
  assert.equal(after([put("a"), null], [put("x", 0), null], [get, saw("x", 9)]), null);
});

test("a state covers another in which the change came later, not the other way round", () => {
  const early = after([put("a"), null]);
  const late = after([put("a"), null], [put("b"), null], [put("a"), null]);
  assert.ok(early !== null && late !== null);
  assert.deepEqual([keyModel.covers(early, late), keyModel.covers(late, early)], [true, false]);
  const elsewhere = after([put("a"), null], [put("x", 5), { type: "refused" }]);
  assert.ok(elsewhere !== null);
  assert.deepEqual([keyModel.covers(early, elsewhere), keyModel.covers(elsewhere, early)], [true, false]);
});

test("a write without an answer whose value was shown took effect before the first who saw it was answered", () => {
  const lost: KeyOperation = { input: put("a"), result: null, invoked: 1, returned: Number.POSITIVE_INFINITY };
  const reads = [
    { input: get, result: saw("a", 4), invoked: 5, returned: 9 },
    { input: get, result: saw("a", 4), invoked: 6, returned: 8 },
    { input: get, result: saw("a", 4), invoked: 7, returned: 10 },
  ];
  const answer = { type: "written", revision: 4, before: "untold" };
  assert.deepEqual(concludeWrites([lost, ...reads])[0], { ...lost, result: answer, returned: 8 });
});

test("nothing is concluded of a value that two wrote, or that was seen before it was written", () => {
  const lost: KeyOperation = { input: put("a"), result: null, invoked: 3, returned: Number.POSITIVE_INFINITY };
  const seen = { input: get, result: saw("a", 4), invoked: 5, returned: 9 };
  assert.deepEqual(concludeWrites([lost, lost, seen]), [lost, lost, seen]);
  const early = { ...seen, invoked: 1, returned: 2 };
  assert.deepEqual(concludeWrites([lost, early]), [lost, early]);
});

test("values that nobody was shown are one", () => {
  const lost: KeyOperation = { input: put("a", 3), result: null, invoked: 1, returned: Number.POSITIVE_INFINITY };
  const known: KeyOperation = { ...lost, input: put("b"), result: { type: "refused" }, returned: 2 };
  assert.deepEqual(concludeWrites([lost, known]), [{ ...lost, input: put("?", 3) }, known]);
});
