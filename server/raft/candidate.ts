// Those who ask for votes: a pre-candidate, which has begun no term yet, and a candidate. Both give way to a leader of
// their term as soon as they hear of it.

import type { NodeId } from "../../proto/ids.ts";
import { countVote } from "./election.ts";
import { followAppend, followBeat } from "./follower.ts";
import { type Handlers, ignore, type MessageOf } from "./handler.ts";
import type { Member } from "./member.ts";
import { becomeFollower } from "./roles.ts";
import { answerPreVote, answerVote } from "./votes.ts";

/** Of one who asks for votes already, and of a role that a witness, or no one but a leader, has to do with. */
const notForCandidates = { timeoutNow: ignore, standIn: ignore, standInReply: ignore };

export const preCandidateHandlers: Handlers = {
  preVote: answerPreVote,
  preVoteReply: countPreVote,
  vote: answerVote,
  voteReply: ignore,
  append: giveWayToAppend,
  appendReply: ignore,
  appendReject: ignore,
  beat: giveWayToBeat,
  beatReply: ignore,
  ...notForCandidates,
};

export const candidateHandlers: Handlers = {
  preVote: answerPreVote,
  preVoteReply: ignore,
  vote: answerVote,
  voteReply: (member, from, message) => countVote(member, from, message.granted),
  append: giveWayToAppend,
  appendReply: ignore,
  appendReject: ignore,
  beat: giveWayToBeat,
  beatReply: ignore,
  ...notForCandidates,
};

/** A grant names the term that was asked about; one for another term answers an older question. */
function countPreVote(member: Member, from: NodeId, message: MessageOf<"preVoteReply">): void {
  if (message.granted && message.term !== member.term + 1) return;
  countVote(member, from, message.granted);
}

function giveWayToAppend(member: Member, from: NodeId, message: MessageOf<"append">): void {
  becomeFollower(member, member.term, from);
  followAppend(member, from, message);
}

function giveWayToBeat(member: Member, from: NodeId, message: MessageOf<"beat">): void {
  becomeFollower(member, member.term, from);
  followBeat(member, from, message);
}
