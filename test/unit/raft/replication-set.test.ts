import { strict as assert } from "node:assert";
import { test } from "node:test";
import { toMemberId } from "../../../proto/ids.ts";
import { ReplicationSet } from "../../../server/raft/replication-set.ts";
import { n1, n2, n3 } from "./fixtures.ts";

const witness = { node: n3, member: toMemberId(1) };

test("each naming, and each dismissal, has a sub-term of its own", () => {
  const set = new ReplicationSet();
  assert.deepEqual([set.subterm, set.named], [0, null]);
  set.name([n1]);
  assert.deepEqual([set.subterm, set.named], [1, [n1]]);
  set.dismiss();
  assert.deepEqual([set.subterm, set.named], [2, null]);
  set.name([n1, n2]);
  assert.deepEqual([set.subterm, set.named], [3, [n1, n2]]);
});

test("a record counts for the naming that it answers, and for no other", () => {
  const set = new ReplicationSet();
  set.name([n1]);
  set.name([n2]);
  set.recorded(witness, 1);
  assert.equal(set.isRecordedBy(witness), false);
  set.recorded(witness, 2);
  assert.equal(set.isRecordedBy(witness), true);
  set.name([n1]);
  assert.equal(set.isRecordedBy(witness), false);
});

test("nothing is on record once the witness is dismissed", () => {
  const set = new ReplicationSet();
  set.name([n1]);
  set.recorded(witness, 1);
  set.dismiss();
  assert.equal(set.isRecordedBy(witness), false);
  set.recorded(witness, 2);
  assert.equal(set.isRecordedBy(witness), false);
});

test("a witness that came back under another number has recorded nothing", () => {
  const set = new ReplicationSet();
  set.name([n1]);
  set.recorded(witness, 1);
  assert.equal(set.isRecordedBy({ ...witness, member: toMemberId(4) }), false);
});
