// election.ts, votes.ts, terms.ts and roles.ts: asking for votes and giving them.

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { toTerm } from "../../../proto/ids.ts";
import type { RaftMessage } from "../../../proto/raft.ts";
import { append, Bench, beat, id, n1, n2, n3, n4, n5, sent } from "./fixtures.ts";

const vote = (term: number, last = id(0, 0)): RaftMessage => ({
  type: "vote",
  term: toTerm(term),
  last,
  subterm: 0,
  isTransfer: false,
});
const preVote = (term: number, last = id(0, 0)): RaftMessage => ({
  type: "preVote",
  term: toTerm(term),
  last,
  subterm: 0,
  isTransfer: false,
});
const granted = (term: number): RaftMessage => ({ type: "voteReply", term: toTerm(term), granted: true });
const preGranted = (term: number): RaftMessage => ({ type: "preVoteReply", term: toTerm(term), granted: true });

test("a pre-vote changes neither term nor vote and writes nothing", () => {
  const bench = new Bench({ term: 3, terms: [1] });
  const output = bench.timeOut();
  assert.equal(output.persist, null);
  assert.deepEqual(
    sent(output, "preVote").map(({ to, message }) => [to, message.term]),
    [
      [n2, 4],
      [n3, 4],
    ],
  );
  assert.equal(bench.raft.status().term, 3);
  assert.equal(bench.receive(n2, preVote(9, id(1, 1))).persist, null);
});

test("a candidate's requests and its own vote wait for the disk", () => {
  const bench = new Bench();
  bench.timeOut();
  const output = bench.receive(n2, preGranted(1));
  assert.deepEqual(output.persist?.hardState, { term: 1, vote: n1, standIn: null });
  assert.ok(sent(output, "vote").every(({ afterPersist }) => afterPersist));
  assert.equal(bench.receive(n2, granted(1)).roleChange, null, "one of three, while the own vote is not durable");
  assert.equal(bench.persist().roleChange?.role, "leader");
});

test("a pre-vote is refused to a log that lacks entries, and to a term that is not new", () => {
  const bench = new Bench({ term: 2, terms: [1, 2] });
  const answer = (message: RaftMessage) => sent(bench.receive(n2, message), "preVoteReply")[0]?.message;
  assert.deepEqual(answer(preVote(3, id(2, 1))), { type: "preVoteReply", term: 2, granted: false });
  assert.deepEqual(answer(preVote(3, id(1, 9))), { type: "preVoteReply", term: 2, granted: false });
  assert.deepEqual(answer(preVote(2, id(2, 2))), { type: "preVoteReply", term: 2, granted: false });
  assert.deepEqual(answer(preVote(1, id(2, 2))), { type: "preVoteReply", term: 2, granted: false });
  assert.deepEqual(answer(preVote(3, id(2, 2))), { type: "preVoteReply", term: 3, granted: true });
});

test("who hears a leader answers neither pre-vote nor vote, and keeps its term (R15)", () => {
  const bench = new Bench({ term: 1 });
  bench.follow(1);
  bench.nowMs += 999;
  assert.deepEqual(bench.receive(n3, preVote(2)).messages, []);
  assert.deepEqual(bench.receive(n3, vote(9)).messages, []);
  assert.equal(bench.raft.status().term, 1);
  bench.nowMs += 1;
  assert.equal(sent(bench.receive(n3, preVote(2)), "preVoteReply")[0]?.message.granted, true);
});

test("a leader answers neither pre-vote nor vote of a higher term", () => {
  const bench = new Bench();
  bench.lead();
  assert.deepEqual(bench.receive(n3, preVote(2, id(9, 9))).messages, []);
  assert.deepEqual(bench.receive(n3, vote(9, id(9, 9))).messages, []);
  assert.equal(bench.raft.status().role, "leader");
});

test("a vote leaves only after term and vote are written, together (R1)", () => {
  const bench = new Bench({ term: 1 });
  const output = bench.receive(n2, vote(2));
  assert.deepEqual(output.persist?.hardState, { term: 2, vote: n2, standIn: null });
  assert.deepEqual(
    sent(output, "voteReply").map(({ afterPersist }) => afterPersist),
    [true],
  );
});

test("one vote a term; the same candidate gets it again, without another write", () => {
  const bench = new Bench();
  bench.receive(n2, vote(2));
  assert.equal(sent(bench.receive(n3, vote(2)), "voteReply")[0]?.message.granted, false);
  const again = bench.receive(n2, vote(2));
  assert.equal(sent(again, "voteReply")[0]?.message.granted, true);
  assert.equal(again.persist, null);
});

test("a vote survives a restart and a message of the same term (R2)", () => {
  const bench = new Bench({ term: 2, vote: n3 });
  bench.receive(n2, beat(2));
  bench.nowMs = 5000;
  assert.equal(sent(bench.receive(n2, vote(2, id(5, 5))), "voteReply")[0]?.message.granted, false);
});

test("a vote outlives an election lost in its term (R2)", () => {
  const bench = new Bench({ term: 2, vote: n3 });
  bench.timeOut();
  const refused: RaftMessage = { type: "preVoteReply", term: toTerm(2), granted: false };
  for (const peer of [n2, n3]) bench.receive(peer, refused);
  assert.equal(bench.raft.status().role, "follower");
  assert.equal(sent(bench.receive(n2, vote(2, id(5, 5))), "voteReply")[0]?.message.granted, false);
});

