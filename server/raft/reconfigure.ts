// From one membership to another, any combination of changes at once, in steps that each stand in the log: whoever leads
// takes the next one, so a crash at any moment delays the change and never splits it.
//   1. nodes that lost their data leave, through a joint configuration (they come back as new members);
//   2. new members get their numbers, and all but a witness become learners, which are brought up without a say; one that
//      loses its data meanwhile gets another;
//   3. when all of them have caught up, a joint configuration: nothing is decided without a quorum of the old and the new;
//   4. the old voters are gone.
// Owners that lost their data, and hold it again, vote again before step 3 where that has to wait, for however long: through a
// joint configuration of their own.
// A node is one member at a time. So a witness that is to be an owner leaves when the other new owners have caught up, and
// then becomes a learner as well; an owner that is to be the witness leaves with the old voters, and comes back as the last.
// Until the new owners hold the data, no owner that is whole goes.
// Source: Ongaro's thesis 4.2.1, 4.3.

import { assert } from "../../proto/assert.ts";
import { encodeControl } from "../../proto/codec/control.ts";
import { wireLimits } from "../../proto/codec/wire-limits.ts";
import { type MemberId, type NodeId, toLogIndex, toMemberId } from "../../proto/ids.ts";
import type { Membership, Voter } from "../../proto/membership.ts";
import { type Change, type Changed, enterJoint, isJoint, leaveJoint, simpleChange } from "./changes.ts";
import type { Member } from "./member.ts";
import type { Progress } from "./progress.ts";
import { quorumValue, quorumVotes, totalVotes } from "./quorum.ts";
import type { Target, TargetVoter } from "./types.ts";

/**
 * Begins a change, or gives one up.
 *
 * @returns the membership to append, null when there is nothing to change, or a text: why not
 */
export function beginChange(member: Member, target: Target | null): Changed | null {
  const { membership } = member;
  const early = refuseEarly(member);
  if (early !== null) return early;
  if (isJoint(membership)) return "A change of the members is being completed";
  if (target === null) return giveUp(membership);
  if (!mayReplace(membership.target, target)) return "Another change of the members is under way";
  const wrong = refuseTarget(target);
  if (wrong !== null) return wrong;
  const changed = firstStep(membership, target);
  if (changed === null || typeof changed === "string" || !isJoint(changed)) return changed;
  return isHeard(member, changed.voters) ? changed : "Too few of the voters that would be left are heard";
}

/** The next step of the change under way, if there is one and it may be taken now. */
export function nextStep(member: Member): Membership | null {
  const { membership } = member;
  const { target } = membership;
  if (refuseEarly(member) !== null) return null;
  if (isJoint(membership)) return mustChange(leaveJoint(membership));
  if (target === null) return null;
  const prepared = mustChange(prepare(membership, target));
  if (prepared !== membership) return prepared;
  const next = areBroughtUp(member, target)
    ? (promotedWitness(membership, target) ?? toTarget(membership, target))
    : null;
  if (next !== null && isHeard(member, next.voters)) return next;
  const returned = withReturned(member, target);
  return returned !== null && isHeard(member, returned.voters) ? returned : null;
}

export function membershipEntry(member: Member, membership: Membership) {
  const payload = encodeControl({ type: "membership", membership });
  return { term: member.term, index: toLogIndex(member.log.lastIndex + 1), payload };
}

/** A member that loses its data while it is brought up must begin anew: else the change would wait for it for ever. */
function mayReplace(present: readonly Voter[] | null, { voters, renew }: Target): boolean {
  if (present === null) return true;
  const isSame = voters.length === present.length && voters.every((voter, at) => isAlike(voter, present[at] as Voter));
  return isSame && renew.some((node) => voters.some((voter) => voter.node === node));
}

/** At most one change is uncommitted, and none before the term's first entry is committed (thesis 4.1, erratum of 2015). */
function refuseEarly({ commit, membershipIndex, leading }: Member): string | null {
  if (commit < leading.opening) return "The term has only just begun";
  return membershipIndex > commit ? `The change of the members at ${membershipIndex} is not committed yet` : null;
}

function refuseTarget({ voters }: Target): string | null {
  const names = new Set(voters.map(({ node }) => node));
  if (names.size < voters.length) return "A node is named twice";
  if (voters.every(({ isWitness }) => isWitness)) return "No owner would be left";
  if (voters.filter(({ isWitness }) => isWitness).length > 1) return "A group has one witness at most";
  return refuseCounts(voters);
}

