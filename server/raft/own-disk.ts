// A disk that hangs without an error: what is written to it does not return, for seconds or minutes. Beats and their answers need
// no disk, so such a member goes on hearing everybody, and everybody it. Here: when it counts as hanging. Nothing to write, no
// such disk; and where the others could not go on without this member, its leader has nobody to give way to.

import { type LogIndex, type Millis, toLogIndex, toMillis } from "../../proto/ids.ts";
import type { Voter } from "../../proto/membership.ts";
import type { Member } from "./member.ts";
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

/** When a leader has waited for its own disk long enough: from when it began, or, if that was later, was alone with it. */
export function handOverDueMs({ leading, durability, options }: Member): Millis | null {
  const { overtakenMs } = leading;
  const { waitingSinceMs } = durability;
  if (overtakenMs === null || waitingSinceMs === null) return null;
  return toMillis(Math.max(overtakenMs, waitingSinceMs) + options.diskPatienceMs);
}

/** What a quorum without this member could go on from. */
function heldByOthers(member: Member): LogIndex {
  return jointValue(member.membership, (voter) => (voter.isWitness ? heldWith(member, voter) : heldBy(member, voter)));
}

function heldBy({ leading }: Member, { node }: Voter): LogIndex {
  return leading.progress.get(node)?.matched ?? toLogIndex(0);
}

/** A witness that is heard, and stands in for nobody, may elect anyone. */
function heldWith({ leading, log, nowMs, options }: Member, { node }: Voter): LogIndex {
  const contactMs = leading.progress.get(node)?.contactMs ?? Number.NEGATIVE_INFINITY;
  const isFree = leading.replicationSet.named === null && nowMs < contactMs + options.electionTimeoutMs;
  return isFree ? log.lastIndex : toLogIndex(0);
}
