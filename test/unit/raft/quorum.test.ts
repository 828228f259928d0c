import { strict as assert } from "node:assert";
import { test } from "node:test";
import fc from "fast-check";
import { type NodeId, toLogIndex, toMemberId, toNodeId } from "../../../proto/ids.ts";
import { firstConfiguration, type Membership, type Voter } from "../../../proto/membership.ts";
import { jointValue, quorumValue, quorumVotes, totalVotes, voteResult } from "../../../server/raft/quorum.ts";

const names = (count: number) => Array.from({ length: count }, (_, position) => toNodeId(`n${position + 1}`));
const weighted = (...votes: number[]): Voter[] =>
  votes.map((vote, at) => ({ node: toNodeId(`n${at + 1}`), member: toMemberId(1), votes: vote, isWitness: false }));
const some = fc.array(fc.nat(5), { minLength: 1, maxLength: 7 }).filter((votes) => votes.some((vote) => vote > 0));

test("quorumVotes() is the least that makes any two quorums share a vote", () => {
  fc.assert(
    fc.property(some, (votes) => {
      const total = totalVotes(weighted(...votes));
      const quorum = quorumVotes(weighted(...votes));
      assert.ok(2 * quorum > total, `${quorum} of ${total}`);
      assert.ok(2 * (quorum - 1) <= total, `${quorum} of ${total} is the least`);
    }),
  );
  assert.throws(() => quorumVotes([]), /None of 0 voters has a vote/);
});

test("quorumValue() is what a quorum of votes has reached, no more and no less", () => {
  fc.assert(
    fc.property(some, fc.array(fc.nat(20), { minLength: 7, maxLength: 7 }), (votes, matched) => {
      const voters = weighted(...votes);
      const at = (voter: Voter) => toLogIndex(matched[voters.indexOf(voter)] ?? 0);
      const index = quorumValue(voters, at);
      const holders = (least: number) => totalVotes(voters.filter((voter) => at(voter) >= least));
      assert.ok(holders(index) >= quorumVotes(voters));
      assert.ok(holders(index + 1) < quorumVotes(voters));
    }),
  );
});

test("jointValue() is the lower of what both sets have reached", () => {
  const joint: Membership = {
    ...firstConfiguration(names(1)).membership,
    outgoing: firstConfiguration(names(3)).membership.voters,
  };
  const at = new Map([9, 4, 7].map((index, position) => [toNodeId(`n${position + 1}`), toLogIndex(index)]));
  assert.equal(
    jointValue(joint, ({ node }) => at.get(node) ?? toLogIndex(0)),
    7,
  );
});

function result(...votes: (boolean | null)[]) {
  const given = votes.flatMap((vote, position): [NodeId, boolean][] =>
    vote === null ? [] : [[toNodeId(`n${position + 1}`), vote]],
  );
  return voteResult(firstConfiguration(names(4)).membership, new Map(given));
}

test("voteResult() decides as soon as the missing votes cannot change it", () => {
  assert.equal(result(true, true), "open");
  assert.equal(result(true, true, null, true), "won");
  assert.equal(result(true, false), "open");
  assert.equal(result(false, false), "lost");
});

test("voteResult() counts nothing of those who have no vote", () => {
  const votes = new Map([...names(5)].map((name) => [name, true]));
  votes.delete(toNodeId("n1"));
  votes.delete(toNodeId("n2"));
  assert.equal(voteResult(firstConfiguration(names(3)).membership, votes), "open");
});
