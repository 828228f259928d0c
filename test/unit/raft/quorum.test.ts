import { strict as assert } from "node:assert";
import { test } from "node:test";
import fc from "fast-check";
import { type NodeId, toLogIndex, toNodeId } from "../../../proto/ids.ts";
import { committedIndex, quorumSize, voteResult } from "../../../server/raft/quorum.ts";

const names = (count: number) => Array.from({ length: count }, (_, position) => toNodeId(`n${position + 1}`));

test("quorumSize() makes any two quorums share a voter", () => {
  for (let count = 1; count <= 9; count++) {
    const size = quorumSize(new Set(names(count)));
    assert.ok(2 * size > count, `${size} of ${count}`);
    assert.ok(2 * (size - 1) <= count, `${size} of ${count} is the least`);
  }
  assert.throws(() => quorumSize(new Set()), /never empty/);
});

test("committedIndex() is what a quorum has stored, no more and no less", () => {
  const indexes = fc.array(fc.nat(20), { minLength: 1, maxLength: 9 });
  fc.assert(
    fc.property(indexes, (matched) => {
      const voters = new Set(names(matched.length));
      const at = new Map([...voters].map((voter, position) => [voter, toLogIndex(matched[position] ?? 0)]));
      const index = committedIndex(voters, (voter) => at.get(voter) ?? toLogIndex(0));
      const holders = (least: number) => matched.filter((value) => value >= least).length;
      assert.ok(holders(index) >= quorumSize(voters));
      assert.ok(holders(index + 1) < quorumSize(voters));
    }),
  );
});

test("voteResult() decides as soon as the missing votes cannot change it", () => {
  const voters = new Set(names(4));
  const result = (...votes: (boolean | null)[]) => {
    const given = votes.flatMap((vote, position): [NodeId, boolean][] =>
      vote === null ? [] : [[toNodeId(`n${position + 1}`), vote]],
    );
    return voteResult(voters, new Map(given));
  };
  assert.equal(result(true, true), "open");
  assert.equal(result(true, true, null, true), "won");
  assert.equal(result(true, false), "open");
  assert.equal(result(false, false), "lost");
});

test("voteResult() counts nothing of those who have no vote", () => {
  const votes = new Map([...names(5)].map((name) => [name, true]));
  votes.delete(toNodeId("n1"));
  votes.delete(toNodeId("n2"));
  assert.equal(voteResult(new Set(names(3)), votes), "open");
});
