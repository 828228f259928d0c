import { strict as assert } from "node:assert";
import { test } from "node:test";
import { type NodeId, toLogIndex, toMemberId, toMillis } from "../../../proto/ids.ts";
import { firstConfiguration, type Membership } from "../../../proto/membership.ts";
import { keepProgress } from "../../../server/raft/followers.ts";
import { type Followed, Progress } from "../../../server/raft/progress.ts";
import { n1, n2, n3, n4 } from "./fixtures.ts";

const { membership } = firstConfiguration([n1, n2]);
const begin = (of: Followed) => new Progress(of, toLogIndex(5), toMillis(0));

function follow(of: Membership, known: ReadonlyMap<NodeId, Progress> = new Map()) {
  return keepProgress(known, of, begin);
}

test("everyone who is sent something is followed once: voters of both sets, and learners now and later", () => {
  const learner = (node: NodeId) => ({ node, member: toMemberId(1) });
  const all = { ...membership, outgoing: firstConfiguration([n2, n3]).membership.voters, learners: [learner(n4)] };
  assert.deepEqual([...follow({ ...all, learnersNext: [learner(n3)] }).keys()], [n1, n2, n3, n4]);
});

test("what is known of a member stays, whatever it becomes; who comes under a new number begins anew", () => {
  const known = follow(membership);
  const asLearner = { ...membership, voters: membership.voters.slice(0, 1) };
  const kept = follow({ ...asLearner, learners: [{ node: n2, member: toMemberId(1) }] }, known);
  assert.equal(kept.get(n2), known.get(n2));
  const anew = follow({ ...asLearner, learners: [{ node: n2, member: toMemberId(2) }] }, known);
  assert.notEqual(anew.get(n2), known.get(n2));
  assert.equal(anew.get(n2)?.member, 2);
});

test("who left is forgotten", () => {
  assert.deepEqual([...follow(firstConfiguration([n1]).membership, follow(membership)).keys()], [n1]);
});
