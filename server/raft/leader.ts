// A leader learns from its followers' answers how far their logs go, and drives the rest from there.

import { InvariantError } from "../../proto/assert.ts";
import { type LogIndex, type Millis, type NodeId, toLogIndex } from "../../proto/ids.ts";
import type { EntryId } from "../../proto/raft.ts";
import { type Handlers, ignore, type MessageOf } from "./handler.ts";
import { advanceCommit, checkDisk, checkQuorum, releaseReads, takeNextStep } from "./leadership.ts";
import type { Member } from "./member.ts";
import { handOverDueMs, noteOvertaken } from "./own-disk.ts";
import type { Progress } from "./progress.ts";
import { needSnapshot, resendDueMs, resendIfLost, resendOverdue, sendTo, sendToAll } from "./replication.ts";
import { askHeir, endTransferIfDue } from "./transfer.ts";
import { answerPreVote, answerVote } from "./votes.ts";
import { remindWitness, reviewDueMs, reviewReplicationSet } from "./witness.ts";

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
  timeoutNow: ignore,
  standIn: refuseSecondLeader,
  standInReply: countStandIn,
};

/**
 * Appends to the log if there is room for it.
 *
 * @returns the index of the first payload, or null: too many bytes wait to be committed, or leadership is being handed
 *   over. One proposal of any size always fits.
 */
export function propose(member: Member, payloads: readonly Uint8Array[]): LogIndex | null {
  const { log, term, options } = member;
  if (member.leading.transfer !== null) return null;
  const waiting = log.bytesBetween(member.commit, log.lastIndex);
  const bytes = payloads.reduce((sum, payload) => sum + payload.byteLength, 0);
  if (waiting > 0 && waiting + bytes > options.uncommittedBytesMax) return null;
  const first = log.lastIndex + 1;
  member.append(payloads.map((payload, position) => ({ term, index: toLogIndex(first + position), payload })));
  sendToAll(member);
  return toLogIndex(first);
}

/** The deadline of a leader: steps down if it hears no quorum or its disk hangs, else sends again what was lost. */
export function handleLeaderDeadline(member: Member): void {
  checkQuorum(member);
  if (member.role === "leader") checkDisk(member);
  if (member.role !== "leader") return;
  endTransferIfDue(member);
  reviewReplicationSet(member);
  resendOverdue(member);
}

/** When {@link handleLeaderDeadline} has something to do; null when never. */
export function leaderDeadlineMs(member: Member): Millis | null {
  const { quorumCheckMs, transfer, progress } = member.leading;
  const dues = [quorumCheckMs, handOverDueMs(member), transfer?.untilMs ?? null, reviewDueMs(member)];
  for (const follower of progress.values()) dues.push(resendDueMs(member, follower));
  let earliest: Millis | null = null;
  for (const dueMs of dues) if (dueMs !== null && (earliest === null || dueMs < earliest)) earliest = dueMs;
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
  if (member.role === "leader") sendTo(member, progress);
}

/** The terms of both logs let the search skip all entries of a term at once (thesis 3.5). */
function searchBack(member: Member, from: NodeId, message: MessageOf<"appendReject">): void {
  const progress = hear(member, from);
  if (progress === null) return;
  const { log } = member;
  if (message.isBlank) {
    if (progress.sendsEntries) needSnapshot(member, progress);
    return;
  }
  const agreed = log.lastNotAbove(message.last.index, message.last.term)?.index ?? toLogIndex(log.previous.index - 1);
  if (progress.retreat(message.rejected, agreed)) sendTo(member, progress);
}

function confirmBeat(member: Member, from: NodeId, message: MessageOf<"beatReply">): void {
  const progress = hear(member, from);
  if (progress === null || message.round > member.leading.reads.round) return;
  progress.answered(message.round);
  if (progress.state === "witness") remindWitness(member, progress);
  reviewReplicationSet(member);
  acknowledge(member, progress, message.matched);
  // Whoever was waited for may be heard again, and have nothing new to say.
  if (member.role === "leader" && member.membership.target !== null) takeNextStep(member);
  if (member.role !== "leader") return;
  resendIfLost(member, progress);
  sendTo(member, progress);
  releaseReads(member);
}

/** The witness stands in: what those named hold may be committed now. */
function countStandIn(member: Member, from: NodeId, message: MessageOf<"standInReply">): void {
  const progress = hear(member, from);
  if (progress?.state !== "witness") return;
  member.leading.replicationSet.recorded({ node: from, member: progress.member }, message.subterm);
  advanceCommit(member);
}

/** A claim beyond the end of the log cannot be true and counts nothing. */
function acknowledge(member: Member, progress: Progress, matched: LogIndex): void {
  if (matched > member.log.lastIndex) return;
  const isNews = progress.advance(matched, member.nowMs);
  noteOvertaken(member);
  const holdsEnough = matched > 0 && matched >= member.log.previous.index;
  if (progress.state === "snapshot" && holdsEnough) progress.becomeReplicate();
  if (isNews) askHeir(member);
  if (isNews && matched > member.commit) advanceCommit(member);
  else if (isNews && member.membership.target !== null) takeNextStep(member);
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
