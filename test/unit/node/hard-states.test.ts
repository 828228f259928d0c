import assert from "node:assert/strict";
import { test } from "node:test";
import { toGroupId, toIncarnation, toLogIndex, toMemberId, toNodeId, toTerm } from "../../../proto/ids.ts";
import { HardStates } from "../../../server/node/hard-states.ts";

const key = { group: toGroupId("rg"), incarnation: toIncarnation(1), member: toMemberId(1) };
const other = { ...key, group: toGroupId("other") };

test("the row of a member that is gone stays in the table until it is durable that it is gone", () => {
  const states = new HardStates([]);
  states.set(key, { term: toTerm(1), vote: toNodeId("n1"), standIn: null });
  states.set(other, { term: toTerm(2), vote: null, standIn: null });
  const groups = () => states.table().map(({ group }) => group);
  states.settled();
  states.retire(key, 7);
  states.durable(6);
  assert.deepEqual([groups(), states.isSettled], [["rg", "other"], true]);
  states.durable(8);
  assert.deepEqual([groups(), states.isSettled], [["other"], false]);
});

test("a row in which nothing changes is the same object in the next table, and any change makes another", () => {
  const states = new HardStates([]);
  const standIn = { term: 1, subterm: 1, owners: [toNodeId("n1")] };
  const state = { term: toTerm(1), vote: toNodeId("n1"), standIn: null };
  const changes = [
    () => states.set(key, state),
    () => states.set(key, { ...state, term: toTerm(2) }),
    () => states.set(key, { ...state, term: toTerm(2), vote: null }),
    () => states.set(key, { ...state, term: toTerm(2), vote: null, standIn }),
    () => states.acknowledge(key, toLogIndex(7)),
  ];
  states.set(other, state);
  for (const change of changes) {
    const before = states.table();
    change();
    const after = states.table();
    assert.equal(after[0], before[0]);
    assert.notEqual(after[1], before[1]);
    change();
    assert.equal(states.table()[1], after[1]);
  }
  assert.deepEqual(states.get(key), { ...key, term: 2, vote: null, standIn, acknowledged: 7 });
});