function refuseCounts(voters: readonly TargetVoter[]): string | null {
  const { ownersMax, votesMax } = wireLimits;
  if (voters.length > ownersMax) return `There would be ${voters.length} voters, the limit is ${ownersMax}`;
  const odd = voters.find(({ votes }) => !Number.isInteger(votes) || votes < 0 || votes > votesMax);
  if (odd !== undefined) return `${odd.node} would have ${odd.votes} votes, which is not one of 0 to ${votesMax}`;
  const owners = totalVotes(voters.filter(({ isWitness }) => !isWitness));
  if (owners === 0) return "No owner would have a vote";
  return owners < quorumVotes(voters) ? "The owners alone would be no quorum without the witness" : null;
}

/** Learners that were meant for the target go; a joint configuration can only be completed. */
function giveUp(membership: Membership): Changed | null {
  const { target } = membership;
  if (target === null) return null;
  const meant = new Set(target.map(({ node }) => node));
  const learners = membership.learners.filter(({ node }) => !meant.has(node));
  return { ...membership, learners, target: null, owners: ownersOf(membership.voters) };
}

function firstStep(membership: Membership, target: Target): Changed | null {
  const { voters, nextMember } = numbered(membership, target);
  if (sameVoters(voters, membership.voters)) return null;
  if (sameMembers(voters, membership.voters)) return { ...membership, voters, owners: ownersOf(voters) };
  const begun = { ...membership, target: voters, nextMember };
  const prepared = prepare(begun, voters);
  if (typeof prepared === "string" || prepared !== begun) return prepared;
  // A number that was given out has to be committed before anyone acts under it: until then another could get the same.
  const isNumbered = nextMember > membership.nextMember;
  return isNumbered || hasLearnersToBringUp(begun, voters) ? begun : toTarget(begun, voters);
}

function hasLearnersToBringUp({ learners }: Membership, target: readonly Voter[]): boolean {
  return target.some(({ node }) => learners.some((learner) => learner.node === node));
}

/** Whoever is in the group keeps its number, except those that have to begin anew. */
function numbered(
  membership: Membership,
  { voters, renew }: Target,
): { voters: readonly Voter[]; nextMember: MemberId } {
  let next: number = membership.nextMember;
  const result = voters.map((voter) => {
    const known = renew.includes(voter.node) ? null : keptNumber(membership, voter);
    return { ...voter, member: known ?? toMemberId(next++) };
  });
  return { voters: result, nextMember: toMemberId(next) };
}

/** An owner cannot become a witness, or the reverse, and stay who it is: they keep different things. */
function keptNumber(membership: Membership, { node, isWitness }: TargetVoter): MemberId | null {
  const voter = membership.voters.find((known) => known.node === node && known.isWitness === isWitness);
  const learner = isWitness ? undefined : membership.learners.find((known) => known.node === node);
  return voter?.member ?? learner?.member ?? null;
}

/** Steps 1 and 2; returns `membership` itself when there is nothing to prepare. */
function prepare(membership: Membership, target: readonly Voter[]): Changed {
  const lost = membership.voters.filter((voter) => renumbered(voter, target)?.isWitness === voter.isWitness);
  if (lost.length > 0) return enterJoint(membership, lost.map(removal));
  const missing = target.filter(
    (voter) => !voter.isWitness && !isMember(membership, voter) && !isVoter(membership, voter),
  );
  // A learner that begins anew goes under its old number first.
  const changes = missing.flatMap((voter) => [removal(voter), toLearner(voter)]);
  return missing.length === 0 ? membership : simpleChange(membership, changes);
}

/** What the node of `voter` is to be in its place, as another member. */
function renumbered({ node, member }: Voter, target: readonly Voter[]): Voter | undefined {
  return target.find((voter) => voter.node === node && voter.member !== member);
}

/** A witness that is to be an owner goes, to come back as a learner; null: there is none. */
function promotedWitness(membership: Membership, target: readonly Voter[]): Membership | null {
  const promoted = membership.voters.filter((voter) => voter.isWitness && renumbered(voter, target) !== undefined);
  return promoted.length === 0 ? null : mustChange(enterJoint(membership, promoted.map(removal)));
}

