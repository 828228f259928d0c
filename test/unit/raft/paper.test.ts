// The claims of the Raft paper (Ongaro, Ousterhout, "In Search of an Understandable Consensus Algorithm") and of
// Ongaro's thesis, one test each, with the section in the name.

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { toTerm } from "../../../proto/ids.ts";
import type { RaftMessage } from "../../../proto/raft.ts";
import {
  append,
  appendReply,
  Bench,
  beat,
  id,
  installed,
  n1,
  n2,
  n3,
  n4,
  n5,
  sent,
  slice,
  textOf,
} from "./fixtures.ts";

const vote = (term: number, last = id(0, 0)): RaftMessage => ({
  type: "vote",
  term: toTerm(term),
  last,
  subterm: 0,
  isTransfer: false,
});
const voteReply = (term: number, granted = true): RaftMessage => ({ type: "voteReply", term: toTerm(term), granted });
const preVoteReply = (term: number): RaftMessage => ({ type: "preVoteReply", term: toTerm(term), granted: true });

/** A candidate of the next term in a group of five, its own vote durable. */
function candidate(setting: { term?: number; terms?: number[] } = {}): Bench {
  const bench = new Bench({ voters: [n1, n2, n3, n4, n5], ...setting });
  bench.timeOut();
  const next = bench.raft.status().term + 1;
  bench.receive(n2, preVoteReply(next));
  bench.receive(n3, preVoteReply(next));
  bench.persist();
  return bench;
}

test("5.1: a server that sees a larger term takes it over and follows", () => {
  for (const message of [beat(3), append(3, id(0, 0), []), voteReply(3, false), appendReply(3, 0)]) {
    for (const bench of [new Bench({ term: 1 }), candidate()]) {
      const output = bench.receive(n2, message);
      assert.deepEqual([output.roleChange?.role ?? "follower", bench.raft.status().term], ["follower", 3]);
      assert.deepEqual(output.persist?.hardState, { term: 3, vote: null, standIn: null });
    }
  }
});

test("5.1: a leader that sees a larger term follows", () => {
  const bench = new Bench();
  bench.lead();
  assert.deepEqual(bench.receive(n2, appendReply(3, 0)).roleChange, { role: "follower", term: 3, leader: null });
});

test("5.1: a request with a stale term is refused", () => {
  const bench = new Bench({ term: 3, terms: [1] });
  const output = bench.receive(n2, append(2, id(1, 1), [2]));
  assert.deepEqual(sent(output, "appendReply"), []);
  assert.equal(bench.raft.status().last, 1);
});

test("5.2: servers start as followers", () => {
  assert.deepEqual([new Bench().raft.status().role, new Bench().raft.status().leader], ["follower", null]);
});

test("5.2: a follower that hears nothing for the election timeout begins an election", () => {
  const bench = new Bench({ term: 1 });
  assert.deepEqual(
    sent(bench.timeOut(), "preVote").map(({ to }) => to),
    [n2, n3],
  );
  const output = bench.receive(n2, preVoteReply(2));
  assert.deepEqual(output.roleChange, { role: "candidate", term: 2, leader: null });
  assert.deepEqual(
    sent(output, "vote").map(({ to, message }) => [to, message.term]),
    [
      [n2, 2],
      [n3, 2],
    ],
  );
});

test("5.2: a candidate wins with the votes of a majority, and no fewer", () => {
  const bench = candidate();
  bench.receive(n2, voteReply(1));
  assert.equal(bench.raft.status().role, "candidate");
  assert.equal(bench.receive(n3, voteReply(1)).roleChange?.role, "leader");
});

test("5.2: a candidate that a majority refuses does not lead", () => {
  const bench = candidate();
  for (const peer of [n2, n3, n4]) bench.receive(peer, voteReply(1, false));
  bench.receive(n5, voteReply(1));
  assert.equal(bench.raft.status().role, "follower");
});

test("5.2: votes are given first come, first served, one a term", () => {
  const bench = new Bench({ term: 1 });
  const grants = [n2, n3, n2].map((from) => sent(bench.receive(from, vote(2)), "voteReply")[0]?.message.granted);
  assert.deepEqual(grants, [true, false, true]);
});

test("5.2: a candidate that hears a leader of its term follows it; one of an older term it does not", () => {
  const bench = candidate({ term: 3 });
  bench.receive(n2, beat(3));
  assert.equal(bench.raft.status().role, "candidate");
  assert.deepEqual(bench.receive(n2, beat(4)).roleChange, { role: "follower", term: 4, leader: n2 });
});

test("5.2: an election without outcome is followed by another", () => {
  const bench = candidate();
  const output = bench.timeOut();
  assert.deepEqual(
    sent(output, "preVote").map(({ message }) => message.term),
    [2, 2, 2, 2],
  );
});

test("5.3: a leader appends a proposal to its log and sends it in parallel", () => {
  const bench = new Bench();
  bench.lead();
  for (const peer of [n2, n3]) bench.receive(peer, appendReply(1, 1));
  const output = bench.propose("x");
  assert.deepEqual(
    sent(output, "append").map(({ to, message }) => [to, message.slice.previous.index]),
    [
      [n2, 1],
      [n3, 1],
    ],
  );
});

test("5.3: an entry is committed once a majority has stored it, and with it all before it", () => {
  const bench = new Bench({ voters: [n1, n2, n3, n4, n5], term: 1, terms: [1, 1] });
  bench.lead();
  assert.deepEqual(bench.receive(n2, appendReply(2, 3)).committed, []);
  assert.deepEqual(
    bench.receive(n3, appendReply(2, 3)).committed.map((entry) => entry.index),
    [1, 2, 3],
  );
});

