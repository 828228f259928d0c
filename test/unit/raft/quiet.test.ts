// quiet.ts: which followers need to hear nothing, and what a beat that names other groups does to this one.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeId } from "../../../proto/ids.ts";
import { toLogIndex, toMillis, toTerm } from "../../../proto/ids.ts";
import { appendReply, Bench, beatReply, id, n2, n3, sent } from "./fixtures.ts";

function quietOf(bench: Bench): readonly NodeId[] | null {
  const { standing } = bench.raft;
  return standing.type === "leads" ? standing.quiet.map(({ peer }) => peer) : null;
}

function vouch(bench: Bench, peers: readonly NodeId[], sentMs: number, heardMs = bench.nowMs) {
  const words = peers.map((peer) => ({ peer, sentMs: toMillis(sentMs), heardMs: toMillis(heardMs) }));
  return bench.raft.step({ type: "vouched", words }, toMillis(heardMs));
}

/** A leader whose opening entry is committed, and held by n2 alone or by both. */
function leader(peers: readonly NodeId[], setting: ConstructorParameters<typeof Bench>[0] = {}): Bench {
  const bench = new Bench(setting);
  bench.lead();
  for (const peer of peers) bench.receive(peer, appendReply(1, 1));
  return bench;
}

test("a follower that holds all there is needs to hear nothing", () => {
  const bench = leader([n2]);
  assert.deepEqual(quietOf(bench), [n2]);
  bench.receive(n3, appendReply(1, 1));
  assert.deepEqual(quietOf(bench), [n2, n3]);
  const { standing } = bench.raft;
  assert.equal(standing.type === "leads" && standing.quiet[0]?.commit, 1);
});

test("nobody is left out while an entry is on its way", () => {
  const bench = leader([n2, n3]);
  bench.propose("a");
  assert.deepEqual(quietOf(bench), []);
  bench.persist();
  bench.receive(n2, appendReply(1, 2));
  assert.deepEqual(quietOf(bench), [n2]);
});

test("nobody is left out while a read waits, or leadership is handed over", () => {
  const reading = leader([n2, n3]);
  reading.step({ type: "read", read: 1 });
  assert.deepEqual(quietOf(reading), []);
  const round = reading.raft.beatFor(n2)?.round as number;
  reading.receive(n2, beatReply(1, round, 1));
  assert.deepEqual(quietOf(reading), [n2, n3]);
  const transferring = leader([n2, n3]);
  transferring.step({ type: "transfer", to: n2 });
  assert.deepEqual(quietOf(transferring), []);
});

test("a vouched beat puts off the election as a beat does, counted from when it came", () => {
  const bench = new Bench({ term: 4 });
  bench.follow(4);
  const before = bench.raft.deadlineMs() as number;
  bench.nowMs = 700;
  vouch(bench, [n2], 650, 650);
  assert.equal(bench.raft.deadlineMs(), before + 650);
});

test("only the leader's word counts, and only with a member that follows it", () => {
  const bench = new Bench({ term: 4 });
  bench.follow(4);
  const before = bench.raft.deadlineMs() as number;
  bench.nowMs = 500;
  vouch(bench, [n3], 500);
  assert.equal(bench.raft.deadlineMs(), before);
  bench.timeOut();
  const asked = bench.raft.deadlineMs() as number;
  vouch(bench, [n2], bench.nowMs);
  assert.equal(bench.raft.deadlineMs(), asked, "who asks for votes follows nobody");
});

test("a vouched echo keeps a leader that hears nothing else, until it stays away", () => {
  const bench = leader([n2, n3]);
  for (let beats = 0; beats < 20; beats++) {
    bench.nowMs += 400;
    vouch(bench, [n2], bench.nowMs);
    bench.step({ type: "deadline" });
    assert.equal(bench.raft.role, "leader");
  }
  bench.nowMs += 1_000;
  bench.step({ type: "deadline" });
  assert.equal(bench.raft.role, "follower");
});

test("echoes taken in late count from when they came, each by itself", () => {
  const bench = leader([n2, n3]);
  const heardMs = bench.nowMs + 900;
  bench.nowMs += 1_600;
  vouch(bench, [n2, n3], heardMs, heardMs);
  bench.step({ type: "deadline" });
  assert.equal(bench.raft.role, "leader");
  assert.deepEqual(
    bench.raft.status().peers.map((peer) => peer.heardMs),
    [heardMs, heardMs],
  );
});

test("a vouched echo answers no read that waits for a round", () => {
  const bench = leader([n2, n3]);
  bench.raft.beatFor(n2);
  bench.step({ type: "read", read: 1 });
  assert.equal(vouch(bench, [n2, n3], bench.nowMs).readable.length, 0);
  const round = bench.raft.beatFor(n2)?.round as number;
  assert.equal(bench.receive(n2, beatReply(1, round, 1)).readable.length, 1);
});

test("a quorum's vouched echoes renew a lease from when their beat left, and not from when they came", () => {
  const bench = leader([n2, n3], { options: { leaseRead: { clockRateErrorMax: 0.25 } } });
  bench.receive(n2, beatReply(1, bench.raft.beatFor(n2)?.round as number, 1));
  const sentMs = bench.nowMs + 5_000;
  bench.nowMs = sentMs + 700;
  vouch(bench, [n2], sentMs);
  bench.nowMs = sentMs + 799;
  assert.equal(bench.step({ type: "read", read: 1 }).readable.length, 1);
  bench.nowMs = sentMs + 800;
  assert.equal(bench.step({ type: "read", read: 2 }).readable.length, 0);
});

test("a lease of five waits for a quorum's echoes, and for the beat that the last of them answers", () => {
  const [n4, n5] = ["n4", "n5"] as NodeId[];
  const voters = ["n1", "n2", "n3", "n4", "n5"] as NodeId[];
  const bench = new Bench({ voters, options: { leaseRead: { clockRateErrorMax: 0 } } });
  bench.lead();
  for (const peer of [n2, n3, n4 as NodeId, n5 as NodeId]) bench.receive(peer, appendReply(1, 1));
  const sentMs = bench.nowMs + 2_000;
  bench.nowMs = sentMs + 300;
  vouch(bench, [n2], sentMs);
  assert.equal(bench.step({ type: "read", read: 1 }).readable.length, 0, "two of five");
  const round = bench.raft.beatFor(n2)?.round as number;
  for (const peer of [n2, n3]) bench.receive(peer, beatReply(1, round, 1));
  assert.equal(bench.step({ type: "read", read: 2 }).readable.length, 1);
});

test("what the follower of a vouched beat promised keeps it from voting for another", () => {
  const bench = new Bench({ term: 4, options: { leaseRead: { clockRateErrorMax: 0 } } });
  bench.nowMs = 5_000;
  bench.follow(4);
  vouch(bench, [n2], 5_900, 5_900);
  bench.nowMs = 6_500;
  const vote = { type: "vote", term: toTerm(5), last: id(4, 9), subterm: 0, isTransfer: false } as const;
  assert.equal(sent(bench.receive(n3, vote), "voteReply").length, 0);
  assert.equal(bench.raft.status().term, 4);
});

test("a member tells where its log ends and how much of it is committed, to be compared", () => {
  const bench = new Bench({ term: 4, terms: [4, 4] });
  const before = bench.raft.standing;
  assert.equal(before.type, "alone");
  bench.follow(4, 1);
  const { standing } = bench.raft;
  assert.deepEqual(standing.type === "follows" && [standing.leader, standing.commit, standing.last], [
    n2,
    toLogIndex(1),
    toLogIndex(2),
  ]);
});
