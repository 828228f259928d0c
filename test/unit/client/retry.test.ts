// The retry policy, by code, effect and kind of call.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decideRetry, defaultRetry, type RetryState } from "../../../client/retry.ts";
import type { ClientErrorCode } from "../../../client/unreachable-error.ts";
import { type Effect, type ErrorCode, errorCodes } from "../../../proto/errors.ts";

const usual: RetryState = { isRead: false, attempts: 1, endpoints: 3, remainingMs: 5_000, attemptMs: 10, jitter: 0.5 };

function decide(code: ClientErrorCode, state: Partial<RetryState> = {}, effect?: Effect) {
  const known = effect ?? (code === "unreachable" ? "none" : errorCodes[code].effect);
  const failure = { code, message: "", details: {}, effect: known };
  const decision = decideRetry(failure, { ...usual, ...state }, defaultRetry);
  return decision.type === "fail" ? "fail" : `${decision.at} ${decision.delayMs === 0 ? "at once" : "later"}`;
}

const writes: Readonly<Record<ClientErrorCode, string>> = {
  unreachable: "next at once",
  not_leader: "next at once",
  stopping: "next at once",
  quarantined: "next at once",
  no_leader: "next later",
  no_quorum: "next later",
  overloaded: "same later",
  txn_conflict: "same later",
  invalid_argument: "fail",
  not_found: "fail",
  already_exists: "fail",
  condition_failed: "fail",
  fenced: "fail",
  outcome_unknown: "fail",
  deadline: "fail",
  compacted: "fail",
  future_revision: "fail",
  canceled: "fail",
  corrupt: "fail",
  unimplemented: "fail",
  internal: "fail",
};

test("decideRetry() of a write goes by the code, and never on when the write may have happened", () => {
  for (const [code, expected] of Object.entries(writes)) assert.equal(decide(code as ClientErrorCode), expected, code);
  for (const code of Object.keys(errorCodes)) assert.equal(decide(code as ErrorCode, {}, "unknown"), "fail", code);
});

test("decideRetry() of a read goes on also when nobody knows how the call ended", () => {
  const state = { isRead: true };
  for (const code of ["outcome_unknown", "deadline", "internal"] as const) {
    assert.equal(decide(code, state), "next at once", code);
  }
  for (const code of ["canceled", "not_found", "compacted", "invalid_argument", "unimplemented"] as const) {
    assert.equal(decide(code, state), "fail", code);
  }
  assert.equal(decide("no_quorum", state), "next later");
});

test("decideRetry() asks the next endpoint when a node says that its time was up before anything happened", () => {
  for (const isRead of [true, false]) assert.equal(decide("deadline", { isRead }, "none"), "next at once");
  assert.equal(decide("deadline", { attemptMs: 4_900, remainingMs: 50 }, "none"), "fail");
  assert.equal(decide("deadline", { isRead: true, remainingMs: 0 }, "none"), "fail");
});

test("decideRetry() pauses once every endpoint has been asked", () => {
  assert.equal(decide("unreachable", { attempts: 2 }), "next at once");
  assert.equal(decide("unreachable", { attempts: 3 }), "next later");
  assert.equal(decide("unreachable", { attempts: 1, endpoints: 1 }), "next later");
});

test("decideRetry() does not begin a write again that could only end in a deadline", () => {
  assert.equal(decide("no_quorum", { attemptMs: 2_000, remainingMs: 2_100 }), "next later");
  assert.equal(decide("no_quorum", { attemptMs: 2_000, remainingMs: 1_900 }), "fail");
  assert.equal(decide("no_quorum", { attemptMs: 2_000, remainingMs: 1_900, isRead: true }), "next later");
});

test("decideRetry() ends: by attempts, and by time", () => {
  assert.equal(decide("unreachable", { attempts: defaultRetry.attemptsMax }), "fail");
  assert.equal(decide("unreachable", { attempts: defaultRetry.attemptsMax - 1 }), "next at once");
  assert.equal(decide("no_leader", { isRead: true, remainingMs: 0 }), "fail");
});

test("decideRetry() pauses longer each round, up to the limit, and never past the deadline", () => {
  const states = fc.record({
    isRead: fc.boolean(),
    attempts: fc.integer({ min: 1, max: defaultRetry.attemptsMax - 1 }),
    endpoints: fc.integer({ min: 1, max: 64 }),
    remainingMs: fc.integer({ min: 0, max: 10_000 }),
    attemptMs: fc.integer({ min: 0, max: 5_000 }),
    jitter: fc.double({ min: 0, max: 0.999, noNaN: true }),
  });
  fc.assert(
    fc.property(states, (state) => {
      const failure = { code: "no_leader", message: "", details: {}, effect: "none" } as const;
      const decision = decideRetry(failure, state, defaultRetry);
      if (decision.type === "fail") return;
      const round = Math.floor((state.attempts - 1) / state.endpoints);
      const fullMs = Math.min(defaultRetry.backoffMsMax, defaultRetry.backoffMs * 2 ** round);
      assert.ok(decision.delayMs >= fullMs / 2 && decision.delayMs <= fullMs);
      assert.ok(decision.delayMs < state.remainingMs);
    }),
  );
});