test("5.3: followers learn of commitment from the leader and apply in log order", () => {
  const bench = new Bench({ term: 1 });
  bench.receive(n2, append(1, id(0, 0), [1, 1, 1]));
  bench.persist();
  assert.deepEqual(bench.receive(n2, append(1, id(1, 3), [], 2)).committed.map(textOf), ["1/1", "1/2"]);
  assert.deepEqual(bench.receive(n2, beat(1, { commit: 3 })).committed.map(textOf), ["1/3"]);
});

test("5.3: a follower refuses entries whose predecessor it does not hold", () => {
  const bench = new Bench({ term: 2, terms: [1, 2] });
  assert.equal(sent(bench.receive(n2, append(3, id(3, 2), [3])), "appendReject").length, 1);
  assert.equal(sent(bench.receive(n2, append(3, id(2, 3), [3])), "appendReject").length, 1);
  assert.equal(sent(bench.receive(n2, append(3, id(2, 2), [3])), "appendReply").length, 1);
});

test("5.3: a follower's conflicting entries are replaced by the leader's", () => {
  const bench = new Bench({ term: 4, terms: [1, 2, 2] });
  const output = bench.receive(n2, append(4, id(1, 1), [3, 4]));
  assert.deepEqual(output.persist?.append, slice(id(1, 1), [3, 4]));
});

test("5.3: a leader never removes or replaces entries of its own log", () => {
  const bench = new Bench({ term: 2, terms: [1, 2, 2] });
  bench.lead();
  bench.receive(n2, { type: "appendReject", term: toTerm(3), rejected: 3 as never, last: id(1, 1), isBlank: false });
  assert.ok(bench.raft.holds(id(2, 3)));
});

test("5.3, figure 7: a leader brings every kind of follower's log to its own", () => {
  const led = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];
  const followers = [
    [1, 1, 1, 4, 4, 5, 5, 6, 6],
    [1, 1, 1, 4],
    [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
    [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
    [1, 1, 1, 4, 4, 4, 4],
    [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
  ];
  for (const terms of followers) {
    const leader = new Bench({ term: 7, terms: led });
    const follower = new Bench({ term: 7, terms });
    let append = sent(leader.lead(), "append").find(({ to }) => to === n2)?.message;
    for (let round = 0; append !== undefined; round++) {
      assert.ok(round < 6, "few rounds do");
      const answer = follower.receive(n2, append).messages[0]?.message as RaftMessage;
      append = sent(leader.receive(n2, answer), "append").find(({ to }) => to === n2)?.message;
    }
    assert.equal(follower.raft.status().last, led.length + 1);
    assert.ok(led.every((term, position) => follower.raft.holds(id(term, position + 1))));
  }
});

test("5.4.1: a vote is refused to a candidate whose log is less up to date", () => {
  const cases: [number[], [number, number], boolean][] = [
    [[1], [1, 1], true],
    [[1], [1, 2], true],
    [[1, 1], [1, 1], false],
    [[1], [2, 1], true],
    [[1, 1], [2, 1], true],
    [[2], [1, 1], false],
    [[2], [1, 2], false],
  ];
  for (const [terms, last, granted] of cases) {
    const bench = new Bench({ term: 2, terms });
    const reply = sent(bench.receive(n2, vote(3, id(...last))), "voteReply")[0]?.message;
    assert.equal(reply?.granted, granted, `${terms} for ${last}`);
  }
});

test("5.4.2, figure 8: entries of earlier terms are not committed by counting (R3)", () => {
  const bench = new Bench({ term: 3, terms: [1, 2] });
  bench.lead();
  assert.deepEqual(bench.receive(n2, appendReply(4, 2)).committed, []);
  assert.equal(bench.raft.status().commit, 0);
  assert.deepEqual(
    bench.receive(n2, appendReply(4, 3)).committed.map((entry) => entry.index),
    [1, 2, 3],
  );
});

test("6.4 of the thesis: a leader opens its term with an empty entry", () => {
  const output = new Bench({ term: 1, terms: [1] }).lead();
  assert.equal(output.persist?.append?.entries.length, 1);
  assert.deepEqual(
    [output.persist?.append?.entries[0]?.index, output.persist?.append?.entries[0]?.payload.length],
    [2, 0],
  );
});

test("7: a follower takes a snapshot for the entries that the leader no longer has", () => {
  const bench = new Bench({ term: 1, terms: [1] });
  bench.follow(1);
  bench.step(installed(toTerm(1), id(1, 5)));
  assert.equal(sent(bench.receive(n2, append(1, id(1, 5), [1])), "appendReply")[0]?.message.matched, 6);
});

test("9.6 of the thesis: a server that cannot win raises no term", () => {
  const bench = new Bench({ term: 1 });
  for (let round = 0; round < 5; round++) bench.timeOut();
  assert.equal(bench.raft.status().term, 1);
});

test("10.2.1 of the thesis: a leader sends entries while it writes them, and may commit without its own disk", () => {
  const bench = new Bench();
  bench.lead();
  for (const peer of [n2, n3]) bench.receive(peer, appendReply(1, 1));
  assert.notEqual(bench.propose("x").broadcast, null);
  bench.receive(n2, appendReply(1, 2));
  bench.receive(n3, appendReply(1, 2));
  assert.equal(bench.writes, 1);
  assert.equal(bench.raft.status().commit, 2);
});
