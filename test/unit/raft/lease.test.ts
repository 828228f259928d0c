import { strict as assert } from "node:assert";
import { test } from "node:test";
import { toMillis, toTerm } from "../../../proto/ids.ts";
import { Lease } from "../../../server/raft/lease.ts";
import { Bench, beatReply, id, n2, n3, sent } from "./fixtures.ts";

const at = toMillis;
const leaseRead = { clockRateErrorMax: 0.25 };

test("a lease counts from when the round that a quorum answered first left, shortened by the clocks' rates", () => {
  const lease = new Lease(1000, 0.25);
  lease.carried(1, at(100));
  lease.carried(1, at(400));
  assert.equal(lease.holds(at(100)), false);
  lease.confirmed(1);
  assert.equal(lease.holds(at(899)), true);
  assert.equal(lease.holds(at(900)), false);
});

test("an older round that is confirmed late takes nothing back", () => {
  const lease = new Lease(1000, 0);
  lease.carried(1, at(0));
  lease.carried(2, at(500));
  lease.confirmed(2);
  lease.confirmed(1);
  assert.equal(lease.holds(at(1499)), true);
});

test("a round that is carried again after it was confirmed does not prolong the lease", () => {
  const lease = new Lease(1000, 0);
  lease.carried(1, at(0));
  lease.confirmed(1);
  lease.carried(1, at(900));
  lease.confirmed(1);
  assert.equal(lease.holds(at(999)), true);
  assert.equal(lease.holds(at(1000)), false);
  assert.equal(lease.isOlder(at(901)), true, "the next beat has to begin another");
});

test("rounds that were never sent confirm nothing", () => {
  const lease = new Lease(1000, 0);
  lease.confirmed(7);
  assert.equal(lease.holds(at(0)), false);
});

test("a round that was confirmed and is carried once more, for want of a newer one, renews nothing", () => {
  const lease = new Lease(1000, 0);
  lease.carried(1, at(0));
  lease.confirmed(1);
  lease.carried(1, at(500));
  lease.confirmed(1);
  assert.equal(lease.holds(at(1000)), false);
});

test("too many outstanding rounds make the lease shorter, never longer", () => {
  const lease = new Lease(1000, 0);
  for (let round = 1; round <= 100; round++) lease.carried(round, at(round * 10));
  lease.confirmed(30);
  assert.equal(lease.holds(at(300)), false);
  lease.confirmed(40);
  assert.equal(lease.holds(at(1399)), true);
  assert.equal(lease.holds(at(1400)), false);
});

test("a revoked lease holds no more, whatever is confirmed later", () => {
  const lease = new Lease(1000, 0);
  lease.carried(1, at(0));
  lease.confirmed(1);
  lease.revoke();
  lease.carried(2, at(10));
  lease.confirmed(2);
  assert.equal(lease.holds(at(11)), false);
});

test("a beat that leaves later begins a round of its own, so that the lease is renewed without a read", () => {
  const bench = new Bench({ options: { leaseRead } });
  bench.lead();
  const first = bench.raft.beatFor(n2)?.round;
  assert.equal(bench.raft.beatFor(n3)?.round, first, "one round for beats that leave together");
  bench.nowMs += 1;
  assert.equal(bench.step({ type: "read", read: 1 }).readable.length, 0);
  assert.notEqual(bench.raft.beatFor(n2)?.round, first);
});

test("beats that nobody answers do not renew the lease, also when every beat before them was answered", () => {
  const bench = new Bench({ options: { leaseRead } });
  bench.lead();
  bench.receive(n2, { type: "appendReply", term: toTerm(1), matched: id(1, 1).index });
  const answeredMs = bench.nowMs;
  bench.receive(n2, beatReply(1, bench.raft.beatFor(n2)?.round as number, 1));
  bench.nowMs = answeredMs + 700;
  bench.step({ type: "deadline" });
  bench.raft.beatFor(n2);
  bench.nowMs = answeredMs + 850;
  bench.step({ type: "read", read: 1 });
  assert.deepEqual(bench.step({ type: "read", read: 2 }).readable, [], "the lease ended 800 ms after the beat");
});

test("a member that was bound to a leader's lease gives no vote, in whatever term it is by then", () => {
  const bench = new Bench({ term: 4, options: { leaseRead } });
  bench.nowMs = 5000;
  bench.follow(4);
  const answer = { type: "preVoteReply", term: toTerm(5), granted: false } as const;
  bench.receive(n3, answer);
  assert.deepEqual(bench.raft.status().term, 5);
  const vote = { type: "vote", term: toTerm(5), last: id(4, 9), subterm: 0, isTransfer: false } as const;
  bench.nowMs = 5999;
  assert.equal(sent(bench.receive(n3, vote), "voteReply")[0]?.message.granted, false);
  assert.equal(sent(bench.receive(n3, { ...vote, isTransfer: true }), "voteReply")[0]?.message.granted, true);
});

test("the same member gives its vote when the lease is over", () => {
  const bench = new Bench({ term: 4, options: { leaseRead } });
  bench.nowMs = 5000;
  bench.follow(4);
  bench.receive(n3, { type: "preVoteReply", term: toTerm(5), granted: false });
  bench.nowMs = 6000;
  const vote = { type: "vote", term: toTerm(5), last: id(4, 9), subterm: 0, isTransfer: false } as const;
  assert.equal(sent(bench.receive(n3, vote), "voteReply")[0]?.message.granted, true);
});

test("a member that has just started may have promised a leader its patience before: it gives no vote meanwhile", () => {
  const bench = new Bench({ term: 4, options: { leaseRead } });
  const vote = { type: "vote", term: toTerm(5), last: id(4, 9), subterm: 0, isTransfer: false } as const;
  bench.nowMs = 999;
  assert.equal(sent(bench.receive(n3, vote), "voteReply").length, 0);
  assert.equal(bench.raft.status().term, 4);
  bench.nowMs = 1000;
  assert.equal(sent(bench.receive(n3, vote), "voteReply")[0]?.message.granted, true);
});

test("a lease read takes no round, and after a transfer every read takes one", () => {
  const bench = new Bench({ options: { leaseRead } });
  bench.lead();
  bench.receive(n2, { type: "appendReply", term: toTerm(1), matched: id(1, 1).index });
  const round = bench.raft.beatFor(n2)?.round as number;
  bench.receive(n2, beatReply(1, round, 1));
  assert.equal(bench.step({ type: "read", read: 1 }).readable.length, 1);
  const { messages } = bench.step({ type: "transfer", to: n2 });
  assert.equal(messages[0]?.message.type, "timeoutNow");
  const output = bench.step({ type: "read", read: 2 });
  assert.deepEqual([output.readable, output.beatNow], [[], true]);
});
