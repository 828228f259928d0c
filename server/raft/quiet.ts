// Groups in which nothing happens need no beat of their own: their leader and a follower that hold the same can let a word
// between their two nodes stand for it. Here: what must be the same for that, and what such a word does to either of them.

import { type LogIndex, type MemberId, type Millis, type NodeId, type Term, toLogIndex } from "../../proto/ids.ts";
import { isJoint } from "./changes.ts";
import { hearLeader } from "./follower.ts";
import { releaseReads, roundLeftAt } from "./leadership.ts";
import type { Member } from "./member.ts";
import type { Progress } from "./progress.ts";
import type { VouchedWord } from "./types.ts";
import { reviewReplicationSet } from "./witness.ts";

/** A follower that holds all there is, and has nothing to hear but that its leader still leads. */
export interface QuietFollower {
  readonly peer: NodeId;
  readonly member: MemberId;
  /** Where its log ends, all of it committed; 0 for a witness, which has none. */
  readonly commit: LogIndex;
  readonly heardMs: Millis | null;
}

/** How a member stands to the others. */
export type Standing =
  | {
      readonly type: "leads";
      readonly term: Term;
      readonly peers: readonly NodeId[];
      readonly quiet: readonly QuietFollower[];
    }
  | {
      readonly type: "follows";
      readonly leader: NodeId;
      readonly term: Term;
      readonly commit: LogIndex;
      readonly last: LogIndex;
      readonly heardMs: Millis | null;
    }
  | { readonly type: "alone" };

const alone: Standing = { type: "alone" };

export function standingOf(member: Member): Standing {
  const { role, leader, term, commit, leadership } = member;
  if (leadership !== null) {
    return { type: "leads", term, peers: [...leadership.progress.keys()], quiet: quietFollowers(member) };
  }
  if (role !== "follower" || leader === null) return alone;
  return { type: "follows", leader, term, commit, last: member.log.lastIndex, heardMs: member.leaderHeardMs };
}

/** Beats that name other groups only, or their echoes, have vouched for this one. */
export function hearVouched(member: Member, words: readonly VouchedWord[]): void {
  const { role, leader, leadership } = member;
  if (role === "follower" && leader !== null && words.some(({ peer }) => peer === leader)) hearLeader(member, leader);
  if (leadership === null) return;
  for (const { peer, heardMs, sentMs } of words) {
    const progress = leadership.progress.get(peer);
    progress?.heard(heardMs);
    progress?.answered(roundLeftAt(member, sentMs));
  }
  reviewReplicationSet(member);
  releaseReads(member);
}

/** None while anything is under way that beats drive or confirm: reads, changes, a handover, a witness that stands in. */
function quietFollowers(member: Member): readonly QuietFollower[] {
  const { membership, commit, log, leading } = member;
  const { reads, transfer, replicationSet, progress } = leading;
  const isBusy = commit < log.lastIndex || reads.size > 0 || transfer !== null || replicationSet.named !== null;
  if (isBusy || membership.target !== null || isJoint(membership)) return [];
  return [...progress.values()]
    .filter((follower) => isLevel(follower, commit))
    .map((follower) => {
      const { peer, member: number, state, heardMs } = follower;
      return { peer, member: number, commit: state === "witness" ? noLog : commit, heardMs };
    });
}

const noLog = toLogIndex(0);

function isLevel({ state, matched, isWaiting, heardMs }: Progress, commit: LogIndex): boolean {
  return state === "witness" ? heardMs !== null : state === "replicate" && matched === commit && !isWaiting;
}
