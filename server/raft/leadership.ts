// What a leader does by itself: opens its term, advances the commit index, confirms reads, changes the membership, steps
// down without a quorum.

import { assert } from "../../proto/assert.ts";
import { type LogIndex, type Millis, type NodeId, toLogIndex, toMillis } from "../../proto/ids.ts";
import type { Membership, Voter } from "../../proto/membership.ts";
import { allVoters, isJoint } from "./changes.ts";
import { Lease } from "./lease.ts";
import { contactMs, type Member } from "./member.ts";
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
    sinceMs: member.nowMs,
    quorumCheckMs: null,
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
  const matchedIn = (voter: Voter) => matchedOf(member, voter);
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

/** CheckQuorum: a leader that has not heard a quorum for the election timeout leads no longer (thesis 6.2). */
export function checkQuorum(member: Member): void {
  const leading = member.leading;
  if (leading.quorumCheckMs === null || member.nowMs < leading.quorumCheckMs) return;
  const heardMs = jointValue(member.membership, (voter) => contactOf(member, voter));
  leading.quorumCheckMs = toMillis(heardMs + member.options.electionTimeoutMs);
  if (member.nowMs >= leading.quorumCheckMs) becomeFollower(member, member.term, null);
}

/** Begins a change of the members, or gives one up; says why not, when not. */
export function reconfigure(member: Member, target: Target | null): void {
  const change = beginChange(member, target);
  if (typeof change === "string") member.output.refusal = change;
  else member.output.accepted = change === null ? member.commit : changeMembers(member, change);
}

/** The change under way goes on as soon as it may; when it is done, a leader that left the group hands over. */
export function takeNextStep(member: Member): void {
  const step = nextStep(member);
  if (step !== null) changeMembers(member, step);
  else maybeLeave(member);
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

/** Keeps what is known of those who stay; whoever comes under a new number begins anew. */
function followMembers(member: Member): void {
  const { membership, leading, self, log, nowMs, options } = member;
  const next = toLogIndex(log.lastIndex + 1);
  const learners = [...membership.learners, ...membership.learnersNext];
  const known = new Map(leading.progress);
  leading.progress.clear();
  for (const other of [...allVoters(membership), ...learners]) {
    if (other.node === self) continue;
    const progress = known.get(other.node);
    const kept = progress?.member === other.member ? progress : new Progress(other, next);
    leading.progress.set(other.node, kept);
  }
  if (member.peers.length === 0) leading.quorumCheckMs = null;
  else leading.quorumCheckMs ??= toMillis(nowMs + options.electionTimeoutMs);
}

function maybeLeave(member: Member): void {
  const { membership, membershipIndex, commit } = member;
  if (member.canCampaign || membershipIndex > commit || isJoint(membership)) return;
  bequeath(member);
  becomeFollower(member, member.term, null);
}

function matchedOf(member: Member, voter: Voter): LogIndex {
  if (voter.node === member.self) return member.durability.last;
  return member.leading.progress.get(voter.node)?.matched ?? toLogIndex(0);
}

function roundOf(member: Member, voter: Voter): number {
  if (voter.node === member.self) return member.leading.reads.round;
  return member.leading.progress.get(voter.node)?.round ?? 0;
}

function contactOf(member: Member, { node }: { readonly node: NodeId }): Millis {
  const progress = member.leading.progress.get(node);
  return progress === undefined ? member.nowMs : contactMs(member.leading, progress);
}
