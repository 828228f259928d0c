// When the replicas of a group are compared, and what one comparison takes for an answer.

import assert from "node:assert/strict";
import { test } from "node:test";
import { toLogIndex, toMemberId, toMillis } from "../../../proto/ids.ts";
import { limits } from "../../../server/node/limits.ts";
import { StateCheck } from "../../../server/node/state-check.ts";
import { n1, n2, n3 } from "./cluster.ts";

const { stateCheckIntervalMs, stateCheckIdleMs, stateCheckRetryMs, stateAnswerMs, stateAttemptsMax } = limits;
const member = toMemberId(1);
const owners = [n1, n2, n3].map((node) => ({ node, member, votes: 1, isWitness: false }));
const [own, second, third] = owners as [(typeof owners)[0], (typeof owners)[0], (typeof owners)[0]];
const at = toLogIndex(9);
const ms = toMillis;

function begun(nowMs = 1_000): StateCheck {
  const check = new StateCheck();
  check.changed(ms(nowMs));
  assert.ok(check.isDue(ms(nowMs)));
  check.begin(at, ms(nowMs));
  check.answered(own, at, "x");
  return check;
}

test("a leadership compares when its first entry is applied, and not before", () => {
  const check = new StateCheck();
  assert.equal(check.deadlineMs(), null);
  assert.equal(check.isDue(ms(1e9)), false);
  check.changed(ms(500));
  assert.equal(check.deadlineMs(), 500);
});

test("a comparison ends when all have answered, and the next is an interval away after a change, else much later", () => {
  const check = begun();
  check.answered(second, at, "x");
  assert.equal(check.conclude(owners, ms(1_010)), null);
  check.answered(third, at, "x");
  const finding = check.conclude(owners, ms(1_020));
  assert.deepEqual([finding?.type, finding?.hash], ["agreed", "x"]);
  assert.deepEqual(finding?.hashes, { index: at, hashes: owners.map(({ node }) => ({ node, hash: "x" })) });
  assert.equal(check.deadlineMs(), 1_020 + stateCheckIdleMs);
  check.changed(ms(1_030));
  assert.equal(check.deadlineMs(), 1_000 + stateCheckIntervalMs);
});

test("a change while a comparison is under way is compared an interval later", () => {
  const check = begun();
  check.changed(ms(1_005));
  check.answered(second, at, "x");
  check.answered(third, at, "x");
  assert.equal(check.conclude(owners, ms(1_010))?.type, "agreed");
  assert.equal(check.deadlineMs(), 1_000 + stateCheckIntervalMs);
});

test("an answer at another index, or of a member that was there before, is none", () => {
  const check = begun();
  check.answered(second, toLogIndex(8), "y");
  check.answered({ ...third, member: toMemberId(4) }, at, "y");
  assert.equal(check.conclude(owners, ms(1_010)), null);
  const finding = check.conclude(owners, ms(1_000 + stateAnswerMs));
  assert.deepEqual([finding?.type, finding?.silent.join()], ["open", "n2,n3"]);
  assert.equal(check.deadlineMs(), 1_000 + stateAnswerMs + stateCheckIntervalMs);
});

test("one that differs from a quorum is named although another one is silent, and all are soon compared again", () => {
  const check = begun();
  check.answered(second, at, "x");
  check.answered(third, at, "y");
  const finding = check.conclude(owners, ms(1_010));
  assert.deepEqual([finding?.hash, finding?.differing.join()], ["x", "n3"]);
  assert.equal(check.deadlineMs(), 1_010 + stateCheckRetryMs);
});

/** Attempts in a row in which n3 never answers. @returns what the last one has found */
function attempts(answers: readonly (string | null)[]): { readonly check: StateCheck; readonly found: string | null } {
  const check = new StateCheck();
  check.changed(ms(0));
  let nowMs = 0;
  let found: string | null = null;
  for (const answer of answers) {
    assert.ok(check.isDue(ms(nowMs)), `at ${nowMs} ms`);
    check.begin(at, ms(nowMs));
    check.answered(own, at, "x");
    if (answer !== null) check.answered(second, at, answer);
    assert.equal(check.conclude(owners, ms(nowMs)), null);
    nowMs += stateAnswerMs;
    found = check.conclude(owners, ms(nowMs))?.type ?? null;
  }
  return { check, found };
}

test("a dispute without all answers is believed only when nobody else answers again and again", () => {
  const differing = Array.from({ length: stateAttemptsMax }, () => "y");
  assert.equal(attempts(differing.slice(1)).found, null);
  const { check, found } = attempts(differing);
  assert.equal(found, "disputed");
  assert.equal(check.deadlineMs(), stateAttemptsMax * stateAnswerMs + stateCheckRetryMs);
});

test("a dispute that an answer less has left open is looked into again soon", () => {
  const { check, found } = attempts(["y", null, null]);
  assert.equal(found, "open");
  assert.equal(check.deadlineMs(), stateAttemptsMax * stateAnswerMs + stateCheckRetryMs);
});

test("a comparison that cannot be made now is made soon", () => {
  const check = begun();
  check.postpone(ms(1_000));
  assert.equal(check.conclude(owners, ms(1e6)), null);
  assert.equal(check.deadlineMs(), 1_000 + stateCheckRetryMs);
});
