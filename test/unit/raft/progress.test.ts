import { strict as assert } from "node:assert";
import { test } from "node:test";
import { toLogIndex, toMemberId, toMillis } from "../../../proto/ids.ts";
import { Progress } from "../../../server/raft/progress.ts";
import { n2 } from "./fixtures.ts";

const at = toMillis;
const ix = toLogIndex;
const patience = { firstMs: 300, lastMs: 5_000 };

/** A follower that agreed up to 5. */
function replicating(): Progress {
  const progress = new Progress({ node: n2, member: toMemberId(1) }, ix(6), toMillis(0));
  progress.sent(ix(5), at(0));
  progress.advance(ix(5), at(1));
  assert.equal(progress.state, "replicate");
  return progress;
}

test("a probe waits for its answer, and an accepted one starts the pipeline", () => {
  const progress = new Progress({ node: n2, member: toMemberId(1) }, ix(6), toMillis(0));
  assert.equal(progress.isWaiting, false);
  progress.sent(ix(8), at(10));
  assert.equal(progress.isWaiting, true);
  assert.equal(progress.next, 6);
  assert.equal(progress.advance(ix(8), at(20)), true);
  assert.deepEqual([progress.state, progress.matched, progress.next], ["replicate", 8, 9]);
  assert.equal(progress.isWaiting, false);
});

test("an answer below the probed place leaves the probe outstanding", () => {
  const progress = new Progress({ node: n2, member: toMemberId(1) }, ix(6), toMillis(0));
  progress.sent(ix(6), at(10));
  progress.advance(ix(3), at(20));
  assert.deepEqual([progress.state, progress.matched, progress.isWaiting], ["probe", 3, true]);
});

test("what a probe carried stays in flight when a beat's answer confirms the place before it", () => {
  const progress = new Progress({ node: n2, member: toMemberId(1) }, ix(6), toMillis(0));
  progress.sent(ix(8), at(10));
  progress.advance(ix(5), at(20));
  assert.deepEqual([progress.state, progress.next, progress.inflight], ["replicate", 9, 3]);
  assert.equal(progress.lossMs(patience), 310);
});

test("in the pipeline next runs ahead, and the wait counts anew with each sign of progress", () => {
  const progress = replicating();
  progress.sent(ix(7), at(10));
  progress.sent(ix(9), at(50));
  assert.deepEqual([progress.next, progress.inflight, progress.lossMs(patience)], [10, 4, 310]);
  progress.advance(ix(7), at(60));
  assert.deepEqual([progress.inflight, progress.lossMs(patience)], [2, 360]);
  progress.advance(ix(9), at(70));
  assert.equal(progress.lossMs(patience), null);
});

test("matched never falls (R4)", () => {
  const progress = replicating();
  assert.equal(progress.advance(ix(3), at(10)), false);
  assert.equal(progress.matched, 5);
  assert.equal(progress.next, 6);
});

test("retreat() goes to the hint, never below what is known to match, never forward", () => {
  const progress = replicating();
  progress.sent(ix(9), at(10));
  assert.equal(progress.retreat(ix(9), ix(2)), true);
  assert.deepEqual([progress.state, progress.next], ["probe", 6]);
  const probing = new Progress({ node: n2, member: toMemberId(1) }, ix(6), toMillis(0));
  assert.equal(probing.retreat(ix(5), ix(20)), true);
  assert.equal(probing.next, 5);
});

test("retreat() ignores answers to older appends", () => {
  const progress = replicating();
  assert.equal(progress.retreat(ix(4), ix(2)), false);
  assert.equal(progress.state, "replicate");
  const probing = new Progress({ node: n2, member: toMemberId(1) }, ix(6), toMillis(0));
  assert.equal(probing.retreat(ix(3), ix(1)), false);
  assert.equal(probing.next, 6);
});

test("nothing is sent during a snapshot, and no rejection ends it", () => {
  const progress = replicating();
  progress.becomeSnapshot();
  assert.equal(progress.retreat(ix(9), ix(2)), false);
  assert.equal(progress.lossMs(patience), null);
  assert.throws(() => progress.sent(ix(9), at(10)), /in state snapshot/);
});

test("a follower is behind since the first of what it has not acknowledged was sent, or since it last came further", () => {
  const progress = replicating();
  assert.equal(progress.behindMs, null);
  progress.sent(ix(7), at(10));
  progress.becomeProbe(ix(6));
  progress.sent(ix(7), at(400));
  assert.equal(progress.behindMs, 10, "a repetition is no headway");
  progress.advance(ix(5), at(500));
  assert.equal(progress.behindMs, 10);
  progress.advance(ix(6), at(600));
  assert.equal(progress.behindMs, 600);
  progress.advance(ix(7), at(700));
  assert.equal(progress.behindMs, null);
});
