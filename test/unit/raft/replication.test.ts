// replication.ts and leader.ts: the pipeline, its limits, what is done about losses and snapshots.

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { toLogIndex, toTerm } from "../../../proto/ids.ts";
import type { RaftMessage } from "../../../proto/raft.ts";
import type { RaftOutput } from "../../../server/raft/types.ts";
import { append, appendReply, Bench, beatReply, id, n1, n2, n3, n4, type Setting, sent, textOf } from "./fixtures.ts";

/** A leader of term 1 whose followers have acknowledged the opening entry. */
function leading(setting: Setting = {}): Bench {
  const bench = new Bench(setting);
  bench.lead();
  for (const peer of (setting.voters ?? [n1, n2, n3]).slice(1)) bench.receive(peer, appendReply(1, 1));
  return bench;
}

const appends = (output: RaftOutput) =>
  sent(output, "append").map(({ to, message: { slice } }) => `${to} ${slice.previous.index}+${slice.entries.length}`);

function reject(term: number, rejected: number, last = id(0, 0)): RaftMessage {
  return { type: "appendReject", term: toTerm(term), rejected: toLogIndex(rejected), last, isBlank: false };
}

test("a proposal goes to all followers in one broadcast, before the leader's own write is done", () => {
  const bench = leading();
  const output = bench.propose("a", "b");
  assert.equal(output.accepted, 2);
  assert.deepEqual(output.broadcast?.to, [n2, n3]);
  assert.deepEqual(output.broadcast?.message.slice.entries.map(textOf), ["a", "b"]);
  assert.deepEqual(output.messages, []);
  assert.deepEqual(output.persist?.append?.entries.map(textOf), ["a", "b"]);
});

test("one follower in the pipeline gets the append by itself", () => {
  const bench = new Bench();
  bench.lead();
  bench.receive(n2, appendReply(1, 1));
  const output = bench.propose("a");
  assert.equal(output.broadcast, null);
  assert.deepEqual(appends(output), ["n2 1+1"]);
});

test("a follower without room is left out of the broadcast and goes on by itself", () => {
  const bench = leading({ voters: [n1, n2, n3, n4], options: { inflightEntriesMax: 2 } });
  bench.propose("a", "b");
  bench.receive(n2, appendReply(1, 3));
  bench.receive(n4, appendReply(1, 3));
  const output = bench.propose("c");
  assert.deepEqual(output.broadcast?.to, [n2, n4]);
  assert.deepEqual(output.messages, []);
  assert.deepEqual(appends(bench.receive(n3, appendReply(1, 2))), ["n3 3+1"]);
});

test("the pipeline does not wait for acknowledgements, up to the limit of entries", () => {
  const bench = leading({ options: { inflightEntriesMax: 2 } });
  assert.deepEqual(appends(bench.propose("a")), ["n2 1+1", "n3 1+1"]);
  assert.deepEqual(appends(bench.propose("b")), ["n2 2+1", "n3 2+1"]);
  assert.deepEqual(appends(bench.propose("c")), []);
  assert.deepEqual(appends(bench.receive(n2, appendReply(1, 2))), ["n2 3+1"]);
});

test("in flight are never more bytes than allowed, except one entry", () => {
  const bench = leading({ options: { inflightBytesMax: 10 } });
  assert.deepEqual(appends(bench.propose("x".repeat(30))), ["n2 1+1", "n3 1+1"]);
  assert.deepEqual(appends(bench.propose("12345678")), []);
  assert.deepEqual(appends(bench.receive(n2, appendReply(1, 2))), ["n2 2+1"]);
  assert.deepEqual(appends(bench.propose("123")), []);
});

test("an append holds no more bytes than allowed, and a long tail goes in several", () => {
  const bench = leading({ options: { appendBytesMax: 5 } });
  const output = bench.propose("aa", "bb", "cc", "dddddddd");
  assert.equal(output.broadcast, null);
  assert.deepEqual(appends(output), ["n2 1+2", "n2 3+1", "n2 4+1", "n3 1+2", "n3 3+1", "n3 4+1"]);
});

