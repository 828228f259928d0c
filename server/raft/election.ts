// Elections: the pre-vote that tells whether one can be won, the vote itself, and the count of both.

import { assert } from "../../proto/assert.ts";
import { type NodeId, toTerm } from "../../proto/ids.ts";
import type { EntryId } from "../../proto/raft.ts";
import { becomeLeader } from "./leadership.ts";
import type { Member } from "./member.ts";
import { isDiskHanging } from "./own-disk.ts";
import { voteResult } from "./quorum.ts";
import { becomeCandidate, becomeFollower, becomePreCandidate } from "./roles.ts";

/**
 * The deadline of all who do not lead: no leader was heard, or no vote was decided, for the time drawn. Who may not stand for
 * election believes in its leader no longer either: what it says of the group would be old for ever.
 */
export function handleElectionDeadline(member: Member): void {
  if (member.electionDeadlineMs === null || member.nowMs < member.electionDeadlineMs) return;
  // With a disk that hangs its own vote would not become durable: all it could do is keep others from standing.
  if (!member.canCampaign || isDiskHanging(member)) return member.giveLeaderUp();
  becomePreCandidate(member);
  const term = toTerm(member.term + 1);
  for (const peer of member.peers) {
    member.output.send(peer, { type: "preVote", term, ...ownLog(member), isTransfer: false });
  }
  decide(member);
}

/** Asks for votes at once, because the leader wants it (thesis 3.10). */
export function campaign(member: Member): void {
  becomePreCandidate(member);
  startElection(member, true);
}

/** Counts an answer to the running pre-vote or vote; the first of each voter stands. */
export function countVote(member: Member, from: NodeId, granted: boolean): void {
  assert(member.role === "preCandidate" || member.role === "candidate", () => `A ${member.role} counts votes`);
  if (!member.votes.has(from)) member.votes.set(from, granted);
  decide(member);
}

/** The own vote of this term may have become durable. */
export function countOwnVote(member: Member): void {
  assert(member.vote === member.self, () => `Candidate ${member.self} voted for ${member.vote}`);
  if (member.durability.term === member.term) countVote(member, member.self, true);
}

function decide(member: Member): void {
  const result = voteResult(member.membership, member.votes);
  if (result === "open") return;
  if (result === "lost") becomeFollower(member, member.term, null);
  else if (member.role === "preCandidate") startElection(member, false);
  else becomeLeader(member);
}

/**
 * Requests leave only when term, own vote and the log they describe are durable: else a candidate could crash, stand
 * again in the same term with a shorter log, and win by votes that were given to the longer one.
 */
function startElection(member: Member, isTransfer: boolean): void {
  becomeCandidate(member);
  for (const peer of member.peers) {
    member.output.promise(peer, { type: "vote", term: member.term, ...ownLog(member), isTransfer });
  }
}

function ownLog(member: Member): { readonly last: EntryId; readonly subterm: number } {
  return { last: member.log.last, subterm: member.mark.subterm };
}
