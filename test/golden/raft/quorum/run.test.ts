// Plays the tables of this folder: the committed index and the result of a vote, of one set of voters and of two.

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { type NodeId, toLogIndex, toNodeId } from "../../../../proto/ids.ts";
import { founderId, type Membership, type Voter } from "../../../../proto/membership.ts";
import { jointValue, voteResult } from "../../../../server/raft/quorum.ts";
import { emptyMembership } from "../membership/play.ts";
import { type QuorumCase, quorumTable } from "../table.ts";

const answers: Readonly<Record<string, boolean>> = { yes: true, no: false };

function membershipOf([voters = [], outgoing = []]: QuorumCase["sets"]): Membership {
  return { ...emptyMembership, voters: voters.map(toVoter), outgoing: outgoing.map(toVoter) };
}

function toVoter(name: string): Voter {
  return { node: toNodeId(name), member: founderId, votes: 1, isWitness: false };
}

function committed({ sets, given }: QuorumCase): string {
  const held = (voter: Voter) => toLogIndex(Number(given.get(voter.node)?.replace("_", "0")));
  const index = jointValue(membershipOf(sets), held);
  return index === Number.POSITIVE_INFINITY ? "everything" : `${index}`;
}

function vote({ sets, given }: QuorumCase): string {
  const votes = [...given].flatMap(([name, answer]): [NodeId, boolean][] => {
    const granted = answers[answer];
    return granted === undefined ? [] : [[toNodeId(name), granted]];
  });
  return voteResult(membershipOf(sets), new Map(votes));
}

for (const [kind, decide] of [
  ["commit", committed],
  ["vote", vote],
] as const) {
  for (const name of [`majority-${kind}`, `joint-${kind}`]) {
    test(`${name}.txt holds, whichever of the two sets is the older one, and for a set beside itself`, () => {
      for (const row of quorumTable(name)) {
        const [first = [], second = first] = row.sets;
        const told = `${first} && ${second}: ${[...row.given].join(" ")}`;
        assert.equal(decide(row), row.result, told);
        assert.equal(decide({ ...row, sets: [second, first] }), row.result, `the other way round: ${told}`);
      }
    });
  }
}
