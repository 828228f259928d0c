// What a leader does by itself: opens its term, advances the commit index, confirms reads, steps down without a quorum.

import { assert } from "../../proto/assert.ts";
import { type LogIndex, type Millis, type NodeId, toLogIndex, toMillis } from "../../proto/ids.ts";
import { contactMs, type Member } from "./member.ts";
import { Progress } from "./progress.ts";
import { committedIndex, quorumValue } from "./quorum.ts";
import { Reads } from "./reads.ts";
import { sendToAll } from "./replication.ts";
import { becomeFollower } from "./roles.ts";

const noPayload = new Uint8Array(0);

/** Opens the term with an empty entry: only entries of the own term are committed by counting. */
export function becomeLeader(member: Member): void {
  assert(member.role === "candidate", () => `A ${member.role} of term ${member.term} becomes leader`);
  assert(member.durability.term === member.term, () => `Term ${member.term} is led before it is durable`);
  const opening = toLogIndex(member.log.lastIndex + 1);
  member.role = "leader";
  member.leader = member.self;
  member.leadership = {
    progress: new Map(member.peers.map((peer) => [peer, new Progress(peer, opening)])),
    reads: new Reads(),
    opening,
    sinceMs: member.nowMs,
    quorumCheckMs: member.peers.length === 0 ? null : toMillis(member.nowMs + member.options.electionTimeoutMs),
  };
  member.log.append([{ term: member.term, index: opening, payload: noPayload }]);
  member.output.beatNow = member.peers.length > 0;
  sendToAll(member);
}

/**
 * Moves the commit index to what a quorum holds durably, this member included, if that is of the own term.
 *
 * @source Raft thesis 3.6.2, figure 3.7: an older entry on a quorum may still be overwritten
 */
export function advanceCommit(member: Member): void {
  const index = committedIndex(member.voters, (voter) => matchedOf(member, voter));
  if (index <= member.commit || member.log.termAt(index) !== member.term) return;
  member.commitTo(index);
  releaseReads(member);
}

/** Serves the reads that a quorum has confirmed, once the own term's opening entry is committed. */
export function releaseReads(member: Member): void {
  const { reads, opening } = member.leading;
  if (reads.size === 0 || member.commit < opening) return;
  const confirmed = quorumValue(member.voters, (voter) => roundOf(member, voter));
  for (const { read, index } of reads.release(confirmed)) member.output.readable(read, index);
}

/** Registers a read; what is committed now, or with the opening entry, must be applied before it. */
export function addRead(member: Member, read: number): void {
  const { reads, opening } = member.leading;
  reads.add(read, toLogIndex(Math.max(member.commit, opening)));
  member.output.beatNow = member.peers.length > 0;
  releaseReads(member);
}

/** CheckQuorum: a leader that has not heard a quorum for the election timeout leads no longer (thesis 6.2). */
export function checkQuorum(member: Member): void {
  const leading = member.leading;
  if (leading.quorumCheckMs === null || member.nowMs < leading.quorumCheckMs) return;
  const heardMs = quorumValue(member.voters, (voter) => contactOf(member, voter));
  leading.quorumCheckMs = toMillis(heardMs + member.options.electionTimeoutMs);
  if (member.nowMs >= leading.quorumCheckMs) becomeFollower(member, member.term, null);
}

function matchedOf(member: Member, voter: NodeId): LogIndex {
  if (voter === member.self) return member.durability.last;
  return member.leading.progress.get(voter)?.matched ?? toLogIndex(0);
}

function roundOf(member: Member, voter: NodeId): number {
  if (voter === member.self) return member.leading.reads.round;
  return member.leading.progress.get(voter)?.round ?? 0;
}

function contactOf(member: Member, voter: NodeId): Millis {
  const progress = member.leading.progress.get(voter);
  return progress === undefined ? member.nowMs : contactMs(member.leading, progress);
}
