// How a leader's entries leave: in a pipeline to those that follow, one at a time to those that are probed, once for all
// that are equally far. Never more in flight to a follower than the limits allow.

import { assert } from "../../proto/assert.ts";
import { type LogIndex, type Millis, type NodeId, toLogIndex } from "../../proto/ids.ts";
import type { MessageOf } from "./handler.ts";
import type { Leadership, Member } from "./member.ts";
import type { Progress } from "./progress.ts";

/** A follower that answers a beat without any progress for this share of the resend time has lost what was sent. */
const lossShareOfResend = 0.25;

/** Sends what is new to every follower that can take it. */
export function sendToAll(member: Member): void {
  broadcast(member);
  for (const progress of member.leading.progress.values()) sendTo(member, progress);
}

/** Sends a follower all that it can take now. */
export function sendTo(member: Member, progress: Progress): void {
  if (!progress.sendsEntries) return;
  if (progress.state === "probe") {
    if (!progress.isWaiting) sendAppend(member, progress, probeEnd(member, progress));
    return;
  }
  for (let end = pipelineEnd(member, progress); end !== null; end = pipelineEnd(member, progress)) {
    if (!sendAppend(member, progress, end)) return;
  }
}

/** One append that is sent to it alone. */
function resend(member: Member, progress: Progress): void {
  progress.lost();
  sendTo(member, progress);
}

/** The follower has just answered a beat: had it received what is in flight, that would be acknowledged by now. */
export function resendIfLost(member: Member, progress: Progress): void {
  if (!progress.sendsEntries) return;
  const { resendMs, diskPatienceMs } = member.options;
  const lossMs = progress.lossMs({ firstMs: resendMs * lossShareOfResend, lastMs: diskPatienceMs });
  if (lossMs !== null && member.nowMs >= lossMs) resend(member, progress);
}

/** Sends again, directly, what no one acknowledged for the resend time. */
export function resendOverdue(member: Member): void {
  for (const progress of member.leading.progress.values()) {
    const dueMs = resendDueMs(member, progress);
    if (dueMs !== null && member.nowMs >= dueMs) resend(member, progress);
  }
}

/** Null when nothing waits, or when the follower is silent: its first answer to a beat makes it due again. */
export function resendDueMs(member: Member, progress: Progress): Millis | null {
  const { resendMs, diskPatienceMs, electionTimeoutMs } = member.options;
  const dueMs = progress.lossMs({ firstMs: resendMs, lastMs: diskPatienceMs });
  const silentMs = progress.contactMs + electionTimeoutMs;
  return dueMs !== null && dueMs < silentMs ? dueMs : null;
}

/**
 * One message for all followers that stand at the same place and can take all that is left; others go their own way. One in
 * a step: a commit may let the leader append once more, and that goes to each by itself.
 */
function broadcast(member: Member): void {
  if (member.output.hasBroadcast) return;
  const together = equallyFar(member, member.leading);
  const first = together[0]?.next;
  if (together.length < 2 || first === undefined) return;
  const message = appendMessage(member, first, member.log.lastIndex);
  assert(message !== null, () => `Entry ${first} of a pipeline is not in the log`);
  const to: NodeId[] = [];
  for (const progress of together) {
    progress.sent(member.log.lastIndex, member.nowMs);
    to.push(progress.peer);
  }
  member.output.broadcast(to, message);
}

/** Those whose next append would reach the end of the log, from the highest place at which any stands. */
function equallyFar(member: Member, leading: Leadership): Progress[] {
  let together: Progress[] = [];
  for (const progress of leading.progress.values()) {
    if (progress.state !== "replicate" || progress.next < member.log.first) continue;
    if (pipelineEnd(member, progress) !== member.log.lastIndex) continue;
    const first = together[0]?.next ?? 0;
    if (progress.next > first) together = [progress];
    else if (progress.next === first) together.push(progress);
  }
  return together;
}

/** Last entry of the next append in the pipeline; null when there is nothing to send or no room for it. */
function pipelineEnd(member: Member, progress: Progress): LogIndex | null {
  const { log, options } = member;
  const { next, inflight } = progress;
  if (next > log.lastIndex) return null;
  if (next < log.first) return next;
  const entriesMax = options.inflightEntriesMax - inflight;
  if (entriesMax <= 0) return null;
  const room = options.inflightBytesMax - inflightBytes(member, progress);
  const end = log.endWithin(next, { entriesMax, bytesMax: Math.min(options.appendBytesMax, room) });
  const fits = log.bytesBetween(toLogIndex(next - 1), end) <= room;
  return fits || inflight === 0 ? end : null;
}

function inflightBytes(member: Member, progress: Progress): number {
  return member.log.bytesBetween(progress.matched, toLogIndex(progress.next - 1));
}

/** A probe carries entries too, for it will most likely be accepted; at the end of the log it is empty. */
function probeEnd(member: Member, progress: Progress): LogIndex {
  const { log, options } = member;
  if (progress.next > log.lastIndex || progress.next < log.first) return toLogIndex(progress.next - 1);
  return log.endWithin(progress.next, { entriesMax: options.inflightEntriesMax, bytesMax: options.appendBytesMax });
}

/** @returns false when the follower needs a snapshot instead */
function sendAppend(member: Member, progress: Progress, end: LogIndex): boolean {
  const message = appendMessage(member, progress.next, end);
  if (message === null) {
    needSnapshot(member, progress);
    return false;
  }
  progress.sent(end, member.nowMs);
  member.output.send(progress.peer, message);
  return true;
}

/** No entries go to the follower until a snapshot has brought it up. */
export function needSnapshot(member: Member, progress: Progress): void {
  progress.becomeSnapshot();
  member.output.needSnapshot(progress.peer);
}

/** @returns null when the entry before `first` is no longer in the log */
function appendMessage(member: Member, first: LogIndex, end: LogIndex): MessageOf<"append"> | null {
  if (first < member.log.first) return null;
  const { term, commit } = member;
  return { type: "append", term, slice: member.log.slice(first, end), commit };
}
