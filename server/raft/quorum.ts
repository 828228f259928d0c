// Arithmetic over voters and their votes: pure, knows nothing of messages or roles. A joint configuration needs a quorum of
// each of its two sets, so its answer is the lower value, or the worse vote, of both (thesis 4.3).

import { assert } from "../../proto/assert.ts";
import type { NodeId } from "../../proto/ids.ts";
import type { Membership, Voter } from "../../proto/membership.ts";

/** The members whose agreement counts, one set of a membership. */
export type Voters = readonly Voter[];

type Counted = readonly { readonly votes: number }[];

export type VoteResult = "won" | "lost" | "open";

/** One set of voters, or two while the configuration is joint; none before the first member. */
export function voterSets({ voters, outgoing }: Membership): readonly Voters[] {
  return [voters, outgoing].filter((set) => set.length > 0);
}

export function totalVotes(voters: Counted): number {
  return voters.reduce((sum, { votes }) => sum + votes, 0);
}

/** The least number of votes that any two quorums must share one of: more than half. */
export function quorumVotes(voters: Counted): number {
  const total = totalVotes(voters);
  assert(total > 0, () => `None of ${voters.length} voters has a vote`);
  return Math.floor(total / 2) + 1;
}

/**
 * The highest value that a quorum has reached.
 *
 * Example: voters a, b, c, d with a vote each at 9, 4, 7, 7 give 7, since three have 7 or more, and three of four are a
 * quorum. Had a three votes of its own, four of six would be needed, and a and d have 7.
 */
export function quorumValue<Value extends number>(voters: Voters, reached: (voter: Voter) => Value): Value {
  const ranked = voters.map((voter) => ({ votes: voter.votes, value: reached(voter) }));
  ranked.sort((left, right) => right.value - left.value);
  let missing = quorumVotes(voters);
  for (const { votes, value } of ranked) {
    missing -= votes;
    if (missing <= 0) return value;
  }
  throw new Error("All votes together are a quorum");
}

/** Of all sets of the membership the lowest; infinite when there is no voter, whose agreement nobody needs. */
export function jointValue<Value extends number>(membership: Membership, reached: (voter: Voter) => Value): Value {
  return Math.min(...voterSets(membership).map((voters) => quorumValue(voters, reached))) as Value;
}

/**
 * What the votes received so far decide in every set. Votes of others count nothing.
 *
 * @returns `lost` as soon as the missing votes cannot make a quorum of some set any more; `won` without any voter
 */
export function voteResult(membership: Membership, votes: ReadonlyMap<NodeId, boolean>): VoteResult {
  const results = voterSets(membership).map((voters) => resultOf(voters, votes));
  if (results.includes("lost")) return "lost";
  return results.includes("open") ? "open" : "won";
}

function resultOf(voters: Voters, answers: ReadonlyMap<NodeId, boolean>): VoteResult {
  let granted = 0;
  let refused = 0;
  for (const { node, votes } of voters) {
    const answer = answers.get(node);
    if (answer === true) granted += votes;
    if (answer === false) refused += votes;
  }
  const quorum = quorumVotes(voters);
  if (granted >= quorum) return "won";
  return totalVotes(voters) - refused < quorum ? "lost" : "open";
}
