// A follower takes over its leader's log, answers, and waits: its only own decision is to ask for votes after silence.

import { assert } from "../../proto/assert.ts";
import { type LogIndex, type NodeId, toLogIndex } from "../../proto/ids.ts";
import type { Configuration } from "../../proto/membership.ts";
import type { EntryId } from "../../proto/raft.ts";
import { campaign } from "./election.ts";
import { type Handlers, ignore, type MessageOf } from "./handler.ts";
import type { Member } from "./member.ts";
import { isDiskHanging } from "./own-disk.ts";
import { answerPreVote, answerVote } from "./votes.ts";
import { promiseToStandIn } from "./witness.ts";

export const followerHandlers: Handlers = {
  preVote: answerPreVote,
  preVoteReply: ignore,
  vote: answerVote,
  voteReply: ignore,
  append: followAppend,
  appendReply: ignore,
  appendReject: ignore,
  beat: followBeat,
  beatReply: ignore,
  timeoutNow: campaignNow,
  standIn: followStandIn,
  standInReply: ignore,
};

export function followAppend(member: Member, from: NodeId, message: MessageOf<"append">): void {
  hearLeader(member, from);
  const { term, commit, slice } = message;
  const { isBlank } = member;
  const acceptance = isBlank ? { type: "rejected" as const, hint: member.log.last } : member.accept(slice);
  if (acceptance.type === "rejected") {
    const rejected = slice.previous.index;
    member.output.send(from, { type: "appendReject", term, rejected, last: acceptance.hint, isBlank });
    return;
  }
  const before = member.verified;
  member.verify(acceptance.matched);
  learnCommit(member, commit);
  // It was promised before, and that waits for the disk: with one that hangs there would be a promise for each repetition.
  if (member.verified === before && member.durability.last < before) return;
  member.output.promise(from, { type: "appendReply", term, matched: member.verified });
}

/** The reply claims only what the disk already holds, so it need not wait for it. */
export function followBeat(member: Member, from: NodeId, message: MessageOf<"beat">): void {
  hearLeader(member, from);
  learnCommit(member, message.commit);
  const matched = toLogIndex(Math.min(member.verified, member.durability.last));
  member.output.send(from, { type: "beatReply", term: member.term, round: message.round, matched });
}

/** Takes over a snapshot that replaced the state machine, and acknowledges it to the leader, if one is known. */
export function followSnapshot(member: Member, last: EntryId, configuration: Configuration): void {
  member.restartAfter(last, configuration);
  if (member.role !== "follower" || member.leader === null) return;
  member.output.promise(member.leader, { type: "appendReply", term: member.term, matched: member.verified });
}

/** The leader hands over; whoever may not lead, or has a leader of another name, was not meant. */
function campaignNow(member: Member, from: NodeId): void {
  if (!member.canCampaign || isDiskHanging(member)) return;
  if (member.leader === null || member.leader === from) campaign(member);
}

function followStandIn(member: Member, from: NodeId, message: MessageOf<"standIn">): void {
  hearLeader(member, from);
  promiseToStandIn(member, from, message);
}

export function hearLeader(member: Member, from: NodeId): void {
  assert(member.role === "follower", () => `A ${member.role} of term ${member.term} follows ${from}`);
  assert(
    member.leader === null || member.leader === from,
    () => `Term ${member.term} has two leaders, ${member.leader} and ${from}`,
  );
  member.leader = from;
  member.leaderHeardMs = member.nowMs;
  member.restartElectionTimeout();
}

/** What lies beyond `verified` may be left over from another leader, and is not what this one committed. */
function learnCommit(member: Member, leaderCommit: LogIndex): void {
  member.commitTo(toLogIndex(Math.min(leaderCommit, member.verified)));
}
