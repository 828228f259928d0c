// What a group does where a transaction, or a deletion, has more keys to look at than it may.

import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeGroupCommand } from "../../../proto/codec/commands.ts";
import type { GroupCommand } from "../../../proto/commands.ts";
import { toGroupId, toIncarnation, toLogIndex, toNodeId, toTerm } from "../../../proto/ids.ts";
import type { Operation } from "../../../proto/transactions.ts";
import { type GroupOutcome, GroupState } from "../../../server/node/group-state.ts";
import { limits } from "../../../server/node/limits.ts";
import { answerRecalled } from "../../../server/node/recall.ts";
import { writesOf } from "../../../server/txn/operations.ts";
import { emptyBytes } from "../../../storage/bytes.ts";
import * as txn from "../txn/fixtures.ts";

const object = { group: toGroupId("rg"), incarnation: toIncarnation(1), owners: [toNodeId("n1")], config: emptyBytes };
const everything = txn.spanOf("k");
const removeAll: Operation = { type: "delete", span: everything, returnPrevious: false };
const isOld = txn.spanIs(everything, "less", { type: "version", number: 9 });
const count = txn.list(everything, 1, { keysOnly: true, countOnly: true });
const refused = ["refused", "invalid_argument"];

let state: GroupState;
let index = 0;

function hold(keys: number): void {
  state = GroupState.genesis(object, 1);
  const names = Array.from({ length: keys }, (_, at) => `k${String(at).padStart(6, "0")}`);
  state.mvcc.apply(writesOf(names.map((name) => txn.put(name, ""))));
}

function apply(command: GroupCommand): GroupOutcome {
  index += 1;
  return state.applyEntry({
    index: toLogIndex(index),
    term: toTerm(1),
    payload: encodeGroupCommand(command),
  });
}

function outcomeOf(command: GroupCommand): readonly string[] {
  const outcome = apply(command);
  return outcome.type === "refused" ? [outcome.type, outcome.failure.code] : [outcome.type];
}

const transact = (part: Parameters<typeof txn.partOf>[0]): GroupCommand => ({
  type: "transact",
  part: txn.partOf(part),
});
const id = { group: toGroupId("other"), incarnation: toIncarnation(1), index: toLogIndex(7) };
const prepare = (part: Parameters<typeof txn.partOf>[0]): GroupCommand => {
  return { type: "prepare", id, part: txn.partOf(part), floor: toLogIndex(0) };
};
const remove = (returnsRemoved: boolean): GroupCommand => {
  return { type: "write", compares: [], fence: null, writes: [{ type: "delete", span: everything }], returnsRemoved };
};

test("a transaction that has more keys to look at than the limit is refused, and so is its part in one of several groups", () => {
  hold(limits.transactionKeysMax + 1);
  const writes = [txn.put("a", "1")];
  assert.deepEqual(outcomeOf(transact({ success: [removeAll, ...writes] })), refused);
  assert.deepEqual(outcomeOf(transact({ comparisons: [isOld], success: writes })), refused);
  assert.deepEqual(outcomeOf(prepare({ success: [removeAll] })), refused);
  assert.deepEqual(outcomeOf(prepare({ comparisons: [isOld], failure: writes })), refused);
  assert.deepEqual(outcomeOf(remove(true)), refused);
  assert.deepEqual([state.mvcc.revision, state.transactions.holdsKeys], [2, false]);
  assert.deepEqual(state.answer(txn.partOf({ comparisons: [isOld] })).type, "refused");
});

test("comparisons and operations of a transaction look at the limit's keys together", () => {
  hold(limits.transactionKeysMax / 2);
  const writes = [txn.put("a", "1")];
  assert.deepEqual(
    outcomeOf(transact({ comparisons: [isOld, isOld], success: [...writes, txn.list(everything)] })),
    refused,
  );
  assert.deepEqual(outcomeOf(transact({ comparisons: [isOld, isOld], success: writes })), ["transacted"]);
  assert.deepEqual(outcomeOf(transact({ comparisons: [isOld], success: [removeAll] })), ["transacted"]);
  assert.equal(state.mvcc.keyCount, 1);
});

test("however many keys there are, they are counted, listed by the page, and deleted where nobody is to be told which", () => {
  hold(limits.transactionKeysMax + 1);
  const success = [...Array.from({ length: 127 }, () => count), txn.list(everything, 10)];
  const outcome = apply(transact({ success }));
  const counts =
    outcome.type === "transacted" ? outcome.results.map((result) => result.type === "list" && result.count) : [];
  assert.deepEqual(new Set(counts), new Set([limits.transactionKeysMax + 1]));
  assert.deepEqual(outcomeOf(remove(false)), ["written"]);
  assert.equal(state.mvcc.keyCount, 0);
});

test("who asks once more for counts that would take too many keys to look back at is told that it was carried out", () => {
  hold(limits.transactionKeysMax + 1);
  const part = txn.partOf({ success: [count, txn.put("a", "1")] });
  const { revision } = apply({ type: "transact", part }) as GroupOutcome & { readonly type: "transacted" };
  const header = { group: part.group, incarnation: object.incarnation, revision, node: toNodeId("n1"), stale: false };
  const answer = {
    identity: { session: "s", sequence: 1 },
    digest: "",
    incarnation: object.incarnation,
    index: toLogIndex(index),
    outcome: { type: "transacted", succeeded: true, revision, isMade: true },
  } as const;
  const again = answerRecalled({ type: "transact", group: part.group, parts: [part] }, answer, state, header);
  assert.deepEqual(again.type === "failed" && [again.failure.code, again.failure.effect], ["compacted", "unknown"]);
});