test("proposals are refused while too many bytes wait to be committed", () => {
  const bench = leading({ options: { uncommittedBytesMax: 10 } });
  assert.equal(bench.propose("x".repeat(50)).accepted, 2, "the first always fits");
  const refused = bench.propose("a");
  assert.deepEqual([refused.accepted, refused.persist, refused.broadcast], [null, null, null]);
  bench.persist();
  bench.receive(n2, appendReply(1, 2));
  assert.equal(bench.propose("a").accepted, 3);
});

test("only a leader accepts proposals", () => {
  const bench = new Bench({ term: 1 });
  bench.follow(1);
  assert.equal(bench.propose("a").accepted, null);
  assert.throws(() => bench.propose(""), /empty payload/i);
});

test("what nobody acknowledged for the resend time is sent again, directly", () => {
  const bench = leading();
  bench.propose("a");
  assert.equal(bench.raft.deadlineMs(), bench.nowMs + 300);
  bench.nowMs += 299;
  assert.deepEqual(appends(bench.step({ type: "deadline" })), []);
  bench.nowMs += 1;
  const output = bench.step({ type: "deadline" });
  assert.equal(output.broadcast, null);
  assert.deepEqual(appends(output), ["n2 1+1", "n3 1+1"]);
  assert.equal(bench.raft.status().peers[0]?.state, "probe");
  assert.deepEqual(appends(bench.propose("b")), [], "a probe waits for its answer");
  assert.deepEqual(appends(bench.receive(n2, appendReply(1, 2))), ["n2 2+1"]);
});

test("a silent follower is not sent the same for ever; its first answer to a beat resumes", () => {
  const bench = leading();
  bench.propose("a");
  for (let count = 0; count < 10; count++) {
    bench.nowMs += 300;
    bench.receive(n2, beatReply(1, 1, 2));
    bench.step({ type: "deadline" });
  }
  bench.nowMs += 300;
  assert.deepEqual(appends(bench.step({ type: "deadline" })), []);
  assert.deepEqual(appends(bench.receive(n3, beatReply(1, 1, 1))), ["n3 1+1"]);
});

test("the answer to a beat shows that a publication was lost, and it is sent again at once", () => {
  const bench = leading();
  bench.propose("a");
  bench.nowMs += 74;
  assert.deepEqual(appends(bench.receive(n3, beatReply(1, 1, 1))), [], "it may still be on its way");
  bench.nowMs += 1;
  assert.deepEqual(appends(bench.receive(n3, beatReply(1, 1, 1))), ["n3 1+1"]);
  assert.deepEqual(appends(bench.receive(n2, beatReply(1, 1, 2))), []);
});

test("a follower that answers beats and acknowledges nothing is sent one append again, ever more rarely", () => {
  const bench = leading({ options: { appendBytesMax: 5 } });
  bench.propose("aaaa", "bbbb", "cccc");
  const again: number[] = [];
  for (let beats = 1; beats <= 100; beats++) {
    bench.nowMs += 200;
    bench.receive(n2, beatReply(1, 1, 4));
    const resent = appends(bench.receive(n3, beatReply(1, 1, 1)));
    bench.step({ type: "deadline" });
    if (resent.length > 0) again.push(beats);
    assert.ok(resent.length === 0 || resent.join() === "n3 1+1", resent.join());
  }
  assert.deepEqual(again, [1, 2, 4, 7, 13, 25, 49, 74, 99]);
  assert.deepEqual(appends(bench.receive(n3, appendReply(1, 2))), ["n3 2+1", "n3 3+1"]);
  bench.nowMs += 75;
  assert.deepEqual(appends(bench.receive(n3, beatReply(1, 1, 2))), ["n3 2+1"], "as patient as in the beginning");
});

test("the answer to a beat acknowledges like an appendReply", () => {
  const bench = leading();
  bench.propose("a");
  bench.persist();
  assert.deepEqual(bench.receive(n2, beatReply(1, 1, 2)).committed.map(textOf), ["a"]);
});

