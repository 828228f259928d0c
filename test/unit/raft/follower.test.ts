// follower.ts and member.ts: taking over a log, acknowledging it, giving out what is committed.

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { toLogIndex, toTerm } from "../../../proto/ids.ts";
import { append, Bench, beat, id, installed, n1, n2, n3, sent, slice } from "./fixtures.ts";

test("an acknowledgement waits for the write and names what it makes durable", () => {
  const bench = new Bench({ term: 1 });
  const output = bench.receive(n2, append(1, id(0, 0), [1, 1]));
  assert.deepEqual(output.persist?.append, slice(id(0, 0), [1, 1]));
  const [reply] = sent(output, "appendReply");
  assert.deepEqual([reply?.message.matched, reply?.afterPersist], [2, true]);
});

test("the answer to a beat claims only what is durable and known to be the leader's", () => {
  const bench = new Bench({ term: 1, terms: [1, 1], applied: 1 });
  const matched = () => sent(bench.receive(n2, beat(2, { commit: 9 })), "beatReply")[0]?.message.matched;
  assert.equal(matched(), 1, "the applied entry; the second may be another leader's");
  bench.receive(n2, append(2, id(1, 2), [2]));
  assert.equal(matched(), 2);
  bench.persist();
  assert.equal(matched(), 2);
  bench.persist();
  assert.equal(matched(), 3);
});

test("a replaced entry is durable only when its successor is written", () => {
  const bench = new Bench({ term: 1, terms: [1, 1] });
  bench.receive(n2, append(2, id(1, 1), [2]));
  const matched = () => sent(bench.receive(n2, beat(2)), "beatReply")[0]?.message.matched;
  assert.equal(matched(), 1);
  bench.persist();
  assert.equal(matched(), 2);
});

test("what comes again while it is being written is promised once, and again only when it is durable", () => {
  const bench = new Bench({ term: 1 });
  const replies = (terms: readonly number[]) =>
    sent(bench.receive(n2, append(1, id(0, 0), terms)), "appendReply").map(({ message }) => message.matched);
  assert.deepEqual(replies([1]), [1]);
  assert.deepEqual(replies([1]), []);
  assert.deepEqual(replies([1, 1]), [2]);
  bench.persist();
  assert.deepEqual(replies([1]), []);
  bench.persist();
  assert.deepEqual(replies([1]), [2]);
});

test("a beat advances commit only over what matches this leader's log", () => {
  const bench = new Bench({ term: 1, terms: [1, 1, 1] });
  bench.receive(n2, beat(2, { commit: 3 }));
  bench.persist();
  assert.equal(bench.raft.status().commit, 0);
  bench.receive(n2, append(2, id(1, 1), [1], 3));
  assert.equal(bench.raft.status().commit, 2);
});

test("what a former leader verified counts nothing for the next", () => {
  const bench = new Bench({ term: 1 });
  bench.receive(n2, append(1, id(0, 0), [1, 1]));
  bench.persist();
  const reply = sent(bench.receive(n3, beat(2, { commit: 2 })), "beatReply")[0]?.message;
  assert.equal(reply?.matched, 0);
  assert.equal(bench.raft.status().commit, 0);
});

test("entries are given out once, in order, and only when they and the term are durable", () => {
  const bench = new Bench({ term: 1 });
  const output = bench.receive(n2, append(2, id(0, 0), [1, 2], 2));
  assert.equal(bench.raft.status().commit, 2);
  assert.deepEqual(output.committed, []);
  assert.deepEqual(
    bench.persist().committed.map((entry) => entry.index),
    [1, 2],
  );
  assert.deepEqual(bench.receive(n2, beat(2, { commit: 2 })).committed, []);
});

test("a durable entry waits for the record of the term in which it was committed", () => {
  const bench = new Bench({ term: 1, terms: [1] });
  const output = bench.receive(n2, append(2, id(1, 1), [], 1));
  assert.deepEqual([bench.raft.status().commit, output.committed.length], [1, 0]);
  assert.equal(bench.persist().committed.length, 1);
});

test("an append that does not fit is refused at once with a hint", () => {
  const bench = new Bench({ term: 1, terms: [1] });
  const [reject] = sent(bench.receive(n2, append(1, id(1, 5), [1])), "appendReject");
  assert.deepEqual(reject?.message, { type: "appendReject", term: 1, rejected: 5, last: id(1, 1), isBlank: false });
  assert.equal(reject?.afterPersist, false);
});

test("appends and beats put off the election", () => {
  for (const message of [beat(1), append(1, id(0, 0), [1]), append(1, id(1, 7), [1])]) {
    const bench = new Bench({ term: 1 });
    bench.nowMs = 900;
    bench.receive(n2, message);
    assert.ok((bench.raft.deadlineMs() ?? 0) >= 1900);
  }
});