/** Step 3: the target's voters, in its order; one that is an owner yet, and is to be the witness, when it is none any more. */
function toTarget(membership: Membership, target: readonly Voter[]): Membership {
  const isOwner = ({ node }: Voter) => membership.voters.some((voter) => voter.node === node && !voter.isWitness);
  const voters = target.filter((voter) => !voter.isWitness || !isOwner(voter));
  const leaving = membership.voters.filter(({ node }) => !voters.some((voter) => voter.node === node));
  const joint = mustChange(enterJoint(membership, [...voters.map(toVoter), ...leaving.map(removal)]));
  const isWhole = voters.length === target.length;
  return { ...joint, voters, owners: ownersOf(target), target: isWhole ? null : target };
}

/** Owners that lost their data have it again, and can vote although others of the target cannot yet; null: there are none. */
function withReturned(member: Member, target: readonly Voter[]): Membership | null {
  const { membership, leading } = member;
  const { owners, learners } = membership;
  const returned = target.filter(({ node }) => {
    const isBack = owners.includes(node) && learners.some((learner) => learner.node === node);
    return isBack && hasCaughtUp(member, leading.progress.get(node));
  });
  if (returned.length === 0) return null;
  const joint = mustChange(enterJoint(membership, returned.map(toVoter)));
  const rank = ({ node, isWitness }: Voter) => (isWitness ? owners.length : owners.indexOf(node));
  return { ...joint, voters: joint.voters.toSorted((left, right) => rank(left) - rank(right)) };
}

/** The new members hold the log. */
function areBroughtUp(member: Member, target: readonly Voter[]): boolean {
  const { progress } = member.leading;
  return member.membership.learners.every(({ node }) => {
    const isWanted = target.some((voter) => voter.node === node);
    return !isWanted || hasCaughtUp(member, progress.get(node));
  });
}

/** Enough of these voters to go on when the others have no say any more. */
function isHeard(member: Member, voters: readonly Voter[]): boolean {
  const silentMs = member.nowMs - member.options.electionTimeoutMs;
  return quorumValue(voters, ({ node }) => heardMs(member, node)) > silentMs;
}

/** A witness that is no member yet is taken to be there: nothing can be asked of it before. */
function heardMs(member: Member, node: NodeId): number {
  const progress = member.leading.progress.get(node);
  if (node === member.self || progress === undefined) return member.nowMs;
  return progress.heardMs ?? Number.NEGATIVE_INFINITY;
}

/** So close to the end of the log as the options say: under load the very end is never reached. */
function hasCaughtUp(member: Member, progress: Progress | undefined): boolean {
  if (progress === undefined || progress.state !== "replicate") return false;
  const { log, options } = member;
  if (log.lastIndex - progress.matched > options.lagEntriesMax) return false;
  return log.bytesBetween(progress.matched, log.lastIndex) <= options.appendBytesMax;
}

function ownersOf(voters: readonly Voter[]): readonly NodeId[] {
  return voters.filter(({ isWitness }) => !isWitness).map(({ node }) => node);
}

function isMember({ voters, learners }: Membership, { node, member }: Voter): boolean {
  return [...voters, ...learners].some((known) => known.node === node && known.member === member);
}

/** Under whatever number. */
function isVoter({ voters }: Membership, { node }: Voter): boolean {
  return voters.some((known) => known.node === node);
}

/** In any order. */
function sameMembers(left: readonly Voter[], right: readonly Voter[]): boolean {
  if (left.length !== right.length) return false;
  return left.every((voter) => right.some((other) => sameVoter(voter, other)));
}

function sameVoters(left: readonly Voter[], right: readonly Voter[]): boolean {
  return left.length === right.length && left.every((voter, at) => sameVoter(voter, right[at] as Voter));
}

function sameVoter(left: Voter, right: Voter): boolean {
  return left.node === right.node && left.member === right.member && left.votes === right.votes;
}

function isAlike(left: TargetVoter, right: TargetVoter): boolean {
  return left.node === right.node && left.votes === right.votes && left.isWitness === right.isWitness;
}

function toVoter(voter: Voter): Change {
  return { type: "voter", ...voter };
}

function removal({ node }: Voter): Change {
  return { type: "remove", node };
}

function toLearner({ node, member }: Voter): Change {
  return { type: "learner", node, member };
}

function mustChange(changed: Changed): Membership {
  assert(typeof changed !== "string", () => `Refused half-way: ${changed}`);
  return changed;
}
