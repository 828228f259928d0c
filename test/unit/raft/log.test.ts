import { strict as assert } from "node:assert";
import { test } from "node:test";
import fc from "fast-check";
import { toLogIndex, toTerm } from "../../../proto/ids.ts";
import type { LogSlice } from "../../../proto/raft.ts";
import { Log } from "../../../server/raft/log.ts";
import { entries, id, slice } from "./fixtures.ts";

const logOf = (terms: readonly number[], previous = id(0, 0)) => new Log(slice(previous, terms));
const termsOf = (log: Log) => log.slice(log.first, log.lastIndex).entries.map((entry) => entry.term as number);

test("accept() appends what is new and asks for exactly that to be written", () => {
  const log = logOf([1, 1]);
  const acceptance = log.accept(slice(id(1, 1), [1, 2, 2]));
  assert.deepEqual(acceptance, { type: "accepted", matched: 4, kept: 2 });
  assert.deepEqual(termsOf(log), [1, 1, 2, 2]);
  assert.deepEqual(log.takeUnwritten(), slice(id(1, 2), [2, 2]));
  assert.equal(log.takeUnwritten(), null);
});

test("accept() of an old slice erases nothing behind it (R5)", () => {
  const log = logOf([1, 1, 2, 2]);
  assert.deepEqual(log.accept(slice(id(1, 1), [1])), { type: "accepted", matched: 2, kept: 4 });
  assert.deepEqual(log.accept(slice(id(1, 2), [])), { type: "accepted", matched: 2, kept: 4 });
  assert.deepEqual(termsOf(log), [1, 1, 2, 2]);
  assert.equal(log.takeUnwritten(), null);
});

test("accept() replaces from the first entry that differs", () => {
  const log = logOf([1, 1, 2, 2]);
  assert.deepEqual(log.accept(slice(id(1, 1), [1, 3])), { type: "accepted", matched: 3, kept: 2 });
  assert.deepEqual(termsOf(log), [1, 1, 3]);
  assert.deepEqual(log.takeUnwritten(), slice(id(1, 2), [3]));
});

test("accept() refuses a slice whose previous entry is missing, and says where the logs may agree", () => {
  const log = logOf([1, 1, 2, 2]);
  assert.deepEqual(log.accept(slice(id(3, 9), [3])), { type: "rejected", hint: id(2, 4) });
  assert.deepEqual(log.accept(slice(id(1, 4), [3])), { type: "rejected", hint: id(1, 2) });
  assert.deepEqual(termsOf(log), [1, 1, 2, 2]);
});

test("accept() takes the compacted prefix as equal and goes on behind it", () => {
  const log = logOf([2, 2], id(1, 5));
  assert.deepEqual(log.accept(slice(id(1, 3), [1])), { type: "accepted", matched: 4, kept: 7 });
  assert.deepEqual(log.accept(slice(id(1, 3), [1, 1, 2, 3])), { type: "accepted", matched: 7, kept: 6 });
  assert.deepEqual(termsOf(log), [2, 3]);
  assert.throws(() => log.accept(slice(id(1, 4), [2])), /Compacted entry 5 differs/);
});

test("lastNotAbove() finds the last place with a term that is not higher", () => {
  const log = logOf([2, 2, 4, 4, 6], id(1, 10));
  assert.deepEqual(log.lastNotAbove(toLogIndex(15), toTerm(5)), id(4, 14));
  assert.deepEqual(log.lastNotAbove(toLogIndex(13), toTerm(5)), id(4, 13));
  assert.deepEqual(log.lastNotAbove(toLogIndex(99), toTerm(9)), id(6, 15));
  assert.deepEqual(log.lastNotAbove(toLogIndex(15), toTerm(1)), id(1, 10));
  assert.equal(log.lastNotAbove(toLogIndex(9), toTerm(9)), null);
  assert.equal(log.lastNotAbove(toLogIndex(15), toTerm(0)), null);
});

test("endWithin() keeps to entries and bytes, but always allows one entry", () => {
  const log = logOf([1, 1, 1, 1]); // 3 bytes each
  const end = (entriesMax: number, bytesMax: number) => log.endWithin(toLogIndex(2), { entriesMax, bytesMax });
  assert.equal(end(9, 99), 4);
  assert.equal(end(2, 99), 3);
  assert.equal(end(9, 6), 3);
  assert.equal(end(9, 8), 3);
  assert.equal(end(9, 1), 2);
});

test("compact() forgets a prefix and keeps counting bytes", () => {
  const log = logOf([1, 1, 2]);
  log.compact(toLogIndex(2));
  assert.deepEqual(log.previous, id(1, 2));
  assert.equal(log.termAt(toLogIndex(1)), null);
  assert.equal(log.bytesBetween(toLogIndex(0), toLogIndex(3)), 3);
  log.append(entries(4, [2]));
  assert.equal(log.bytesBetween(toLogIndex(2), toLogIndex(4)), 6);
  log.compact(toLogIndex(1));
  assert.deepEqual(log.previous, id(1, 2));
  assert.throws(() => log.compact(toLogIndex(9)), /Entry 9 is outside/);
});

test("restartAfter() keeps the entries behind a snapshot only if the log holds its end", () => {
  const matching = logOf([1, 1, 2]);
  matching.restartAfter(id(1, 2));
  assert.deepEqual(matching.takeUnwritten(), slice(id(1, 2), [2]));
  const differing = logOf([1, 1, 2]);
  differing.restartAfter(id(2, 2));
  assert.deepEqual(differing.takeUnwritten(), slice(id(2, 2), []));
  assert.equal(differing.lastIndex, 2);
});

test("append() refuses a gap and a term that falls", () => {
  assert.throws(() => logOf([1]).append(entries(3, [1])), /Entry 3 follows 1/);
  assert.throws(() => logOf([2]).append(entries(2, [1])), /Term 1 follows 2/);
});

test("a follower's log equals the leader's after any accepted slices, whatever it held before", () => {
  const history = fc.array(fc.integer({ min: 0, max: 1 }), { maxLength: 12 });
  fc.assert(
    fc.property(history, history, fc.array(fc.tuple(fc.nat(12), fc.nat(6))), (own, led, sends) => {
      const shared = [1, 1];
      const follower = logOf([...shared, ...rising(own, 1)]);
      const leader = logOf([...shared, ...rising(led, 2)]);
      let matched = 0;
      for (const [from, count] of sends) {
        const acceptance = follower.accept(window(leader, from, count));
        if (acceptance.type === "accepted") matched = Math.max(matched, acceptance.matched);
      }
      for (let index = 1; index <= matched; index++) {
        assert.equal(follower.termAt(toLogIndex(index)), leader.termAt(toLogIndex(index)));
      }
    }),
  );
});

/** Terms from steps of 0 and 2: odd for the follower's own past, even for the leader's, so that no term is shared. */
function rising(steps: readonly number[], base: number): number[] {
  let term = base + 2;
  return steps.map((step) => {
    term += 2 * step;
    return term;
  });
}

function window(log: Log, from: number, count: number): LogSlice {
  const first = Math.min(from, log.lastIndex) + 1;
  return log.slice(toLogIndex(first), toLogIndex(Math.min(log.lastIndex, first + count - 1)));
}
