// In which order what one step of the core has made leaves the node.

import assert from "node:assert/strict";
import { test } from "node:test";
import { toGroupId, toIncarnation, toLogIndex, toMemberId, toMillis, toNodeId, toTerm } from "../../../proto/ids.ts";
import { firstConfiguration } from "../../../proto/membership.ts";
import { Outbox } from "../../../server/node/outbox.ts";
import { Replica } from "../../../server/node/replica.ts";
import { Vouching } from "../../../server/node/vouching.ts";
import type { RaftOutput } from "../../../server/raft/types.ts";

const [a, b] = [toNodeId("a"), toNodeId("b")];
const { membership } = firstConfiguration([toNodeId("self"), a, b]);

function append(commit: number) {
  const slice = { previous: { term: toTerm(1), index: toLogIndex(1) }, entries: [] };
  return { type: "append", term: toTerm(1), slice, commit: toLogIndex(commit) } as const;
}

/** Commit indexes in the order in which they leave. */
function commitsOf(singles: readonly number[], position: number): readonly number[] {
  const output = {
    persist: null,
    messages: singles.map((commit) => ({ to: a, message: append(commit), afterPersist: false })),
    broadcast: { to: [a, b], message: append(2), position },
    committed: [],
    readable: [],
    refusedReads: [],
    needSnapshot: [],
    membership: null,
    roleChange: null,
    beatNow: false,
  } as unknown as RaftOutput;
  const out = new Outbox();
  const key = { group: toGroupId("g"), incarnation: toIncarnation(1), member: toMemberId(1) };
  const parts = { ...key, raft: { membership, step: () => output }, entries: [] };
  const replica = new Replica(
    parts as never,
    { out, vouching: new Vouching(), logKept: { bytes: 1, entries: 1 } } as never,
    {} as never,
  );
  replica.step({ type: "deadline" }, toMillis(0));
  return out.take(toLogIndex(0), "").flatMap((effect) => {
    const message = effect.type === "send" ? effect.message : null;
    return message?.type === "raft" && message.message.type === "append" ? [message.message.commit] : [];
  });
}

test("a message to all leaves at its place among those to one", () => {
  assert.deepEqual(commitsOf([3, 3], 0), [2, 2, 3, 3]);
  assert.deepEqual(commitsOf([1, 3], 1), [1, 2, 2, 3]);
  assert.deepEqual(commitsOf([1, 1], 2), [1, 1, 2, 2]);
  assert.deepEqual(commitsOf([], 0), [2, 2]);
});
