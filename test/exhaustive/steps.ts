// What can happen to one member, carried out on a copy of the real one. Its disk is done at once, unless it crashes first.
// Its clock stands still, but for two things: before its own deadline, and before it is asked for a vote, more time passes
// than any timeout, so that silence is never what keeps an election from being held.

import { type Millis, type NodeId, toNodeId } from "../../proto/ids.ts";
import { firstConfiguration } from "../../proto/membership.ts";
import type { RaftInput, RaftOptions, TargetVoter } from "../../server/raft/types.ts";
import type { DiskMember as Member, Packet } from "../unit/raft/disk-member.ts";
import { copyOf, textOfFields } from "./fields.ts";
import type { Commit, Local, Locals, Step } from "./local.ts";
import { DiskMember } from "./open-core.ts";

export type Happening =
  /** The election timeout, or a leader's time without having heard a quorum. */
  | { readonly type: "timeout" }
  | { readonly type: "resend" }
  | { readonly type: "beat" }
  | { readonly type: "crash" }
  | { readonly type: "propose"; readonly value: number }
  /** Takes a voter out, by way of a joint configuration. */
  | { readonly type: "remove"; readonly node: NodeId }
  /** Gives a voter three votes, the same way. */
  | { readonly type: "weigh"; readonly node: NodeId }
  | { readonly type: "deliver"; readonly packet: Packet };

/** Longer than all timeouts of the members below. */
const longMs = 4;

export const nodes = ["n1", "n2", "n3"].map(toNodeId);

const founding = firstConfiguration(nodes);

export function founder(self: NodeId, options: Partial<RaftOptions>): Member {
  const member = new DiskMember({ ...quick, ...options, self } as RaftOptions, founding);
  member.start(0, 0 as Millis);
  return member;
}

const quick = {
  ...{ member: 1, isWitness: false, leaseRead: null, electionTimeoutMs: 1, diskPatienceMs: 1, resendMs: 0 },
  ...{ lagEntriesMax: 10, inflightEntriesMax: 100, inflightBytesMax: 10_000 },
  ...{ appendBytesMax: 10_000, uncommittedBytesMax: 10_000 },
};

/**
 * @param isCut the member crashes before any write of this step is done, and begins again from its disk
 * @returns null when nothing of the kind can happen to it
 */
export function take(locals: Locals, local: Local, happening: Happening, isCut: boolean): Step | null {
  const member = copyOf(local.member);
  const commits = watchCommits(member);
  try {
    if (!happen(member, happening)) return null;
    if (isCut && member.pendingWrites === 0) return null;
    while (!isCut && member.pendingWrites > 0) member.sync(nowMs(member));
  } catch (error) {
    return (error as Error).message;
  }
  const sent = member.outbox.splice(0).filter(({ content }) => happening.type === "beat" || !isBeat(content));
  member.observe = () => {};
  const { role, term, commit: newest } = member.running.status();
  // What a follower learned to be committed may be in what it did not write: then it never did anything with it.
  const hasLed = role === "leader" || (local.role === "leader" && local.term === term);
  const commit = isCut && !hasLed ? 0 : newest;
  if (isCut || happening.type === "crash") restart(member);
  const numbers = sent.map((packet) => locals.packets.numberOf(textOfFields(packet), () => packet));
  return { next: locals.of(member), peak: { role, term, commit, commits }, sent: numbers };
}

/** A commit may let the membership change in the same step, and is judged by the one before. */
function watchCommits(member: Member): Commit[] {
  const commits: Commit[] = [];
  let { commit, membership } = member.running.status();
  member.observe = () => {
    const now = member.running.status();
    if (now.commit > commit) commits.push({ commit: now.commit, membership });
    ({ commit, membership } = now);
  };
  return commits;
}

function happen(member: Member, happening: Happening): boolean {
  switch (happening.type) {
    case "timeout":
      return timeOut(member);
    case "resend":
      return step(member, { type: "deadline" });
    case "beat":
      member.beat();
      return true;
    case "crash":
      return true;
    case "propose":
      return step(member, { type: "propose", payloads: [Buffer.from(`v${happening.value}`)] });
    case "remove":
      return change(member, (voters) => voters.filter(({ node }) => node !== happening.node));
    case "weigh":
      return change(member, (voters) => voters.map((of) => (of.node === happening.node ? { ...of, votes: 3 } : of)));
    case "deliver":
      return deliver(member, happening.packet);
  }
}

function step(member: Member, input: RaftInput, passedMs = 0): true {
  member.step(input, (nowMs(member) + passedMs) as Millis);
  return true;
}

/** A pre-vote changes nothing at those who answer it, and is taken to be granted: then it keeps no election from being held. */
function timeOut(member: Member): boolean {
  const { role, membership, term } = member.running.status();
  step(member, { type: "deadline" }, longMs);
  if (role === "leader") return true;
  member.outbox.length = 0;
  for (const { node, member: number } of [...membership.voters, ...membership.outgoing]) {
    if (member.running.status().role !== "preCandidate" || node === member.id) continue;
    const message = { type: "preVoteReply", term: term + 1, granted: true } as const;
    step(member, { type: "message", from: node, member: number, message: message as never });
  }
  return member.running.status().role === "candidate";
}

function change(member: Member, changed: (voters: readonly TargetVoter[]) => readonly TargetVoter[]): boolean {
  const now = member.running.membership.voters.map(({ node, votes, isWitness }) => ({ node, votes, isWitness }));
  const target = { voters: changed(now), renew: [] };
  return member.step({ type: "reconfigure", target }, nowMs(member)).accepted !== null;
}

function deliver(member: Member, { from, member: number, content }: Packet): boolean {
  if (content.type !== "raft") throw new Error(`A ${content.type} in a group that never compacts`);
  const { message } = content;
  const isAsked = member.running.status().role !== "leader" && (message.type === "vote" || message.type === "preVote");
  return step(member, { type: "message", from, member: number, message }, isAsked ? longMs : 0);
}

/** What was applied is forgotten, so that the commit index begins at 0: the least that a member may know. */
function restart(member: Member): void {
  const startMs = nowMs(member);
  member.crash();
  member.applied = [];
  member.configuration = founding;
  member.start(0, startMs);
}

function nowMs(member: Member): Millis {
  return (member.raft as unknown as { $member: { nowMs: Millis } }).$member.nowMs;
}

function isBeat(content: Packet["content"]): boolean {
  return content.type === "raft" && content.message.type === "beat";
}
