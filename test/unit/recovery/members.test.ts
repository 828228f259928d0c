import assert from "node:assert/strict";
import { test } from "node:test";
import { toMemberId, toNodeId } from "../../../proto/ids.ts";
import { firstConfiguration, type Membership, type QuorumPolicy, type Voter } from "../../../proto/membership.ts";
import { areOwnersChanging, leavingOwners, policyFor, wantedVoters } from "../../../server/recovery/members.ts";
import { nodesOf } from "./fixtures.ts";

function votersOf(names: string, witness?: string): readonly Voter[] {
  const voters = nodesOf(names).map((node) => ({ node, member: toMemberId(1), votes: 1, isWitness: false }));
  const others = witness === undefined ? [] : nodesOf(witness);
  return [...voters, ...others.map((node) => ({ node, member: toMemberId(2), votes: 1, isWitness: true }))];
}

function membershipOf(change: Partial<Membership>): Membership {
  return { ...firstConfiguration(nodesOf("a b c")).membership, ...change };
}

const abc = nodesOf("a b c");

test("areOwnersChanging() while the group is on its way to other owners, or not all of the old ones are out yet", () => {
  assert.equal(areOwnersChanging(membershipOf({})), false);
  for (const names of ["a b d", "a b", "a b c d"]) {
    assert.equal(areOwnersChanging(membershipOf({ target: votersOf(names) })), true, names);
    assert.equal(areOwnersChanging(membershipOf({ outgoing: votersOf(names) })), true, names);
  }
});

test("areOwnersChanging() takes another order, another witness or a renewed member for no change of the owners", () => {
  assert.equal(areOwnersChanging(membershipOf({ target: votersOf("c b a") })), false);
  assert.equal(areOwnersChanging(membershipOf({ target: votersOf("a b c", "w") })), false);
  assert.equal(areOwnersChanging(membershipOf({ outgoing: votersOf("a b c", "v") })), false);
});

test("leavingOwners() are those that the change under way leaves out, until it is over", () => {
  assert.deepEqual(leavingOwners(abc, membershipOf({}), null), []);
  assert.deepEqual(leavingOwners(abc, membershipOf({ target: votersOf("a d", "b") }), null), ["c"]);
  assert.deepEqual(leavingOwners(abc, membershipOf({ voters: votersOf("a b"), outgoing: votersOf("a b c") }), null), [
    "c",
  ]);
  assert.deepEqual(leavingOwners(abc, membershipOf({ target: votersOf("c b a") }), null), []);
});

test("leavingOwners() are also those whom the change that is about to begin leaves out", () => {
  const asked = nodesOf("b c");
  assert.deepEqual(leavingOwners(abc, membershipOf({}), asked), ["a"]);
  assert.deepEqual(leavingOwners(abc, membershipOf({ target: votersOf("a c") }), asked), ["a", "b"]);
});

test("leavingOwners() are also those whom an owner list leaves out that is in the log and not applied yet", () => {
  const next = { owners: nodesOf("a b d"), voters: votersOf("a b d"), outgoing: votersOf("a b c") };
  assert.deepEqual(leavingOwners(abc, membershipOf(next), null), ["c"]);
  assert.deepEqual(leavingOwners(nodesOf("a b d"), membershipOf(next), null), []);
});

test("wantedVoters() has the named witness, silent or not, and another one while the named one is an owner or no node", () => {
  const witnessFor = (named: string, present: string | null, candidates: string) => {
    const [node = null] = nodesOf(named);
    const [witness = null] = present === null ? [] : nodesOf(present);
    const plan = {
      owners: abc,
      policy: { type: "witness", node } as const,
      witness,
      candidates: () => nodesOf(candidates),
    };
    return wantedVoters(plan)
      .flatMap((voter) => (voter.isWitness ? [voter.node] : []))
      .join();
  };
  assert.equal(witnessFor("v", null, "w v"), "v");
  assert.equal(witnessFor("v", "w", "w v"), "v");
  assert.equal(witnessFor("v", "v", "w"), "v");
  assert.equal(witnessFor("c", null, "w v"), "w");
  assert.equal(witnessFor("x", "v", "w v"), "v");
});

test("policyFor() leaves the votes as they are where weights allow for no quorum of these owners", () => {
  const weighted = (votes: Readonly<Record<string, number>>): QuorumPolicy => {
    return { type: "weighted", votes: new Map(Object.entries(votes).map(([node, count]) => [toNodeId(node), count])) };
  };
  const none = weighted({ a: 0, b: 0, c: 0 });
  const present = membershipOf({ voters: votersOf("a b c").map((voter, at) => ({ ...voter, votes: at })) });
  assert.deepEqual(policyFor(abc, weighted({ a: 2 }), present), weighted({ a: 2 }));
  assert.deepEqual(policyFor(abc, none, present), weighted({ a: 0, b: 1, c: 2 }));
  assert.deepEqual(policyFor(nodesOf("a d"), weighted({ c: 1 }), present), weighted({ a: 0 }));
  assert.deepEqual(policyFor(nodesOf("a"), weighted({ c: 1 }), present), { type: "majority" });
  const pair = membershipOf({ voters: votersOf("a b", "w") });
  assert.deepEqual(policyFor(nodesOf("a b"), weighted({ a: 0, b: 0 }), pair), { type: "witness", node: null });
});
