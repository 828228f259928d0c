// Who belongs to a group, in which role and with how many votes: the value that a group's log carries. The rules of change
// live in server/raft. Source: Ongaro's thesis, chapter 4; the witness: architecture.md.

import { type LogIndex, type MemberId, type NodeId, toLogIndex, toMemberId } from "./ids.ts";

export interface Voter {
  readonly node: NodeId;
  readonly member: MemberId;
  /** 0 to 100; a voter without votes holds the data and is not counted. */
  readonly votes: number;
  /** Votes and stores no data; at most one of a set. */
  readonly isWitness: boolean;
}

/** Receives the log and has no say. */
export interface Learner {
  readonly node: NodeId;
  readonly member: MemberId;
}

export interface Membership {
  /** Who may serve, in order of precedence. Every voter but the witness is an owner, or is leaving. */
  readonly owners: readonly NodeId[];
  /** In order of precedence, the witness last. Empty only before the first member. */
  readonly voters: readonly Voter[];
  /** The voters before; not empty: the configuration is joint, and a quorum of each of both sets is needed. */
  readonly outgoing: readonly Voter[];
  readonly learners: readonly Learner[];
  /** Voters of `outgoing` that become learners when the joint configuration is left. */
  readonly learnersNext: readonly Learner[];
  /** What the group is on its way to: each leader takes the next step, whoever began. */
  readonly target: readonly Voter[] | null;
  /**
   * The next number to give out: above every member that there ever was. One that only stands in an entry that was lost is
   * given out once more, so nobody is brought up as a member before the entry with its number, in `target` or as a learner,
   * is committed.
   */
  readonly nextMember: MemberId;
}

/** Who may act for a group: more than half of the votes, counted so (C2). */
export type QuorumPolicy =
  /** A witness for a group of two owners if there is a node for it, else a vote for each owner. */
  | { readonly type: "usual" }
  /** A vote for each owner. */
  | { readonly type: "majority" }
  /** Votes by owner, 0 to 100; who is not named has 1. */
  | { readonly type: "weighted"; readonly votes: ReadonlyMap<NodeId, number> }
  /** A vote for each owner and one for the witness; `node` null: one is chosen. */
  | { readonly type: "witness"; readonly node: NodeId | null };

/** What the core's log says of the log itself, in entries of its own. */
export type Control =
  /** In force from the moment it is in a member's log, committed or not (thesis 4.1). */
  | { readonly type: "membership"; readonly membership: Membership }
  /** Entries from here on are committed by owners alone again: the witness no longer stands in. */
  | { readonly type: "subterm"; readonly subterm: number };

/** A point in the history of leadership; compares by term, then by sub-term. */
export interface Mark {
  readonly term: number;
  readonly subterm: number;
}

/** All that the control entries of a log up to some index have said. */
export interface Configuration {
  /** Of the entry that brought the membership; 0: the group began with it. */
  readonly index: LogIndex;
  readonly membership: Membership;
  /** The newest sub-term and the term that it belongs to; (0, 0) when there was none. */
  readonly mark: Mark;
}

/** Of everyone with whom a group begins. */
export const founderId = toMemberId(1);

/** To whoever holds the group at the receiver. */
export const anyMember = toMemberId(0);

/** The membership with which a group begins: one vote each. */
function firstMembership(owners: readonly NodeId[]): Membership {
  const member = founderId;
  return {
    owners,
    voters: owners.map((node) => ({ node, member, votes: 1, isWitness: false })),
    outgoing: [],
    learners: [],
    learnersNext: [],
    target: null,
    nextMember: toMemberId(2),
  };
}

/** What a group of these owners begins with; none: what a member knows that has received nothing yet. */
export function firstConfiguration(owners: readonly NodeId[]): Configuration {
  return { index: toLogIndex(0), membership: firstMembership(owners), mark: { term: 0, subterm: 0 } };
}

/**
 * What a group goes on with from the data of `from` alone, which has the only vote.
 *
 * @param owners who are to be its owners, `from` among them, in order of precedence: the group is on its way to them
 * @param index where the group begins again in its log
 */
export function recoveredConfiguration(
  { from, owners }: { readonly from: NodeId; readonly owners: readonly NodeId[] },
  index: LogIndex,
): Configuration {
  const { membership, mark } = firstConfiguration([from]);
  const numberOf = (node: NodeId) => 2 + owners.filter((owner) => owner !== from).indexOf(node);
  const target = owners.map((node) => {
    const member = node === from ? founderId : toMemberId(numberOf(node));
    return { node, member, votes: 1, isWitness: false };
  });
  const nextMember = toMemberId(1 + owners.length);
  return { index, membership: { ...membership, target: owners.length > 1 ? target : null, nextMember }, mark };
}

/** The number under which `node` belongs to the group, the newest if it is under two; null: it does not. */
export function memberOf(membership: Membership, node: NodeId): MemberId | null {
  const { voters, outgoing, learners, learnersNext } = membership;
  let newest: MemberId | null = null;
  for (const member of [...voters, ...outgoing, ...learners, ...learnersNext]) {
    if (member.node === node && member.member > (newest ?? 0)) newest = member.member;
  }
  return newest;
}
