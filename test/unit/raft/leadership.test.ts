// leadership.ts and raft.ts: commit, reads, CheckQuorum, beats and deadlines of a leader.

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { toLogIndex } from "../../../proto/ids.ts";
import { append, appendReply, Bench, beatReply, id, n1, n2, n3, n4, n5, textOf } from "./fixtures.ts";

function leading(voters = [n1, n2, n3]): Bench {
  const bench = new Bench({ voters });
  bench.lead();
  return bench;
}

const read = (bench: Bench, number: number) => bench.step({ type: "read", read: number });

test("a leader counts its own entries only once they are durable (R11)", () => {
  const bench = leading();
  bench.receive(n2, appendReply(1, 1));
  bench.propose("a");
  assert.equal(bench.receive(n2, appendReply(1, 2)).committed.length, 0);
  assert.equal(bench.raft.status().commit, 1, "one of three is no quorum");
  assert.deepEqual(bench.persist().committed.map(textOf), ["a"]);
});

test("a quorum without the leader commits, but the leader applies when its own write is done", () => {
  const bench = leading();
  bench.receive(n2, appendReply(1, 1));
  bench.propose("a");
  bench.receive(n2, appendReply(1, 2));
  assert.deepEqual(bench.receive(n3, appendReply(1, 2)).committed, []);
  assert.equal(bench.raft.status().commit, 2);
  assert.deepEqual(bench.persist().committed.map(textOf), ["a"]);
});

test("a group of one voter leads and commits alone, after its own writes, and is never due when idle", () => {
  const bench = new Bench({ voters: [n1] });
  bench.timeOut();
  assert.equal(bench.raft.status().role, "candidate");
  assert.equal(bench.persist().roleChange?.role, "leader");
  assert.equal(read(bench, 1).readable.length, 0);
  assert.deepEqual(bench.persist().readable, [{ read: 1, index: 1 }]);
  assert.equal(bench.propose("a").committed.length, 0);
  assert.deepEqual(bench.persist().committed.map(textOf), ["a"]);
  assert.deepEqual(read(bench, 2).readable, [{ read: 2, index: 2 }]);
  assert.equal(read(bench, 3).beatNow, false);
  assert.equal(bench.raft.deadlineMs(), null);
});

test("a leader that hears no quorum for the election timeout steps down and refuses its reads", () => {
  const bench = leading([n1, n2, n3, n4, n5]);
  const sinceMs = bench.nowMs;
  read(bench, 7);
  bench.nowMs = sinceMs + 600;
  bench.receive(n2, beatReply(1, 1, 0));
  bench.nowMs = sinceMs + 700;
  bench.receive(n3, appendReply(1, 1));
  bench.nowMs = sinceMs + 1599;
  bench.step({ type: "deadline" });
  assert.equal(bench.raft.status().role, "leader");
  bench.nowMs = sinceMs + 1600;
  const output = bench.step({ type: "deadline" });
  assert.deepEqual(output.roleChange, { role: "follower", term: 1, leader: null });
  assert.deepEqual(output.refusedReads, [7]);
});

test("the leader's deadline is never later than the quorum check", () => {
  const bench = leading();
  const sinceMs = bench.nowMs;
  bench.receive(n2, appendReply(1, 1));
  bench.receive(n3, appendReply(1, 1));
  assert.equal(bench.raft.deadlineMs(), sinceMs + 1000);
});

test("a read waits for a quorum's answer to a beat that left after it", () => {
  const bench = leading();
  bench.receive(n2, appendReply(1, 1));
  const before = bench.raft.beatFor(n2)?.round ?? 0;
  assert.equal(read(bench, 1).beatNow, true);
  assert.deepEqual(bench.receive(n2, beatReply(1, before, 1)).readable, []);
  const round = bench.raft.beatFor(n2)?.round ?? 0;
  assert.deepEqual(bench.receive(n2, beatReply(1, round, 1)).readable, [{ read: 1, index: 1 }]);
  assert.deepEqual(bench.receive(n3, beatReply(1, round, 1)).readable, []);
});

test("reads share a round until a beat carries it", () => {
  const bench = leading();
  bench.receive(n2, appendReply(1, 1));
  bench.raft.beatFor(n2);
  read(bench, 1);
  read(bench, 2);
  const round = bench.raft.beatFor(n2)?.round ?? 0;
  assert.equal(bench.receive(n3, beatReply(1, round, 1)).readable.length, 2);
});

test("a new leader serves no read before an entry of its own term is committed (R12)", () => {
  const bench = new Bench({ term: 1, terms: [1, 1] });
  bench.lead();
  read(bench, 1);
  const round = bench.raft.beatFor(n2)?.round ?? 0;
  assert.deepEqual(bench.receive(n2, beatReply(2, round, 0)).readable, []);
  assert.deepEqual(bench.receive(n2, appendReply(2, 3)).readable, [{ read: 1, index: 3 }]);
});

test("a read sees what was committed when it came", () => {
  const bench = leading();
  bench.receive(n2, appendReply(1, 1));
  bench.propose("a");
  bench.persist();
  bench.receive(n2, appendReply(1, 2));
  read(bench, 1);
  const round = bench.raft.beatFor(n3)?.round ?? 0;
  assert.deepEqual(bench.receive(n3, beatReply(1, round, 1)).readable, [{ read: 1, index: 2 }]);
});

test("who does not lead refuses reads", () => {
  const bench = new Bench({ term: 1 });
  assert.deepEqual(read(bench, 4).refusedReads, [4]);
});

test("reads are refused when a higher term deposes the leader", () => {
  const bench = leading();
  read(bench, 4);
  assert.deepEqual(bench.receive(n3, append(2, id(0, 0), [2])).refusedReads, [4]);
});

test("a beat says term, commit and last, and goes to followers only", () => {
  const bench = leading();
  bench.receive(n2, appendReply(1, 1));
  bench.propose("a");
  assert.deepEqual(bench.raft.beatFor(n2), { type: "beat", term: 1, round: 1, commit: 1, last: 2 });
  assert.equal(bench.raft.beatFor(n1), null);
  assert.equal(bench.raft.beatFor(n4), null);
});

test("time that runs backwards counts as standing still", () => {
  const bench = leading();
  const deadlineMs = bench.raft.deadlineMs();
  bench.nowMs = 0;
  bench.receive(n2, appendReply(1, 1));
  assert.ok((bench.raft.deadlineMs() ?? 0) >= (deadlineMs ?? 0) - 700);
  assert.equal(bench.raft.status().peers[0]?.heardMs !== 0, true);
});

test("committedFrom() gives out committed entries only, within bytes, and says when they are gone", () => {
  const bench = new Bench({ term: 1, terms: [1, 1, 1], applied: 2 });
  const from = (first: number, bytesMax: number) => bench.raft.committedFrom(toLogIndex(first), bytesMax);
  assert.deepEqual(
    from(1, 99)?.entries.map((entry) => entry.index),
    [1, 2],
  );
  assert.deepEqual(
    from(1, 1)?.entries.map((entry) => entry.index),
    [1],
  );
  assert.deepEqual(from(3, 99), { previous: id(1, 2), entries: [] });
  bench.step({ type: "compact", upTo: toLogIndex(1) });
  assert.equal(from(1, 99), null);
});
