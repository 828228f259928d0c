// What a leader does by itself: opens its term, advances the commit index, confirms reads, changes the membership, steps
// down without a quorum.

import { assert } from "../../proto/assert.ts";
import { type LogIndex, type Millis, type NodeId, toLogIndex, toMillis } from "../../proto/ids.ts";
import type { Membership, Voter } from "../../proto/membership.ts";
import { isJoint } from "./changes.ts";
import { keepProgress } from "./followers.ts";
import { Lease } from "./lease.ts";
import type { Member } from "./member.ts";
import { handOverDueMs, noteOvertaken } from "./own-disk.ts";
import { Progress } from "./progress.ts";
import { jointValue, voterSets } from "./quorum.ts";
import { Reads } from "./reads.ts";
import { beginChange, membershipEntry, nextStep } from "./reconfigure.ts";
import { sendToAll } from "./replication.ts";
import { ReplicationSet } from "./replication-set.ts";
import { becomeFollower } from "./roles.ts";
import { bequeath } from "./transfer.ts";
import type { Target } from "./types.ts";
import { committedBy, reviewReplicationSet } from "./witness.ts";

const noPayload = new Uint8Array(0);

/** Opens the term with an empty entry: only entries of the own term are committed by counting. */
export function becomeLeader(member: Member): void {
  assert(member.role === "candidate", () => `A ${member.role} of term ${member.term} becomes leader`);
  assert(member.durability.term === member.term, () => `Term ${member.term} is led before it is durable`);
  const { electionTimeoutMs, leaseRead } = member.options;
  const opening = toLogIndex(member.log.lastIndex + 1);
  member.role = "leader";
  member.leader = member.self;
  member.leadership = {
    progress: new Map(),
    reads: new Reads(),
    replicationSet: new ReplicationSet(),
    transfer: null,
    lease: leaseRead === null ? null : new Lease(electionTimeoutMs, leaseRead.clockRateErrorMax),
    opening,
    quorumCheckMs: null,
    overtakenMs: null,
  };
  followMembers(member);
  member.append([{ term: member.term, index: opening, payload: noPayload }]);
  member.output.beatNow = member.leading.progress.size > 0;
  sendToAll(member);
}

/**
 * Moves the commit index to what a quorum holds durably, this member included, if that is of the own term.
 *
 * @source Raft thesis 3.6.2, figure 3.7: an older entry on a quorum may still be overwritten
 */
export function advanceCommit(member: Member): void {
  const matchedIn = (of: { readonly node: NodeId }) => matchedOf(member, of);
  const indexes = voterSets(member.membership).map((voters) => committedBy(member.leading, voters, matchedIn));
  const index = toLogIndex(Math.min(...indexes));
  if (index <= member.commit || member.log.termAt(index) !== member.term) return;
  member.commitTo(index);
  releaseReads(member);
  takeNextStep(member);
}

/** Serves the reads that a quorum has confirmed, once the own term's opening entry is committed. */
export function releaseReads(member: Member): void {
  const { reads, opening, lease } = member.leading;
  if (member.commit < opening || (reads.size === 0 && lease === null)) return;
  const confirmed = jointValue(member.membership, (voter) => roundOf(member, voter));
  lease?.confirmed(confirmed);
  for (const { read, index } of reads.release(confirmed)) member.output.readable(read, index);
}

/** Registers a read; what is committed now, or with the opening entry, must be applied before it. */
export function addRead(member: Member, read: number): void {
  const { reads, opening, lease } = member.leading;
  const isOpen = member.commit >= opening;
  if (isOpen && lease?.holds(member.nowMs) === true) {
    member.output.readable(read, member.commit);
    return;
  }
  reads.add(read, toLogIndex(Math.max(member.commit, opening)));
  member.output.beatNow = member.peers.length > 0;
  releaseReads(member);
}

/** The round that a beat leaving now carries. */
export function carryRound(member: Member): number {
  const { reads, lease } = member.leading;
  if (lease?.isOlder(member.nowMs) === true) reads.open();
  const round = reads.carry();
  lease?.carried(round, member.nowMs);
  return round;
}

/** The round that stands for a beat which left then and did not name the group; 0: none does. */
export function roundLeftAt(member: Member, sentMs: Millis): number {
  const { reads, lease } = member.leading;
  if (lease === null || reads.size > 0) return 0;
  if (lease.isOlder(sentMs)) reads.open();
  lease.carried(reads.carry(), sentMs);
  return lease.roundLeftAt(sentMs);
}

/** CheckQuorum: a leader that has not heard a quorum for the election timeout leads no longer (thesis 6.2). */
export function checkQuorum(member: Member): void {
  const leading = member.leading;
  if (leading.quorumCheckMs === null || member.nowMs < leading.quorumCheckMs) return;
  const heardMs = jointValue(member.membership, (voter) => contactOf(member, voter));
  leading.quorumCheckMs = toMillis(heardMs + member.options.electionTimeoutMs);
  if (member.nowMs >= leading.quorumCheckMs) becomeFollower(member, member.term, null);
}

/** A leader that its own disk holds back, while the others could go on without it, gives way to one of them. */
export function checkDisk(member: Member): void {
  noteOvertaken(member);
  const dueMs = handOverDueMs(member);
  if (dueMs !== null && member.nowMs >= dueMs) handOver(member);
}

/** Begins a change of the members, or gives one up; says why not, when not. */
export function reconfigure(member: Member, target: Target | null): void {
  const change = beginChange(member, target);
  if (typeof change === "string") member.output.refusal = change;
  else member.output.accepted = change === null ? member.commit : changeMembers(member, change);
}

/** The change under way goes on as soon as it may; a leader that is no member any more leaves that to the next one. */
export function takeNextStep(member: Member): void {
  if (hasLeft(member)) return handOver(member);
  const step = nextStep(member);
  if (step !== null) changeMembers(member, step);
}

function changeMembers(member: Member, membership: Membership): LogIndex {
  const entry = membershipEntry(member, membership);
  member.append([entry]);
  followMembers(member);
  reviewReplicationSet(member);
  sendToAll(member);
  member.output.beatNow = member.leading.progress.size > 0;
  return entry.index;
}

function followMembers(member: Member): void {
  const { leading, self, log, nowMs, options } = member;
  const next = toLogIndex(log.lastIndex + 1);
  leading.progress = keepProgress(leading.progress, member.membership, (of) => new Progress(of, next, nowMs));
  leading.progress.delete(self);
  if (member.peers.length === 0) leading.quorumCheckMs = null;
  else leading.quorumCheckMs ??= toMillis(nowMs + options.electionTimeoutMs);
}

/** The change that took this member's vote is complete. */
function hasLeft({ isVoter, membership, membershipIndex, commit }: Member): boolean {
  return !isVoter && membershipIndex <= commit && !isJoint(membership);
}

function handOver(member: Member): void {
  bequeath(member);
  becomeFollower(member, member.term, null);
}

function matchedOf(member: Member, { node }: { readonly node: NodeId }): LogIndex {
  if (node === member.self) return member.durability.last;
  return member.leading.progress.get(node)?.matched ?? toLogIndex(0);
}

function roundOf(member: Member, voter: Voter): number {
  if (voter.node === member.self) return member.leading.reads.round;
  return member.leading.progress.get(voter.node)?.round ?? 0;
}

function contactOf(member: Member, { node }: { readonly node: NodeId }): Millis {
  return member.leading.progress.get(node)?.contactMs ?? member.nowMs;
}
