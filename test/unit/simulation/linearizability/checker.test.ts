// The checker against the definition, on thousands of histories that are small enough for it, and on single cases by hand.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Random } from "../../../../proto/random.ts";
import { checkLinearizable } from "../../../../server/simulation/checkers/linearizability/checker.ts";
import { concludeWrites } from "../../../../server/simulation/checkers/linearizability/evidence.ts";
import { keyModel } from "../../../../server/simulation/checkers/linearizability/key-value.ts";
import { isLinearizable, keyRules, registerRules } from "./naive.ts";
import { drawKeyHistory, drawRegisterHistory, type KeyOperation } from "./random-histories.ts";
import { type RegisterInput, type RegisterOperation, type RegisterResult, register } from "./register.ts";

const budget = 1_000_000;
const forever = Number.POSITIVE_INFINITY;

/** Pairs of instants, an input, and a result: as short as a case can be told. */
function operation(
  [invoked, returned]: readonly [number, number],
  input: RegisterInput,
  result: RegisterResult | null,
): RegisterOperation {
  return { invoked, returned, input, result };
}

const wrote = { type: "written" } as const;
const write = (value: number) => ({ type: "write", value }) as const;
const read = { type: "read" } as const;
const saw = (value: number | null) => ({ type: "read", value }) as const;

test("a history of nothing, and one of operations that nobody was told of, is linearizable", () => {
  assert.equal(checkLinearizable(register, [], { budget }).type, "linearizable");
  const pending = [operation([1, forever], write(1), null), operation([2, forever], write(2), null)];
  assert.equal(checkLinearizable(register, pending, { budget }).type, "linearizable");
});

test("a stale read is a violation, told with the longest order and the read that has no place", () => {
  const history = [
    operation([1, 2], write(1), wrote),
    operation([3, 4], write(2), wrote),
    operation([5, 6], read, saw(1)),
    operation([7, 8], read, saw(2)),
  ];
  const verdict = checkLinearizable(register, history, { budget });
  assert.ok(verdict.type === "violation");
  assert.deepEqual(verdict.prefix, history.slice(0, 2));
  assert.deepEqual(verdict.state, { value: 2 });
  assert.equal(verdict.blocked, history[2]);
});

test("operations that touch at one instant may have been in either order", () => {
  const history = [operation([1, 2], write(1), wrote), operation([2, 3], read, saw(null))];
  assert.equal(checkLinearizable(register, history, { budget }).type, "linearizable");
});

test("a write without an answer explains reads at any later time, once", () => {
  const lost = operation([1, forever], write(9), null);
  const around = (...seen: readonly number[]) => [
    lost,
    operation([2, 3], write(1), wrote),
    ...seen.map((value, index) => operation([10 + 2 * index, 11 + 2 * index], read, saw(value))),
  ];
  assert.equal(checkLinearizable(register, around(1, 1, 9, 9), { budget }).type, "linearizable");
  assert.equal(checkLinearizable(register, around(1, 9, 1), { budget }).type, "violation");
});

test("a write of what is there already can still be needed later", () => {
  const history = [
    operation([1, 2], write(3), wrote),
    operation([3, 20], write(3), wrote),
    operation([4, 15], write(5), wrote),
    operation([5, 6], read, saw(3)),
    operation([16, 17], read, saw(3)),
    operation([7, 8], read, saw(5)),
  ];
  assert.equal(checkLinearizable(register, history, { budget }).type, "linearizable");
});

test("a search that has used up its budget is undecided, at the same step every time", () => {
  const random = new Random(1);
  const history = drawRegisterHistory(random, { operations: 60, overlap: 20, pendingProbability: 0.3 }, 3);
  const steps = checkLinearizable(register, history, { budget }).steps;
  assert.equal(checkLinearizable(register, history, { budget }).steps, steps);
  const verdict = checkLinearizable(register, history, { budget: 10 });
  assert.equal(verdict.type, "undecided");
  assert.ok(verdict.steps >= 10 && verdict.steps < steps, `${verdict.steps} of ${steps}`);
});

test("an operation with a result that never returned is refused", () => {
  assert.throws(() => checkLinearizable(register, [operation([1, forever], write(1), wrote)], { budget }));
  assert.throws(() => checkLinearizable(register, [operation([2, 1], write(1), wrote)], { budget }));
});

test("registers: the verdict is that of the definition on 12,000 histories of up to 6 operations", () => {
  const random = new Random(7);
  const counts = { yes: 0, no: 0 };
  for (let round = 0; round < 12_000; round++) {
    const shape = { operations: random.between(1, 6), overlap: random.pick([0.5, 2, 4]), pendingProbability: 0.2 };
    const history = distort(random, drawRegisterHistory(random, shape, random.pick([2, 3])));
    const expected = isLinearizable(registerRules, history);
    const { type } = checkLinearizable(register, history, { budget });
    assert.equal(type, expected ? "linearizable" : "violation", JSON.stringify(history));
    counts[expected ? "yes" : "no"] += 1;
  }
  assert.ok(Math.min(counts.yes, counts.no) > 2_500, JSON.stringify(counts));
});

test("keys: the verdict is that of the definition on 8,000 histories of up to 6 operations", () => {
  const random = new Random(8);
  const counts = { yes: 0, no: 0 };
  for (let round = 0; round < 8_000; round++) {
    // Each that is pending makes the definition try every revision.
    const [most, pendingProbability] = random.pick([
      [6, 0.15],
      [4, 0.5],
    ] as const);
    const shape = { operations: random.between(1, most), overlap: random.pick([0.5, 2, 4]), pendingProbability };
    const history = distortKey(random, drawKeyHistory(random, shape));
    const expected = isLinearizable(keyRules(14), history);
    for (const told of [history, concludeWrites(history)]) {
      const { type } = checkLinearizable(keyModel, told, { budget });
      assert.equal(type, expected ? "linearizable" : "violation", JSON.stringify(history));
    }
    counts[expected ? "yes" : "no"] += 1;
  }
  assert.ok(Math.min(counts.yes, counts.no) > 2_500, JSON.stringify(counts));
});

/** Changes results at random, some of them. */
function distort(random: Random, history: RegisterOperation[]): RegisterOperation[] {
  return history.map((drawn): RegisterOperation => {
    const { input, result } = drawn;
    if (result === null || !random.chance(0.25)) return drawn;
    if (input.type === "read") return { ...drawn, result: saw(random.pick([null, 1, 2, 3])) };
    return input.type === "cas" ? { ...drawn, result: random.pick([wrote, { type: "refused" }]) } : drawn;
  });
}

function distortKey(random: Random, history: KeyOperation[]): KeyOperation[] {
  const values = history.map(({ input }) => (input.type === "put" ? input.value : null));
  return history.map((drawn): KeyOperation => {
    const { input, result } = drawn;
    if (result === null || !random.chance(0.3)) return drawn;
    const kv = { modRevision: random.between(2, 9), value: random.pick(values) };
    if (input.type === "get") return { ...drawn, result: { type: "read", shown: random.pick([null, kv, kv]) } };
    const revision = result.type === "written" && random.chance(0.5) ? result.revision : random.between(2, 9);
    const written = { type: "written", revision, before: random.pick(["untold", null, kv] as const) } as const;
    return { ...drawn, result: random.pick([written, { type: "refused" } as const]) };
  });
}
