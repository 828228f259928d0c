// Changes of a membership as values: what becomes of it, or why not. Two configurations that follow each other must never
// have quorums without a common member: a simple change touches one voter at most, everything else goes through a joint
// configuration, in which a quorum of the old and of the new voters is needed.
// Source: Ongaro's thesis 4.1 and 4.3. Cases: test/golden/raft/membership.

import { type MemberId, type NodeId, toMemberId } from "../../proto/ids.ts";
import { type Learner, type Membership, memberOf, type Voter } from "../../proto/membership.ts";
import { disjointQuorums } from "./intersection.ts";
import { totalVotes } from "./quorum.ts";

export type Change =
  /** Adds a voter, promotes a learner, or gives a voter other votes. `member` null: a new number. */
  | {
      readonly type: "voter";
      readonly node: NodeId;
      readonly member: MemberId | null;
      readonly votes: number;
      readonly isWitness: boolean;
    }
  /** Adds a learner, or takes a voter's votes. `member` null: the number it has, or a new one. */
  | { readonly type: "learner"; readonly node: NodeId; readonly member: MemberId | null }
  | { readonly type: "remove"; readonly node: NodeId };

/** A text is the reason why the change is refused. */
export type Changed = Membership | string;

/** One step without a joint configuration: any learners, and one voter at most. */
export function simpleChange(membership: Membership, changes: readonly Change[]): Changed {
  if (isJoint(membership)) return "The configuration is joint: leave it first";
  const changed = applyAll(membership, changes);
  const wrong = refuseWithoutOwner(changed);
  if (wrong !== null) return wrong;
  if (votersChanged(membership.voters, changed.voters) > 1) {
    return "More than one voter would change at once, which takes a joint configuration";
  }
  return refuseDisjoint(membership.voters, changed.voters) ?? changed;
}

/** Begins a joint configuration: the old voters and the new ones both have to agree, on everything. */
export function enterJoint(membership: Membership, changes: readonly Change[]): Changed {
  if (isJoint(membership)) return "The configuration is joint already";
  if (membership.voters.length === 0) return "A configuration without voters cannot become joint";
  const changed = applyAll({ ...membership, outgoing: membership.voters }, changes);
  return refuseWithoutOwner(changed) ?? changed;
}

/** Ends it: the old voters have no say any more, and those that were to become learners do. */
export function leaveJoint(membership: Membership): Changed {
  if (!isJoint(membership)) return "The configuration is not joint";
  const learners = [...membership.learners, ...membership.learnersNext];
  return { ...membership, outgoing: [], learners, learnersNext: [] };
}

export function isJoint({ outgoing }: Membership): boolean {
  return outgoing.length > 0;
}

/** Nothing of a change is under way. */
export function isAtRest(membership: Membership): boolean {
  return !isJoint(membership) && membership.target === null;
}

/** The voters of both sets, each node once, as it stands in the newer one. */
export function allVoters({ voters, outgoing }: Membership): readonly Voter[] {
  return [...voters, ...outgoing.filter(({ node }) => !has(voters, node))];
}

/** Whether the node has a say, as this very member: without votes it has none, and an earlier member of it had its own. */
export function hasSay(membership: Membership, node: NodeId, member: MemberId): boolean {
  if (memberOf(membership, node) !== member) return false;
  return [...membership.voters, ...membership.outgoing].some((voter) => voter.node === node && voter.votes > 0);
}

function applyAll(membership: Membership, changes: readonly Change[]): Membership {
  return changes.reduce(applyOne, membership);
}

function applyOne(membership: Membership, change: Change): Membership {
  switch (change.type) {
    case "voter":
      return withVoter(membership, change);
    case "learner":
      return withLearner(membership, change);
    case "remove":
      return without(membership, change.node);
  }
}

function withVoter(membership: Membership, change: Extract<Change, { type: "voter" }>): Membership {
  const { node, votes, isWitness } = change;
  const known = numberOf(membership, node);
  const member = change.member ?? known ?? membership.nextMember;
  const voter: Voter = { node, member, votes, isWitness };
  const { voters } = membership;
  const isVoter = has(voters, node);
  return {
    ...membership,
    voters: isVoter ? voters.map((old) => (old.node === node ? voter : old)) : [...voters, voter],
    learners: others(membership.learners, node),
    learnersNext: others(membership.learnersNext, node),
    nextMember: after(membership.nextMember, member),
  };
}

/** Who still votes in the outgoing set becomes a learner only when that set is gone. */
function withLearner(membership: Membership, change: Extract<Change, { type: "learner" }>): Membership {
  const { node } = change;
  if (has(membership.learners, node)) return membership;
  const member = change.member ?? numberOf(membership, node) ?? membership.nextMember;
  const learner: Learner = { node, member };
  const bare = without(membership, node);
  const nextMember = after(membership.nextMember, member);
  return has(membership.outgoing, node)
    ? { ...bare, learnersNext: [...bare.learnersNext, learner], nextMember }
    : { ...bare, learners: [...bare.learners, learner], nextMember };
}

function without(membership: Membership, node: NodeId): Membership {
  return {
    ...membership,
    voters: others(membership.voters, node),
    learners: others(membership.learners, node),
    learnersNext: others(membership.learnersNext, node),
  };
}

function numberOf({ voters, outgoing, learners, learnersNext }: Membership, node: NodeId): MemberId | null {
  const all = [...voters, ...outgoing, ...learners, ...learnersNext];
  return all.find((member) => member.node === node)?.member ?? null;
}

function after(next: MemberId, member: MemberId): MemberId {
  return toMemberId(Math.max(next, member + 1));
}

function others<Member extends Learner>(members: readonly Member[], node: NodeId): readonly Member[] {
  return has(members, node) ? members.filter((member) => member.node !== node) : members;
}

function has(members: readonly Learner[], node: NodeId): boolean {
  return members.some((member) => member.node === node);
}

/** Who comes back under another number is another member: one that goes, and one that comes. */
function votersChanged(before: readonly Voter[], now: readonly Voter[]): number {
  const isIn = (voters: readonly Voter[]) => (voter: Voter) =>
    voters.some(({ node, member }) => node === voter.node && member === voter.member);
  const stayed = before.filter(isIn(now)).length;
  return before.length + now.length - 2 * stayed;
}

/** A witness holds no data: alone it would be the end of the group. */
function refuseWithoutOwner({ voters }: Membership): string | null {
  if (voters.length === 0) return "No voter would be left";
  const owners = voters.filter(({ isWitness }) => !isWitness);
  if (owners.length === 0) return "No owner would be left";
  return totalVotes(owners) === 0 ? "No owner would have a vote" : null;
}

/** With unequal votes even one voter more or less may leave room for two quorums: then the joint way is the only one. */
function refuseDisjoint(before: readonly Voter[], now: readonly Voter[]): string | null {
  if (before.length === 0 || [...before, ...now].every(({ votes }) => votes === 1)) return null;
  const pair = disjointQuorums(before, now);
  if (pair === null) return null;
  const [old, fresh] = pair.map((set) => `{${set.join(", ")}}`);
  return `${old} would be a quorum before the change and ${fresh} after it, without a common voter`;
}
