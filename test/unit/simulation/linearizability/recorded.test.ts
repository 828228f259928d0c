// The recorded histories of one register, each with the verdict that is known of it, and what is made of them by one wrong
// answer. They lie beside the project; without them these tests say so and are skipped.

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Random } from "../../../../proto/random.ts";
import { checkLinearizable } from "../../../../server/simulation/checkers/linearizability/checker.ts";
import { isLinearizable, registerRules } from "./naive.ts";
import { parseHistory, type Recorded, readRecorded } from "./recorded.ts";
import { type RegisterOperation, register } from "./register.ts";

const budget = 5_000_000;

function recordedOrSkip(context: TestContext): readonly Recorded[] {
  const recorded = readRecorded();
  if (recorded !== null) return recorded;
  context.skip("NOT CHECKED: no recorded histories in ../shared/vectors/histories");
  return [];
}

function typeOf(history: readonly RegisterOperation[]): string {
  return checkLinearizable(register, history, { budget }).type;
}

test("every recorded history has its known verdict", (context) => {
  const recorded = recordedOrSkip(context);
  for (const { name, history, isLinearizable: isGood } of recorded) {
    assert.ok(history.length > 20, `${name} has ${history.length} operations`);
    assert.equal(typeOf(history), isGood ? "linearizable" : "violation", name);
  }
  const good = recorded.filter(({ isLinearizable: isGood }) => isGood).length;
  if (recorded.length > 0) assert.ok(recorded.length >= 50 && good >= 10, `${good} of ${recorded.length} are good`);
  context.diagnostic(`${recorded.length} histories, ${good} of them linearizable`);
});

test("a good recorded history in which one read shows what nobody wrote is a violation, whichever read it is", (context) => {
  for (const { name, history } of recordedOrSkip(context).filter(({ isLinearizable: isGood }) => isGood)) {
    for (const [position, { result }] of history.entries()) {
      if (result?.type !== "read") continue;
      const changed = history.with(position, { ...mustGet(history, position), result: { type: "read", value: 99 } });
      assert.equal(typeOf(changed), "violation", `${name}, operation ${position}`);
    }
  }
});

test("the first operations of recorded histories, with one answer changed, have the verdict of the definition", (context) => {
  const random = new Random(5);
  let broken = 0;
  for (const { name, history } of recordedOrSkip(context)) {
    for (let round = 0; round < 40; round++) {
      const changed = changeOne(random, firstOf(history, random.between(3, 7)));
      const expected = isLinearizable(registerRules, changed);
      if (!expected) broken += 1;
      assert.equal(typeOf(changed), expected ? "linearizable" : "violation", `${name}: ${JSON.stringify(changed)}`);
    }
  }
  context.diagnostic(`${broken} of the changes broke a history`);
});

test("lines of a recorded history are events of one process each", () => {
  const lines = ["0\t:invoke\t:write\t3", "1 :invoke :read nil", "0 :ok :write 3", "1 :fail :read :timed-out"];
  const more = ["2 :invoke :cas [3 4]", "2 :fail :cas [3 4]", "3 :invoke :cas [1 2]", "3 :info :cas :timed-out"];
  const cas = (from: number, to: number) => ({ type: "cas", from, to }) as const;
  assert.deepEqual(parseHistory(["INFO  tool - ", ""].join("") + [...lines, ...more].join("\nINFO  tool - ")), [
    { input: { type: "write", value: 3 }, result: { type: "written" }, invoked: 0, returned: 2 },
    { input: cas(3, 4), result: { type: "refused" }, invoked: 4, returned: 5 },
    { input: cas(1, 2), result: null, invoked: 6, returned: Number.POSITIVE_INFINITY },
  ]);
  assert.throws(() => parseHistory("0 :ok :write 3"), /nothing to end/);
});

/** Those that were invoked first; what had not returned by then is left without a result. */
function firstOf(history: readonly RegisterOperation[], count: number): RegisterOperation[] {
  const inOrder = [...history].sort((left, right) => left.invoked - right.invoked);
  const cutAt = mustGet(inOrder, count).invoked;
  return inOrder.slice(0, count).map((operation) => {
    const isOpen = operation.returned >= cutAt;
    return isOpen ? { ...operation, result: null, returned: Number.POSITIVE_INFINITY } : operation;
  });
}

function changeOne(random: Random, history: readonly RegisterOperation[]): readonly RegisterOperation[] {
  const position = random.between(0, history.length - 1);
  const operation = mustGet(history, position);
  if (operation.result === null) return history;
  if (operation.input.type === "read") {
    const value = random.pick([null, 0, 1, 2, 3, 4]);
    return history.with(position, { ...operation, result: { type: "read", value } });
  }
  if (operation.input.type === "write") return history.filter((_, other) => other !== position);
  const type = operation.result.type === "written" ? "refused" : "written";
  return history.with(position, { ...operation, result: { type } });
}

function mustGet<Item>(items: readonly Item[], position: number): Item {
  const item = items[position];
  assert.ok(item !== undefined, `item ${position}`);
  return item;
}
