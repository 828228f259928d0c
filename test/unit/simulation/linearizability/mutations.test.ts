// What a broken database does to a history, done to good ones: a checker that does not find it is of no use. In histories of
// 200 operations a change counts only when it surely breaks the history, by how it was chosen: values are written once, and
// what is shown had certainly been replaced, or was never there.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Random } from "../../../../proto/random.ts";
import { checkLinearizable } from "../../../../server/simulation/checkers/linearizability/checker.ts";
import { keyModel } from "../../../../server/simulation/checkers/linearizability/key-value.ts";
import { drawKeyHistory, drawRegisterHistory, type KeyOperation } from "./random-histories.ts";
import { type RegisterOperation, register } from "./register.ts";

const budget = 200_000;
const rounds = 150;
const shape = { operations: 200, overlap: 3, pendingProbability: 0.05 };

/** @returns null where the history has no place for such a change */
type Mutation<Operation> = (random: Random, history: readonly Operation[]) => readonly Operation[] | null;

interface Score {
  readonly found: number;
  readonly made: number;
}

function scoreOf<Operation>(
  draw: (random: Random) => readonly Operation[],
  mutation: Mutation<Operation>,
  check: (history: readonly Operation[]) => string,
): Score {
  const random = new Random(11);
  const score = { found: 0, made: 0 };
  for (let round = 0; round < rounds; round++) {
    const history = draw(random);
    assert.equal(check(history), "linearizable", `round ${round}`);
    const changed = mutation(random, history);
    if (changed === null) continue;
    score.made += 1;
    if (check(changed) === "violation") score.found += 1;
  }
  return score;
}

function assertFound({ found, made }: Score): void {
  assert.ok(made >= rounds / 5, `made ${made}`);
  assert.ok(found >= 0.99 * made, `found ${found} of ${made}`);
}

interface Interval {
  readonly invoked: number;
  readonly returned: number;
}

const isBefore = (left: Interval, right: Interval) => left.returned < right.invoked;

/** Pairs of a write and an observation such that another write certainly came in between. */
function staleAt<Operation extends Interval>(
  history: readonly Operation[],
  isWrite: (operation: Operation) => boolean,
  isRead: (operation: Operation) => boolean,
): readonly (readonly [position: number, old: Operation])[] {
  const writes = history.filter(isWrite);
  return [...history.entries()]
    .filter(([, operation]) => isRead(operation))
    .flatMap(([position, reading]) => {
      const newer = writes.filter((write) => isBefore(write, reading));
      const old = writes.find((write) => newer.some((replacing) => isBefore(write, replacing)));
      return old === undefined ? [] : [[position, old] as const];
    });
}

test("registers: a read that shows a value which had been replaced is found", () => {
  const stale: Mutation<RegisterOperation> = (random, history) => {
    const isWrite = ({ input, result }: RegisterOperation) => input.type === "write" && result !== null;
    const places = staleAt(history, isWrite, ({ result }) => result?.type === "read");
    const [position, old] = random.pick(places);
    const value = old.input.type === "write" ? old.input.value : null;
    return history.map((operation, at) =>
      at === position ? { ...operation, result: { type: "read", value } } : operation,
    );
  };
  assertFound(scoreOf(drawRegister, stale, checkRegister));
});

test("registers: a read that shows a value which nobody wrote is found", () => {
  const wrong: Mutation<RegisterOperation> = (random, history) => {
    const reads = [...history.keys()].filter((at) => history[at]?.result?.type === "read");
    const position = random.pick(reads);
    const result = { type: "read", value: -1 } as const;
    return history.map((operation, at) => (at === position ? { ...operation, result } : operation));
  };
  assertFound(scoreOf(drawRegister, wrong, checkRegister));
});

test("registers: a write that was read and is in no history is found", () => {
  const lost: Mutation<RegisterOperation> = (random, history) => {
    const shown = new Set(history.map(({ result }) => (result?.type === "read" ? result.value : null)));
    const isShown = ({ input }: RegisterOperation) => input.type === "write" && shown.has(input.value);
    const read = history.filter(isShown);
    const write = read.length === 0 ? null : random.pick(read);
    return write === null ? null : history.filter((operation) => operation !== write);
  };
  assertFound(scoreOf(drawRegister, lost, checkRegister));
});

test("keys: a get that shows what had been replaced, as it was, is found", () => {
  const stale: Mutation<KeyOperation> = (random, history) => {
    const isWrite = ({ input, result }: KeyOperation) => input.type === "put" && result?.type === "written";
    const [position, old] = random.pick(
      staleAt(history, isWrite, ({ input, result }) => input.type === "get" && result !== null),
    );
    if (old.input.type !== "put" || old.result?.type !== "written") return null;
    const shown = { modRevision: old.result.revision, value: old.input.value };
    return history.map((operation, at) =>
      at === position ? { ...operation, result: { type: "read", shown } } : operation,
    );
  };
  assertFound(scoreOf(drawKey, stale, checkKey));
});

test("keys: an acknowledged write that left nothing behind is found by a get after everything", () => {
  const lost: Mutation<KeyOperation> = (_random, history) => {
    const write = history.findLast(({ input, result }) => input.type === "put" && result?.type === "written");
    const invoked = write?.invoked ?? 0;
    const isDeleted = history.some(({ input, returned }) => input.type === "delete" && returned >= invoked);
    if (write === undefined || isDeleted) return null;
    const ended = Math.max(...history.map(({ returned }) => returned));
    const result = { type: "read", shown: null } as const;
    return [...history, { input: { type: "get" }, result, invoked: ended + 1, returned: ended + 2 }];
  };
  assertFound(scoreOf(drawAnswered, lost, checkKey));
});

test("keys: a write that took effect on a condition which never held is found", () => {
  const careless: Mutation<KeyOperation> = (random, history) => {
    const isConditional = ({ input, result }: KeyOperation) =>
      input.type === "put" && (input.ifModRevision ?? 0) > 0 && result?.type === "written";
    const conditional = history.filter(isConditional);
    if (conditional.length === 0) return null;
    const chosen = random.pick(conditional);
    const { input } = chosen;
    // One that another key of the group was changed at.
    const revisions = new Set(history.map(({ result }) => (result?.type === "written" ? result.revision : 0)));
    const ifModRevision = Array.from({ length: 50 }, (_, at) => at + 2).find((revision) => !revisions.has(revision));
    if (input.type !== "put" || ifModRevision === undefined) return null;
    return history.map((operation) =>
      operation === chosen ? { ...chosen, input: { ...input, ifModRevision } } : operation,
    );
  };
  assertFound(scoreOf(drawAnswered, careless, checkKey));
});

function drawRegister(random: Random): readonly RegisterOperation[] {
  return drawRegisterHistory(random, shape, null);
}

function drawKey(random: Random): readonly KeyOperation[] {
  return drawKeyHistory(random, shape);
}

/** Every operation has its result. */
function drawAnswered(random: Random): readonly KeyOperation[] {
  return drawKeyHistory(random, { ...shape, pendingProbability: 0 });
}

function checkRegister(history: readonly RegisterOperation[]): string {
  return checkLinearizable(register, history, { budget }).type;
}

function checkKey(history: readonly KeyOperation[]): string {
  return checkLinearizable(keyModel, history, { budget }).type;
}
