// Gates of groups: closed until all have accepted this start, or for a grace; open for good.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type NodeId, toMillis } from "../../../proto/ids.ts";
import { GroupGates } from "../../../server/node/group-gates.ts";
import { limits } from "../../../server/node/limits.ts";
import { n2, n3, rg } from "./cluster.ts";

const graceMs = limits.helloGraceMs;

function isOpen(gates: GroupGates, accepted: readonly NodeId[], nowMs: number): boolean {
  return gates.isOpen(rg, [n2, n3], { isAccepted: (node) => accepted.includes(node), nowMs: toMillis(nowMs) });
}

test("a gate opens when every other member has accepted, and does not close again", () => {
  const gates = new GroupGates();
  assert.equal(isOpen(gates, [], 0), true);
  gates.close(rg, toMillis(0));
  assert.equal(isOpen(gates, [n2], 1), false);
  assert.equal(isOpen(gates, [n2, n3], 2), true);
  assert.equal(isOpen(gates, [], 3), true);
  assert.equal(gates.deadlineMs(), null);
});

test("members that are not there hold it up for the grace only", () => {
  const gates = new GroupGates();
  gates.close(rg, toMillis(100));
  assert.equal(gates.deadlineMs(), 100 + graceMs);
  assert.equal(gates.deadline(toMillis(99 + graceMs)), false);
  assert.equal(isOpen(gates, [n2], 99 + graceMs), false);
  assert.equal(gates.deadline(toMillis(100 + graceMs)), true);
  assert.equal(isOpen(gates, [], 100 + graceMs), true);
});
