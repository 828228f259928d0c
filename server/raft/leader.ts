// A leader learns from its followers' answers how far their logs go, and drives the rest from there.

import { InvariantError } from "../../proto/assert.ts";
import { type LogIndex, type Millis, type NodeId, toLogIndex } from "../../proto/ids.ts";
import type { EntryId } from "../../proto/raft.ts";
import { type Handlers, ignore, type MessageOf } from "./handler.ts";
import { advanceCommit, checkQuorum, releaseReads } from "./leadership.ts";
import type { Member } from "./member.ts";
import type { Progress } from "./progress.ts";
import { resendDueMs, resendIfLost, resendOverdue, sendTo, sendToAll } from "./replication.ts";
import { answerPreVote, answerVote } from "./votes.ts";

export const leaderHandlers: Handlers = {
  preVote: answerPreVote,
  preVoteReply: ignore,
  vote: answerVote,
  voteReply: ignore,
  append: refuseSecondLeader,
  appendReply: countAppend,
  appendReject: searchBack,
  beat: refuseSecondLeader,
  beatReply: confirmBeat,
};

/**
 * Appends to the log if there is room for it.
 *
 * @returns the index of the first payload, or null: too many bytes wait to be committed. One proposal of any size always fits.
 */
export function propose(member: Member, payloads: readonly Uint8Array[]): LogIndex | null {
  const { log, term, options } = member;
  const waiting = log.bytesBetween(member.commit, log.lastIndex);
  const bytes = payloads.reduce((sum, payload) => sum + payload.byteLength, 0);
  if (waiting > 0 && waiting + bytes > options.uncommittedBytesMax) return null;
  const first = log.lastIndex + 1;
  log.append(payloads.map((payload, position) => ({ term, index: toLogIndex(first + position), payload })));
  sendToAll(member);
  return toLogIndex(first);
}

/** The deadline of a leader: steps down if it hears no quorum, else sends again what was lost. */
export function handleLeaderDeadline(member: Member): void {
  checkQuorum(member);
  if (member.role === "leader") resendOverdue(member);
}

/** When {@link handleLeaderDeadline} has something to do; null when never. */
export function leaderDeadlineMs(member: Member): Millis | null {
  let earliest = member.leading.quorumCheckMs;
  for (const progress of member.leading.progress.values()) {
    const dueMs = resendDueMs(member, progress);
    if (dueMs !== null && (earliest === null || dueMs < earliest)) earliest = dueMs;
  }
  return earliest;
}

/** The transfer of a snapshot to `peer` ended: it holds everything up to `last`, or, if null, is tried again later. */
export function endSnapshot(member: Member, peer: NodeId, last: EntryId | null): void {
  const progress = member.leading.progress.get(peer);
  if (progress?.state !== "snapshot") return;
  if (last === null) {
    progress.failSnapshot(member.nowMs);
    return;
  }
  progress.becomeProbe(toLogIndex(last.index + 1));
  sendTo(member, progress);
}

function countAppend(member: Member, from: NodeId, message: MessageOf<"appendReply">): void {
  const progress = hear(member, from);
  if (progress === null) return;
  acknowledge(member, progress, message.matched);
  sendTo(member, progress);
}

/** The terms of both logs let the search skip all entries of a term at once (thesis 3.5). */
function searchBack(member: Member, from: NodeId, message: MessageOf<"appendReject">): void {
  const progress = hear(member, from);
  if (progress === null) return;
  const { log } = member;
  const agreed = log.lastNotAbove(message.last.index, message.last.term)?.index ?? toLogIndex(log.previous.index - 1);
  if (progress.retreat(message.rejected, agreed)) sendTo(member, progress);
}

function confirmBeat(member: Member, from: NodeId, message: MessageOf<"beatReply">): void {
  const progress = hear(member, from);
  if (progress === null || message.round > member.leading.reads.round) return;
  progress.answered(message.round);
  acknowledge(member, progress, message.matched);
  resendIfLost(member, progress);
  sendTo(member, progress);
  releaseReads(member);
}

/** A claim beyond the end of the log cannot be true and counts nothing. */
function acknowledge(member: Member, progress: Progress, matched: LogIndex): void {
  if (matched > member.log.lastIndex) return;
  const isNews = progress.advance(matched, member.nowMs);
  if (progress.state === "snapshot" && matched >= member.log.previous.index) progress.becomeReplicate();
  if (isNews && matched > member.commit) advanceCommit(member);
}

/** Null for a sender that is no member. */
function hear(member: Member, from: NodeId): Progress | null {
  const progress = member.leading.progress.get(from) ?? null;
  progress?.heard(member.nowMs);
  return progress;
}

function refuseSecondLeader(member: Member, from: NodeId): void {
  throw new InvariantError(`Term ${member.term} has two leaders, ${member.self} and ${from}`);
}
