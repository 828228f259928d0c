import assert from "node:assert/strict";
import { test } from "node:test";
import { toLogIndex, toMillis, toTerm } from "../../../proto/ids.ts";
import { firstConfiguration, founderId } from "../../../proto/membership.ts";
import { Random } from "../../../proto/random.ts";
import { createRaft } from "../../../server/node/raft-options.ts";
import { n1, n2, n3 } from "./cluster.ts";

function raftWith(hardTerm: number, logTerm: number) {
  const entry = { term: toTerm(logTerm), index: toLogIndex(1), payload: Uint8Array.of(1) };
  const previous = { term: toTerm(0), index: toLogIndex(0) };
  const start = {
    self: n1,
    member: founderId,
    isWitness: false,
    configuration: firstConfiguration([n1, n2, n3]),
    hardState: { term: toTerm(hardTerm), vote: n2, standIn: null },
    log: { previous, entries: [entry] },
    applied: toLogIndex(0),
    leaseRead: null,
  };
  return createRaft(start, new Random(1), toMillis(0));
}

function voteFor3(term: number) {
  const last = { term: toTerm(9), index: toLogIndex(9) };
  const message = { type: "vote", term: toTerm(term), last, subterm: 0, isTransfer: false } as const;
  return { type: "message", from: n3, member: founderId, message } as const;
}

test("a replica starts in the term of its log when a crash has kept the log and lost the hard state", () => {
  const raft = raftWith(4, 5);
  assert.equal(raft.status().term, 5);
  const { messages } = raft.step(voteFor3(5), toMillis(1));
  assert.ok(messages.some(({ message }) => message.type === "voteReply" && message.granted));
});

test("a replica keeps the vote of a term that its hard state knows", () => {
  const raft = raftWith(5, 5);
  const { messages } = raft.step(voteFor3(5), toMillis(1));
  assert.ok(messages.every(({ message }) => message.type !== "voteReply" || !message.granted));
});