test("a refused append falls back to where the terms say that the logs may agree", () => {
  const bench = new Bench({ term: 5, terms: [1, 1, 4, 4, 5, 5] });
  bench.lead();
  // n2 has terms 1 1 3 3 3 3: nothing of term 4 or 5.
  const output = bench.receive(n2, reject(6, 6, id(3, 5)));
  assert.deepEqual(appends(output), ["n2 2+5"]);
  assert.deepEqual(appends(bench.receive(n2, reject(6, 6, id(3, 5)))), [], "the same refusal again");
});

test("acknowledgements of more than the log holds, of strangers and of older terms count nothing (R17)", () => {
  const bench = leading();
  bench.propose("a");
  bench.persist();
  bench.receive(n2, appendReply(1, 99));
  bench.receive(n2, beatReply(1, 99, 2));
  bench.receive("n9" as never, appendReply(1, 2));
  bench.receive(n2, appendReply(0, 2));
  assert.equal(bench.raft.status().commit, 1);
  assert.equal(bench.raft.status().peers[0]?.matched, 1);
});

test("a follower whose next entry is gone needs a snapshot, named once, and gets no appends meanwhile", () => {
  const bench = leading();
  bench.propose("a", "b");
  bench.persist();
  bench.receive(n2, appendReply(1, 3));
  bench.step({ type: "compact", upTo: toLogIndex(3) });
  bench.nowMs += 100;
  const output = bench.receive(n3, beatReply(1, 1, 1));
  assert.deepEqual(output.needSnapshot, [n3]);
  assert.deepEqual(appends(output), []);
  assert.deepEqual(bench.receive(n3, beatReply(1, 1, 1)).needSnapshot, []);
  assert.deepEqual(appends(bench.propose("c")), ["n2 3+1"]);
  assert.deepEqual(appends(bench.step({ type: "snapshotSent", peer: n3, last: id(1, 3) })), ["n3 3+1"]);
});

test("a failed transfer is tried again after the resend time, not at once", () => {
  const bench = leading();
  bench.propose("a");
  bench.persist();
  bench.receive(n2, appendReply(1, 2));
  bench.step({ type: "compact", upTo: toLogIndex(2) });
  bench.nowMs += 300;
  assert.deepEqual(bench.step({ type: "deadline" }).needSnapshot, [n3]);
  assert.deepEqual(bench.step({ type: "snapshotSent", peer: n3, last: null }).needSnapshot, []);
  bench.nowMs += 299;
  assert.deepEqual(bench.receive(n3, beatReply(1, 1, 1)).needSnapshot, []);
  bench.nowMs += 1;
  assert.deepEqual(bench.step({ type: "deadline" }).needSnapshot, [n3]);
});

test("a follower that turns out to hold enough ends its snapshot by itself", () => {
  const bench = leading();
  bench.propose("a", "b");
  bench.persist();
  bench.receive(n2, appendReply(1, 3));
  bench.step({ type: "compact", upTo: toLogIndex(2) });
  bench.nowMs += 300;
  assert.deepEqual(bench.step({ type: "deadline" }).needSnapshot, [n3]);
  assert.deepEqual(appends(bench.receive(n3, appendReply(1, 2))), ["n3 2+1"]);
});

test("the end of a transfer that was not asked for changes nothing", () => {
  const bench = leading();
  assert.deepEqual(bench.step({ type: "snapshotSent", peer: n2, last: null }).messages, []);
  assert.equal(bench.raft.status().peers[0]?.state, "replicate");
  const follower = new Bench({ term: 1 });
  assert.deepEqual(follower.step({ type: "snapshotSent", peer: n2, last: null }).messages, []);
});

test("a former leader's answers to its followers' acknowledgements stop with its term", () => {
  const bench = leading();
  bench.propose("a");
  bench.receive(n3, append(2, id(1, 1), [2]));
  assert.equal(bench.raft.status().role, "follower");
  assert.deepEqual(bench.receive(n2, appendReply(2, 2)).messages, []);
  assert.equal(bench.raft.beatFor(n2), null);
});
