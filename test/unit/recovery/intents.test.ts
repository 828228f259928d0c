import assert from "node:assert/strict";
import { test } from "node:test";
import { toGroupId, toLogIndex, toNodeId } from "../../../proto/ids.ts";
import { type NodeIntent, type OwnerIntent, recoveryStatuses } from "../../../proto/model.ts";
import { dueIntents, isKept, isOutdated, operationFor, standingOf } from "../../../server/recovery/intents.ts";

const node = toNodeId("n208");

function known(wanted: OwnerIntent["wanted"], after: number, reason = ""): OwnerIntent {
  return { node, wanted, reason, after: toLogIndex(after) };
}

function onRecord(wanted: NodeIntent["wanted"], index: number, name = node): NodeIntent {
  return { node: name, wanted, reason: "new disk", index: toLogIndex(index), pending: [toGroupId("rg220")] };
}

test("standingOf() says draining while the application runs there, then maintenance, and why", () => {
  const up = { status: "up", reason: "Heard by n202" } as const;
  const drained = known("drained", 5, "new disk");
  assert.deepEqual(standingOf(up, drained, true), { status: "draining", reason: "Drained: new disk" });
  assert.deepEqual(standingOf(up, drained, false), { status: "maintenance", reason: "Drained: new disk" });
  assert.deepEqual(standingOf({ status: "draining", reason: "" }, drained, false).status, "maintenance");
  assert.deepEqual(standingOf({ status: "maintenance", reason: "" }, drained, true).status, "draining");
  assert.equal(standingOf(up, known("drained", 5), true).reason, "Drained");
});

test("standingOf() lets what the group sees win, whatever operators want", () => {
  for (const status of recoveryStatuses) {
    if (["up", "draining", "maintenance"].includes(status)) continue;
    const seen = { status, reason: "seen" };
    for (const runsHere of [true, false]) assert.equal(standingOf(seen, known("drained", 5), runsHere), seen, status);
  }
});

test("standingOf() takes back a planned absence when it is over, and nothing else", () => {
  const over = known("none", 9);
  for (const status of ["draining", "maintenance"] as const) {
    assert.deepEqual(standingOf({ status, reason: "Drained" }, over, false), { status: "up", reason: "Undrained" });
  }
  for (const intent of [over, null]) {
    const up = { status: "up", reason: "Heard by n202" } as const;
    assert.equal(standingOf(up, intent, true), up);
  }
});

test("isKept() holds when the group has come to it, or knows of something newer", () => {
  assert.equal(isKept(onRecord("drained", 10), null), false);
  assert.equal(isKept(onRecord("none", 10), null), true);
  assert.equal(isKept(onRecord("drained", 10), known("drained", 3)), true);
  assert.equal(isKept(onRecord("drained", 10), known("none", 9)), false);
  assert.equal(isKept(onRecord("drained", 10), known("none", 10)), true);
});

test("operationFor() is older than whatever was asked for by who has heard of the record", () => {
  const operation = operationFor(onRecord("drained", 10));
  assert.deepEqual(operation, { type: "intend", node, wanted: "drained", reason: "new disk", after: 9 });
  assert.equal(isOutdated(operation, known("none", 10)), true);
  assert.equal(isOutdated(operation, known("none", 9)), false);
  assert.equal(isOutdated(operation, null), false);
});

test("dueIntents() are those that the group has not come to, of any owner", () => {
  const other = onRecord("drained", 12, toNodeId("n214"));
  const due = dueIntents([onRecord("drained", 10), other], (name) => (name === node ? known("drained", 9) : null));
  assert.deepEqual(due, [other]);
});
