// Whether two sets of voters, each able to decide by more than half of its votes, could decide apart from each other.

import type { NodeId } from "../../proto/ids.ts";
import { quorumVotes, totalVotes, type Voters } from "./quorum.ts";

/**
 * A quorum of `left` and a quorum of `right` that share no node; null when every two of them do.
 *
 * Votes are small integers, so that a table over the sums of votes is enough: for every number of votes that a choice of
 * nodes can bring together on the left, the most votes that the other nodes can have on the right.
 *
 * Example: of a, b, c with a vote each before, and a, b, d, e, f after: {a, b} before, {d, e, f} after.
 */
export function disjointQuorums(left: Voters, right: Voters): readonly [readonly NodeId[], readonly NodeId[]] | null {
  const best = bestChoices(left, right);
  const leftMin = quorumVotes(left);
  const rightMin = quorumVotes(right);
  for (const [votes, choice] of best) {
    if (votes >= leftMin && choice.rightVotes >= rightMin) return split(left, right, choice);
  }
  return null;
}

interface Choice {
  /** Nodes that stand on the left side. */
  readonly chosen: readonly NodeId[];
  readonly rightVotes: number;
}

/** By votes on the left: the choice of nodes that leaves the most votes to the right. */
function bestChoices(left: Voters, right: Voters): ReadonlyMap<number, Choice> {
  let best = new Map<number, Choice>([[0, { chosen: [], rightVotes: totalVotes(right) }]]);
  for (const { node, votes } of left) {
    const taken = right.find((voter) => voter.node === node)?.votes ?? 0;
    const next = new Map(best);
    for (const [sum, { chosen, rightVotes }] of best) {
      const choice = { chosen: [...chosen, node], rightVotes: rightVotes - taken };
      const rival = next.get(sum + votes);
      if (rival === undefined || rival.rightVotes < choice.rightVotes) next.set(sum + votes, choice);
    }
    best = next;
  }
  return best;
}

function split(left: Voters, right: Voters, { chosen }: Choice): [readonly NodeId[], readonly NodeId[]] {
  const rest = right.filter(({ node, votes }) => votes > 0 && !chosen.includes(node));
  return [left.filter(({ node }) => chosen.includes(node)).map(({ node }) => node), rest.map(({ node }) => node)];
}
