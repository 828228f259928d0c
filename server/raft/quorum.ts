// Arithmetic over a set of voters: pure, knows nothing of messages or roles. A joint configuration will combine the
// answers of two sets (the lower value, the worse vote), so nothing here may look beyond its arguments.

import { assert } from "../../proto/assert.ts";
import type { LogIndex, NodeId } from "../../proto/ids.ts";

/** The members whose agreement counts; never empty. */
export type Voters = ReadonlySet<NodeId>;

export type VoteResult = "won" | "lost" | "open";

/** The least number of voters that any two of which share a member. */
export function quorumSize(voters: Voters): number {
  assert(voters.size > 0, "A voter set is never empty");
  return Math.floor(voters.size / 2) + 1;
}

/**
 * The highest value that a quorum has reached.
 *
 * Example: voters a, b, c, d at 9, 4, 7, 7 give 7, since three have 7 or more, and three of four are a quorum.
 */
export function quorumValue<Value extends number>(voters: Voters, reached: (voter: NodeId) => Value): Value {
  const values = new Float64Array(voters.size);
  let count = 0;
  for (const voter of voters) values[count++] = reached(voter);
  values.sort();
  return values[voters.size - quorumSize(voters)] as Value;
}

/**
 * Highest index stored by a quorum of `voters`; 0 while there is none.
 *
 * @param matchedOf last durable index of a voter that equals the leader's log
 * @source Raft thesis 3.5, 3.6.2: the caller still has to look at the term of the entry
 */
export function committedIndex(voters: Voters, matchedOf: (voter: NodeId) => LogIndex): LogIndex {
  return quorumValue(voters, matchedOf);
}

/**
 * What the votes received so far decide. Votes of members outside `voters` count nothing.
 *
 * @returns `lost` as soon as the missing votes cannot make a quorum any more
 */
export function voteResult(voters: Voters, votes: ReadonlyMap<NodeId, boolean>): VoteResult {
  let granted = 0;
  let refused = 0;
  for (const voter of voters) {
    const vote = votes.get(voter);
    if (vote === true) granted++;
    if (vote === false) refused++;
  }
  const quorum = quorumSize(voters);
  if (granted >= quorum) return "won";
  return voters.size - refused < quorum ? "lost" : "open";
}
