import { strict as assert } from "node:assert";
import { test } from "node:test";
import { encodeControl } from "../../../proto/codec/control.ts";
import { type NodeId, toLogIndex } from "../../../proto/ids.ts";
import { firstConfiguration } from "../../../proto/membership.ts";
import type { Entry } from "../../../proto/raft.ts";
import { Configurations, compareMarks } from "../../../server/raft/configurations.ts";
import { entries, id, n1, n2, n3, n4 } from "./fixtures.ts";

const ix = toLogIndex;
const founders = firstConfiguration([n1, n2, n3]);

function members(term: number, index: number, owners: readonly NodeId[]): Entry {
  const { membership } = firstConfiguration(owners);
  return { ...id(term, index), payload: encodeControl({ type: "membership", membership }) };
}

function subterm(term: number, index: number, value: number): Entry {
  return { ...id(term, index), payload: encodeControl({ type: "subterm", subterm: value }) };
}

const ownersOf = ({ current }: Configurations) => current.membership.owners;

test("a membership is in force as soon as it is in the log, and forgotten when it is cut off", () => {
  const configurations = new Configurations(founders, ix(0), []);
  assert.equal(configurations.appended([...entries(1, [1, 1]), members(1, 3, [n1, n2])]), true);
  assert.deepEqual([ownersOf(configurations), configurations.changedAt], [[n1, n2], 3]);
  assert.equal(configurations.truncatedAfter(ix(3)), false);
  assert.equal(configurations.truncatedAfter(ix(2)), true);
  assert.deepEqual([ownersOf(configurations), configurations.changedAt], [[n1, n2, n3], 0]);
});

test("a start finds the newest membership behind what is applied (R8)", () => {
  const log = [members(1, 4, [n1, n4]), ...entries(5, [1])];
  assert.deepEqual(ownersOf(new Configurations(founders, ix(3), log)), [n1, n4]);
});

test("what is committed is never cut off", () => {
  const configurations = new Configurations(founders, ix(0), [members(1, 2, [n1, n2]), members(1, 3, [n1])]);
  configurations.committed(ix(2));
  configurations.truncatedAfter(ix(2));
  assert.deepEqual(ownersOf(configurations), [n1, n2]);
  assert.throws(() => configurations.truncatedAfter(ix(1)), /is committed/);
});

test("until it is committed, a change and all before it may be in force", () => {
  const configurations = new Configurations(founders, ix(0), [members(1, 2, [n1, n2]), members(1, 3, [n1])]);
  const possible = () => configurations.possible.map(({ owners }) => owners);
  assert.deepEqual(possible(), [[n1, n2, n3], [n1, n2], [n1]]);
  configurations.committed(ix(2));
  assert.deepEqual(possible(), [[n1, n2], [n1]]);
  configurations.committed(ix(9));
  assert.deepEqual(possible(), [[n1]]);
});

test("a snapshot's membership takes the place of all that was known (R9)", () => {
  const configurations = new Configurations(founders, ix(0), [members(1, 2, [n1, n2]), members(2, 7, [n1])]);
  configurations.restart({ ...firstConfiguration([n4]), index: ix(5) }, ix(6));
  assert.deepEqual([ownersOf(configurations), configurations.changedAt], [[n4], 5]);
  configurations.truncatedAfter(ix(6));
  assert.deepEqual(ownersOf(configurations), [n4]);
});

test("the mark of a log is its last term with the newest sub-term of that term", () => {
  const configurations = new Configurations(founders, ix(0), [subterm(2, 1, 1), subterm(2, 2, 3)]);
  assert.deepEqual(configurations.markOf(id(2, 4)), { term: 2, subterm: 3 });
  assert.deepEqual(configurations.markOf(id(3, 5)), { term: 3, subterm: 0 });
  assert.equal(configurations.truncatedAfter(ix(1)), false, "a sub-term is no change of the members");
  assert.deepEqual(configurations.markOf(id(2, 1)), { term: 2, subterm: 1 });
});

test("marks compare by term, then by sub-term", () => {
  assert.ok(compareMarks({ term: 2, subterm: 9 }, { term: 3, subterm: 0 }) < 0);
  assert.ok(compareMarks({ term: 3, subterm: 1 }, { term: 3, subterm: 0 }) > 0);
  assert.equal(compareMarks({ term: 3, subterm: 1 }, { term: 3, subterm: 1 }), 0);
});
