// A disk that hangs without an error: what is written to it does not return, for seconds or minutes. Beats and their answers need
// no disk, so such a member goes on hearing everybody, and everybody it. Here: when it counts as hanging. Nothing to write, no
// such disk; and where the others could not go on without this member, its leader has nobody to give way to.

import { type LogIndex, type MemberId, type Millis, type NodeId, toLogIndex, toMillis } from "../../proto/ids.ts";
import type { Member } from "./member.ts";
import type { Progress } from "./progress.ts";
import { jointValue } from "./quorum.ts";

/** A write of this member has been under way for so long that no other will fare better. */
export function isDiskHanging({ durability, nowMs, options }: Member): boolean {
  const { waitingSinceMs } = durability;
  return waitingSinceMs !== null && nowMs >= waitingSinceMs + options.diskPatienceMs;
}

/** Of a leader: notes whether the others hold more than its own disk, whenever either has finished something. */
export function noteOvertaken(member: Member): void {
  const { leading, durability, log, nowMs } = member;
  const isOvertaken = durability.last < log.lastIndex && heldByOthers(member) > durability.last;
  leading.overtakenMs = isOvertaken ? (leading.overtakenMs ?? nowMs) : null;
}

/** Of a leader: a member that has started anew is there, and does not count until this member's own disk has taken that down. */
export function noteUnproven(member: Member, from: NodeId, number: MemberId): void {
  const progress = member.leading.progress.get(from);
  if (progress?.member !== number) return;
  progress.unproven(member.nowMs);
  noteOvertaken(member);
}

/** When a leader has waited for its own disk long enough: from when it began, or, if that was later, was alone with it. */
export function handOverDueMs({ leading, durability, options }: Member): Millis | null {
  const { overtakenMs } = leading;
  const { waitingSinceMs } = durability;
  if (overtakenMs === null || waitingSinceMs === null) return null;
  return toMillis(Math.max(overtakenMs, waitingSinceMs) + options.diskPatienceMs);
}

/** What a quorum without this member could go on from. */
function heldByOthers(member: Member): LogIndex {
  return jointValue(member.membership, ({ node, isWitness }) => {
    const progress = member.leading.progress.get(node);
    if (progress === undefined) return toLogIndex(0);
    return isWitness ? heldWith(member, progress) : heldBy(member, progress);
  });
}

/** What one that is not counted yet holds by now nobody knows: it counts as all, for to give way in vain costs little. */
function heldBy(member: Member, progress: Progress): LogIndex {
  return isRecent(member, progress.unprovenMs) ? member.log.lastIndex : progress.matched;
}

/** A witness that is heard, and stands in for nobody, may elect anyone. */
function heldWith(member: Member, { contactMs, unprovenMs }: Progress): LogIndex {
  const isHeard = isRecent(member, contactMs) || isRecent(member, unprovenMs);
  return isHeard && member.leading.replicationSet.named === null ? member.log.lastIndex : toLogIndex(0);
}

function isRecent({ nowMs, options }: Member, saidMs: Millis | null): boolean {
  return saidMs !== null && nowMs < saidMs + options.electionTimeoutMs;
}
