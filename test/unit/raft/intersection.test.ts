import { strict as assert } from "node:assert";
import { test } from "node:test";
import fc from "fast-check";
import { type NodeId, toMemberId, toNodeId } from "../../../proto/ids.ts";
import type { Voter } from "../../../proto/membership.ts";
import { disjointQuorums } from "../../../server/raft/intersection.ts";
import { quorumVotes, totalVotes } from "../../../server/raft/quorum.ts";

const set = (votes: Readonly<Record<string, number>>): Voter[] =>
  Object.entries(votes).map(([name, count]) => ({
    node: toNodeId(name),
    member: toMemberId(1),
    votes: count,
    isWitness: false,
  }));

const some = fc
  .dictionary(fc.constantFrom("a", "b", "c", "d", "e", "f"), fc.nat(4), { minKeys: 1 })
  .map(set)
  .filter((voters) => totalVotes(voters) > 0);

function votesOf(voters: readonly Voter[], nodes: readonly NodeId[]): number {
  return totalVotes(voters.filter(({ node }) => nodes.includes(node)));
}

function choicesOf([first, ...rest]: readonly Voter[]): NodeId[][] {
  if (first === undefined) return [[]];
  const without = choicesOf(rest);
  return [...without, ...without.map((choice) => [first.node, ...choice])];
}

/** By trying every choice of nodes on the left. */
function canDecideApart(left: readonly Voter[], right: readonly Voter[]): boolean {
  return choicesOf(left).some((choice) => {
    const rest = right.filter(({ node }) => !choice.includes(node));
    return votesOf(left, choice) >= quorumVotes(left) && totalVotes(rest) >= quorumVotes(right);
  });
}

test("disjointQuorums() finds two quorums without a common node exactly when there are such", () => {
  fc.assert(
    fc.property(some, some, (left, right) => {
      const pair = disjointQuorums(left, right);
      assert.equal(pair !== null, canDecideApart(left, right));
      if (pair === null) return;
      const [chosen, rest] = pair;
      assert.ok(votesOf(left, chosen) >= quorumVotes(left), `${chosen}`);
      assert.ok(votesOf(right, rest) >= quorumVotes(right), `${rest}`);
      assert.ok(!chosen.some((node) => rest.includes(node)), `${chosen} and ${rest}`);
    }),
    { numRuns: 500 },
  );
});

test("disjointQuorums() leaves room for one voter more or less, and not for two", () => {
  const three = set({ a: 1, b: 1, c: 1 });
  assert.equal(disjointQuorums(three, set({ a: 1, b: 1, c: 1, d: 1 })), null);
  assert.equal(disjointQuorums(three, set({ a: 1, b: 1 })), null);
  assert.equal(disjointQuorums(three, set({ a: 1, b: 1, c: 1, d: 1, e: 1 })) === null, false);
  assert.deepEqual(disjointQuorums(three, set({ c: 1, d: 1, e: 1 })), [
    ["a", "b"],
    ["c", "d", "e"],
  ]);
});

test("disjointQuorums() knows that one voter with many votes is more than one step", () => {
  const [old, fresh] = disjointQuorums(set({ a: 1, b: 1, c: 1 }), set({ a: 1, b: 1, c: 1, d: 4 })) ?? [];
  assert.deepEqual(
    [old, fresh],
    [
      ["a", "b"],
      ["c", "d"],
    ],
  );
});
