// How a member answers those who ask for its vote: the same in every role.

import type { NodeId } from "../../proto/ids.ts";
import type { EntryId } from "../../proto/raft.ts";
import type { MessageOf } from "./handler.ts";
import type { Member } from "./member.ts";
import { mayElect } from "./witness.ts";

/**
 * Answers whether a vote in `message.term` would be given; changes nothing here. No answer while a leader is heard: one
 * member that cannot hear it is no reason for an election.
 *
 * @source Raft thesis 9.6, 4.2.3
 */
export function answerPreVote(member: Member, from: NodeId, message: MessageOf<"preVote">): void {
  if (member.hearsLeader) return;
  const granted = message.term > member.term && mayVoteFor(member, from, message);
  const term = granted ? message.term : member.term;
  member.output.send(from, { type: "preVoteReply", term, granted });
}

/**
 * Gives the vote of this term to the first who asks with a log that lacks nothing of the own.
 *
 * @source Raft thesis 3.4, 3.6.1
 */
export function answerVote(member: Member, from: NodeId, message: MessageOf<"vote">): void {
  const isFree = member.vote === from || (member.vote === null && member.leader === null);
  const isEarly = member.isBoundByLease && !message.isTransfer;
  if (!isFree || isEarly || !mayVoteFor(member, from, message)) {
    member.output.send(from, { type: "voteReply", term: member.term, granted: false });
    return;
  }
  member.voteFor(from);
  member.restartElectionTimeout();
  member.output.promise(from, { type: "voteReply", term: member.term, granted: true });
}

/** A witness has no log to compare with: it knows for whom it stood in. */
function mayVoteFor(member: Member, candidate: NodeId, message: MessageOf<"vote" | "preVote">): boolean {
  return member.options.isWitness ? mayElect(member, candidate, message) : isUpToDate(member, message.last);
}

function isUpToDate(member: Member, last: EntryId): boolean {
  const own = member.log.last;
  return last.term > own.term || (last.term === own.term && last.index >= own.index);
}
