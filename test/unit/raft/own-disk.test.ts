// own-disk.ts: a disk that hangs without an error, under a leader and under one who might stand for election.

import assert from "node:assert/strict";
import { test } from "node:test";
import { toMemberId, toTerm } from "../../../proto/ids.ts";
import type { RaftMessage } from "../../../proto/raft.ts";
import { append, appendReply, Bench, beatReply, id, n1, n2, n3, sent } from "./fixtures.ts";

const patienceMs = 5_000;
const timeoutNow: RaftMessage = { type: "timeoutNow", term: toTerm(1) };

/** A leader of term 1 whose opening entry everybody holds. */
function leading(voters = [n1, n2, n3]): Bench {
  const bench = new Bench({ voters });
  bench.lead();
  for (const peer of voters.slice(1)) bench.receive(peer, appendReply(1, 1));
  return bench;
}

/** Beats are answered all the while. */
function run(bench: Bench, untilMs: number, peers = [n2, n3], matched = 1): void {
  while (bench.nowMs < untilMs) {
    bench.nowMs = Math.min(untilMs, bench.nowMs + 200);
    for (const peer of peers) bench.receive(peer, beatReply(1, 1, matched));
    bench.step({ type: "deadline" });
  }
}

test("a leader gives way to who holds the most when the others have gone on without its disk for long", () => {
  const bench = leading();
  bench.propose("a");
  bench.receive(n2, appendReply(1, 2));
  bench.receive(n3, appendReply(1, 2));
  const sinceMs = bench.nowMs;
  run(bench, sinceMs + patienceMs - 1);
  bench.raft.beatFor(n2);
  bench.step({ type: "read", read: 7 });
  assert.equal(bench.raft.deadlineMs(), sinceMs + patienceMs);
  const output = bench.timeOut();
  assert.deepEqual(output.roleChange, { role: "follower", term: 1, leader: null });
  assert.deepEqual(
    sent(output, "timeoutNow").map(({ to }) => to),
    [n2],
  );
  assert.deepEqual(output.refusedReads, [7]);
});

test("a leader whose disk is as slow as those of the others goes on, and waits for it from when it is alone with that", () => {
  const bench = leading();
  bench.propose("a");
  run(bench, bench.nowMs + 3 * patienceMs);
  assert.equal(bench.raft.status().role, "leader");
  bench.receive(n2, appendReply(1, 2));
  assert.equal(bench.raft.status().commit, 1);
  bench.receive(n3, appendReply(1, 2));
  const sinceMs = bench.nowMs;
  run(bench, sinceMs + patienceMs - 1);
  assert.equal(bench.raft.status().role, "leader");
  assert.equal(bench.persist().committed.length, 1);
  run(bench, sinceMs + 2 * patienceMs, [n2, n3], 2);
  assert.equal(bench.raft.status().role, "leader");
});

test("a disk that finishes one write after the other is waited for anew with each", () => {
  const bench = leading();
  for (let index = 2; index < 8; index++) {
    bench.propose("a");
    for (const peer of [n2, n3]) bench.receive(peer, appendReply(1, index));
    run(bench, bench.nowMs + 0.4 * patienceMs, [n2, n3], index);
    if (index > 2) bench.persist();
  }
  assert.equal(bench.raft.status().role, "leader");
});

test("a leader without which nobody could go on waits for its disk for ever", () => {
  const bench = leading([n1, n2]);
  bench.propose("a");
  bench.receive(n2, appendReply(1, 2));
  run(bench, bench.nowMs + 3 * patienceMs, [n2], 2);
  assert.equal(bench.raft.status().role, "leader");
});

test("a disk that has nothing to write is never due", () => {
  const bench = leading();
  run(bench, bench.nowMs + 3 * patienceMs);
  assert.equal(bench.raft.status().role, "leader");
  assert.ok((bench.raft.deadlineMs() ?? 0) <= bench.nowMs + 1_000, "the next look at the quorum");
});

test("who waits for its disk for long does not stand for election, asked to or not, until the disk is back", () => {
  const bench = new Bench({ term: 1 });
  bench.receive(n2, append(1, id(0, 0), [1]));
  bench.nowMs = patienceMs;
  const output = bench.step({ type: "deadline" });
  assert.deepEqual(output.messages, []);
  assert.deepEqual(output.roleChange, { role: "follower", term: 1, leader: null });
  assert.ok((bench.raft.deadlineMs() ?? 0) > bench.nowMs);
  assert.equal(bench.receive(n2, timeoutNow).roleChange, null);
  bench.persist();
  assert.equal(bench.receive(n2, timeoutNow).roleChange?.role, "candidate");
});

test("a leader gives way also to one that its own disk keeps from being counted, as long as that one is there", () => {
  const bench = leading();
  bench.propose("a");
  bench.receive(n3, appendReply(1, 2));
  const sinceMs = bench.nowMs;
  const runOn = (untilMs: number, isThere: boolean) => {
    while (bench.nowMs < untilMs) {
      run(bench, bench.nowMs + 200, [n3], 2);
      if (isThere) bench.step({ type: "unproven", from: n2, member: toMemberId(1) });
    }
  };
  runOn(sinceMs + 0.8 * patienceMs, true);
  runOn(sinceMs + 2 * patienceMs, false);
  assert.equal(bench.raft.status().role, "leader");
  runOn(bench.nowMs + patienceMs, true);
  assert.equal(bench.raft.status().role, "leader");
  assert.equal(bench.raft.status().commit, 1);
  const output = bench.timeOut();
  assert.deepEqual(
    sent(output, "timeoutNow").map(({ to }) => to),
    [n3],
  );
  assert.equal(bench.raft.status().role, "follower");
});

test("one that is not counted yet is not enough to give way to, nor is one that speaks as another member", () => {
  const bench = leading();
  bench.propose("a");
  for (const [member, acknowledged] of [
    [1, 1],
    [2, 2],
  ] as const) {
    const untilMs = bench.nowMs + 2 * patienceMs;
    while (bench.nowMs < untilMs) {
      run(bench, bench.nowMs + 200, [n3], acknowledged);
      bench.step({ type: "unproven", from: n2, member: toMemberId(member) });
    }
    assert.equal(bench.raft.status().role, "leader");
  }
});