test("neither a candidate nor a leader votes for another in its own term (R6)", () => {
  const bench = new Bench();
  bench.timeOut();
  bench.receive(n2, preGranted(1));
  assert.equal(sent(bench.receive(n3, vote(1, id(9, 9))), "voteReply")[0]?.message.granted, false);
  bench.persist();
  bench.receive(n2, granted(1));
  assert.equal(sent(bench.receive(n3, vote(1, id(9, 9))), "voteReply")[0]?.message.granted, false);
});

test("a grant of a pre-vote for another term counts nothing", () => {
  const bench = new Bench({ voters: [n1, n2, n3, n4, n5], term: 4 });
  bench.timeOut();
  bench.receive(n2, preGranted(4));
  bench.receive(n3, preGranted(6));
  assert.equal(bench.raft.status().role, "preCandidate");
  bench.receive(n2, preGranted(5));
  bench.receive(n3, preGranted(5));
  assert.equal(bench.raft.status().role, "candidate");
});

test("the first answer of a voter stands, and repeated ones make no quorum", () => {
  const bench = new Bench({ voters: [n1, n2, n3, n4, n5] });
  bench.timeOut();
  bench.receive(n2, preGranted(1));
  bench.receive(n2, preGranted(1));
  assert.equal(bench.raft.status().role, "preCandidate");
});

test("a lost pre-vote ends it, and the next one comes after another drawn time", () => {
  const bench = new Bench({ term: 1 });
  bench.timeOut();
  const refused: RaftMessage = { type: "preVoteReply", term: toTerm(1), granted: false };
  bench.receive(n2, refused);
  bench.receive(n3, refused);
  assert.equal(bench.raft.status().role, "follower");
  assert.ok((bench.raft.deadlineMs() ?? 0) >= bench.nowMs + 1000);
  assert.deepEqual(bench.step({ type: "deadline" }).messages, [], "a deadline that has not come does nothing");
});

test("a refusal with a higher term teaches it", () => {
  const bench = new Bench({ term: 1 });
  bench.timeOut();
  const output = bench.receive(n2, { type: "preVoteReply", term: toTerm(7), granted: false });
  assert.deepEqual(output.persist?.hardState, { term: 7, vote: null, standIn: null });
});

test("candidates of both kinds give way to a leader of their term", () => {
  for (const message of [beat(1), append(1, id(0, 0), [1])]) {
    const bench = new Bench({ term: 1 });
    bench.timeOut();
    assert.equal(bench.receive(n3, message).roleChange?.leader, n3);
  }
  const bench = new Bench();
  bench.timeOut();
  bench.receive(n2, preGranted(1));
  assert.deepEqual(bench.receive(n3, beat(1)).roleChange, { role: "follower", term: 1, leader: n3 });
});

test("who leads or asks in an older term is told the newer one; late replies are dropped", () => {
  const bench = new Bench({ term: 5 });
  assert.equal(bench.receive(n2, beat(4)).messages[0]?.message.term, 5);
  assert.equal(bench.receive(n2, append(4, id(0, 0), [4])).messages[0]?.message.term, 5);
  assert.equal(bench.receive(n2, vote(4)).messages[0]?.message.term, 5);
  assert.deepEqual(bench.receive(n2, granted(4)).messages, []);
  assert.equal(bench.raft.status().leader, null);
});

test("election deadlines are drawn from the timeout to twice that", () => {
  const bench = new Bench({ term: 1 });
  const drawn = new Set<number>();
  for (let round = 0; round < 200; round++) {
    const waitMs = (bench.raft.deadlineMs() as number) - bench.nowMs;
    assert.ok(waitMs >= 1000 && waitMs < 2000, `${waitMs}`);
    drawn.add(waitMs);
    bench.timeOut();
  }
  assert.ok(drawn.size > 50);
});

test("a member without a vote never asks for one", () => {
  const bench = new Bench({ voters: [n2, n3] });
  assert.equal(bench.raft.deadlineMs(), null);
  bench.nowMs = 9999;
  assert.deepEqual(bench.step({ type: "deadline" }).messages, []);
});

test("two leaders of one term stop the member that sees them (I1)", () => {
  const bench = new Bench({ term: 1 });
  bench.follow(1);
  assert.throws(() => bench.receive(n3, beat(1)), /Term 1 has two leaders, n2 and n3/);
  const leading = new Bench();
  leading.lead();
  assert.throws(() => leading.receive(n3, beat(1)), /two leaders, n1 and n3/);
});

test("who may not stand for election gives its leader up all the same, and takes it up again when it is heard", () => {
  const bench = new Bench({ voters: [n2, n3], term: 1 });
  assert.equal(bench.raft.deadlineMs(), null);
  bench.follow(1);
  const output = bench.timeOut();
  assert.deepEqual(output.roleChange, { role: "follower", term: 1, leader: null });
  assert.deepEqual(output.messages, []);
  assert.equal(bench.raft.deadlineMs(), null);
  assert.equal(bench.follow(1).roleChange?.leader, n2);
});