test("a committed entry is never replaced", () => {
  const bench = new Bench({ term: 1, terms: [1, 1], applied: 2 });
  assert.throws(() => bench.receive(n2, append(2, id(1, 1), [2])), /Entry 2 is replaced, committed 2/);
});

test("after a restart commit is what was applied", () => {
  const bench = new Bench({ term: 3, terms: [1, 1, 3], applied: 2 });
  const { commit, first, last, role, leader } = bench.raft.status();
  assert.deepEqual([commit, first, last, role, leader], [2, 1, 3, "follower", null]);
});

test("after a restart the entries of the present term are known to be its leader's, so that an idle group catches up", () => {
  const bench = new Bench({ term: 3, terms: [1, 1, 3], applied: 2 });
  const output = bench.receive(n2, beat(3, { commit: 3, last: 3 }));
  assert.equal(sent(output, "beatReply")[0]?.message.matched, 3);
  assert.equal(bench.raft.status().commit, 3);
});

test("an image that contradicts itself is refused", () => {
  assert.throws(() => new Bench({ term: 1, terms: [1], applied: 2 }), /Applied 2 lies beyond/);
  assert.throws(() => new Bench({ term: 1, previous: id(1, 4), applied: 3 }), /Applied 3 lies below/);
  assert.throws(() => new Bench({ term: 1, terms: [2] }), /is of term 2, above 1/);
  assert.throws(() => new Bench({ voters: [n1, n1] }), /named twice/);
});

test("an installed snapshot replaces the log, is committed, and is acknowledged", () => {
  const bench = new Bench({ term: 2, terms: [1, 1, 1] });
  bench.follow(2);
  const output = bench.step(installed(toTerm(2), id(2, 9)));
  assert.deepEqual(output.persist?.append, slice(id(2, 9), []));
  assert.deepEqual(output.committed, []);
  assert.deepEqual(
    sent(output, "appendReply").map(({ message, afterPersist }) => [message.matched, afterPersist]),
    [[9, true]],
  );
  const { first, last, commit } = bench.raft.status();
  assert.deepEqual([first, last, commit], [10, 9, 9]);
  bench.receive(n2, append(2, id(2, 9), [2], 10));
  bench.persist();
  assert.deepEqual(
    bench.persist().committed.map((entry) => entry.index),
    [10],
  );
});

test("a snapshot is claimed to be durable only when the write of its step is done", () => {
  const bench = new Bench({ term: 2, terms: [1, 1, 1], applied: 1 });
  bench.follow(2);
  bench.step(installed(toTerm(2), id(2, 9)));
  const matched = () => sent(bench.receive(n2, beat(2)), "beatReply")[0]?.message.matched;
  assert.equal(matched(), 1);
  bench.persist();
  assert.equal(matched(), 9);
});

test("an installed snapshot keeps the entries behind its end, and has them written again", () => {
  const bench = new Bench({ term: 2, terms: [1, 1, 1] });
  const output = bench.step(installed(toTerm(2), id(1, 2)));
  assert.deepEqual(output.persist?.append, slice(id(1, 2), [1]));
  assert.equal(bench.raft.status().last, 3);
});

test("a snapshot of a later term, or of less than is committed, is the caller's mistake", () => {
  const bench = new Bench({ term: 2, terms: [1, 1], applied: 2 });
  assert.throws(() => bench.step(installed(toTerm(3), id(3, 9))), /Snapshot of term 3 in term 2/);
  assert.throws(() => bench.step(installed(toTerm(2), id(1, 2))), /below commit 2/);
});

test("two snapshots in a row and appends from before them do no harm (R17)", () => {
  const bench = new Bench({ term: 2 });
  bench.follow(2);
  bench.step(installed(toTerm(2), id(2, 5)));
  bench.step(installed(toTerm(2), id(2, 8)));
  while (bench.writes > 0) bench.persist();
  const reply = sent(bench.receive(n2, append(2, id(1, 2), [1, 2])), "appendReply")[0]?.message;
  assert.equal(reply?.matched, 8);
  assert.equal(bench.raft.status().last, 8);
});

test("compaction stops at what was given out", () => {
  const bench = new Bench({ term: 1, terms: [1, 1, 1], applied: 2 });
  assert.throws(() => bench.step({ type: "compact", upTo: toLogIndex(3) }), /handed out up to 2/);
  bench.step({ type: "compact", upTo: toLogIndex(2) });
  assert.equal(bench.raft.status().first, 3);
});
