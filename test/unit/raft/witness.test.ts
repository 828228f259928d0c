// witness.ts: two owners and a witness, as their leader sees them, and what the witness promises.

import assert from "node:assert/strict";
import { test } from "node:test";
import { toLogIndex, toTerm } from "../../../proto/ids.ts";
import type { RaftMessage } from "../../../proto/raft.ts";
import type { RaftOutput } from "../../../server/raft/types.ts";
import { appendReply, Bench, beatReply, id, n1, n2, n3, type Setting, sent } from "./fixtures.ts";

const pair: Setting = { voters: [n1, n2], witness: n3 };

function standInReply(term: number, subterm: number): RaftMessage {
  return { type: "standInReply", term: toTerm(term), subterm };
}

const owners = (output: RaftOutput) => sent(output, "standIn").map(({ to, message }) => `${to} for ${message.owners}`);

test("the witness stands in for an owner that answers and needs a snapshot first, as long as that takes", () => {
  const bench = new Bench({ ...pair, term: 1, previous: id(1, 100) });
  bench.lead();
  const rejected = toLogIndex(100);
  bench.receive(n2, { type: "appendReject", term: toTerm(2), rejected, last: id(1, 4), isBlank: false });
  bench.receive(n2, beatReply(2, 1, 4));
  assert.deepEqual(owners(bench.receive(n3, beatReply(2, 1, 0))), ["n3 for n1"]);
  assert.equal(bench.receive(n3, standInReply(2, 1)).committed.length, 1);
  bench.nowMs += 200;
  bench.receive(n2, beatReply(2, 1, 100));
  assert.deepEqual(bench.raft.status().standIn, [n1]);
  bench.nowMs += 200;
  bench.receive(n2, beatReply(2, 1, 101));
  bench.receive(n3, beatReply(2, 1, 0));
  assert.equal(bench.raft.status().standIn, null);
});

/** n2 was away, the witness stands in, and n1 goes on writing; `lacked` entries of n2 are always on their way. */
function underLoad(lacked: number): Bench {
  const bench = new Bench(pair);
  bench.lead();
  bench.receive(n2, appendReply(1, 1));
  bench.nowMs += 600;
  bench.receive(n3, beatReply(1, 1, 0));
  bench.receive(n3, standInReply(1, 1));
  for (let last = 2; last <= 20; last++) {
    bench.nowMs += 200;
    bench.propose("a");
    bench.persist();
    bench.receive(n2, appendReply(1, Math.max(1, last - lacked)));
    bench.receive(n2, beatReply(1, 1, 1));
    bench.receive(n3, beatReply(1, 1, 0));
    if (bench.raft.status().standIn === null) break;
  }
  return bench;
}

test("under load the witness is dismissed when the other owner keeps pace, though it never has the last entry", () => {
  const bench = underLoad(1);
  const { standIn, commit, last } = bench.raft.status();
  assert.equal(standIn, null);
  assert.equal(commit, last - 1, "all before what dismisses the witness was committed with its vote");
  bench.persist();
  assert.equal(bench.raft.status().commit, commit, "from now on both owners commit");
  bench.receive(n2, appendReply(1, last));
  assert.equal(bench.raft.status().commit, last);
});

test("under load the witness goes on standing in for an owner that trails by more than a moment", () => {
  assert.deepEqual(underLoad(3).raft.status().standIn, [n1]);
});

test("a witness that is asked again while its record is being written promises once", () => {
  const bench = new Bench({ options: { isWitness: true } });
  const ask = (subterm: number) =>
    sent(bench.receive(n2, { type: "standIn", term: toTerm(1), subterm, owners: [n2] }), "standInReply").length;
  assert.deepEqual([ask(1), ask(1), ask(1)], [1, 0, 0]);
  bench.persist();
  assert.deepEqual([ask(1), ask(2), ask(1), ask(2)], [1, 1, 0, 0]);
});
