// Whether a group has a quorum, as far as one of its members can tell, and who is missing.

import { type Failure, failure } from "../../proto/errors.ts";
import type { Millis, NodeId } from "../../proto/ids.ts";
import type { Membership, Voter } from "../../proto/membership.ts";
import { allVoters } from "../raft/changes.ts";
import { quorumVotes, totalVotes, voterSets } from "../raft/quorum.ts";
import type { QuorumView } from "./group-replies.ts";
import { limits } from "./limits.ts";
import type { World } from "./world.ts";

/** A replica with its fellow voters, of a resource group or of the cluster group. */
export interface Quorate {
  readonly leader: NodeId | null;
  readonly membership: Membership;
  leaderlessMs(nowMs: Millis): number;
  /** Members that this member, leading, has not heard in the group; null: it does not lead, and hears nobody by itself. */
  silent(nowMs: Millis): readonly NodeId[] | null;
}

/** A leader knows whom it hears, and is proof of a quorum; others know no more than their open connections. */
export function quorumOf(group: Quorate, world: World, nowMs: Millis): QuorumView {
  const missing = missingVoters(group, world, nowMs);
  const isElecting = areEnough(group.membership, missing) && group.leaderlessMs(nowMs) < limits.noQuorumGraceMs;
  const voters = decisiveVoters(group.membership, missing);
  // A new owner that has received nothing yet knows of no voter.
  const needed = voters.length === 0 ? 0 : quorumVotes(voters);
  return { hasQuorum: group.leader !== null || isElecting, needed, missing };
}

/** Of a joint configuration the set that can spare the fewest of its votes, the present one where both can spare as many. */
export function decisiveVoters(membership: Membership, missing: readonly NodeId[]): readonly Voter[] {
  const spare = (voters: readonly Voter[]) => votesWithout(voters, missing) - quorumVotes(voters);
  const [present = [], outgoing] = voterSets(membership);
  return outgoing !== undefined && spare(outgoing) < spare(present) ? outgoing : present;
}

/** Nobody takes a group from a quorum that may be about to show itself: one that has only just lost its leader, or started. */
export function mayHaveQuorum(group: Quorate, world: World, nowMs: Millis): boolean {
  return group.leaderlessMs(nowMs) < limits.noQuorumGraceMs || quorumOf(group, world, nowMs).hasQuorum;
}

/** Why a call cannot wait any longer for a leader; null while an election may still bring one. */
export function noQuorumFailure(name: string, group: Quorate, world: World, nowMs: Millis): Failure | null {
  if (group.leader !== null || group.leaderlessMs(nowMs) < limits.noQuorumGraceMs) return null;
  const missing = missingVoters(group, world, nowMs);
  if (areEnough(group.membership, missing)) return null;
  const voters = decisiveVoters(group.membership, missing);
  const who = `${quorumVotes(voters)} of ${needs(voters)} must be up`;
  const message = `The group ${name} has no quorum: ${who}, missing are ${missing.join(", ")}`;
  return failure("no_quorum", message, { group: name, missing: missing.join(",") });
}

/** Why a node that is no owner cannot pass a call on. */
export function unreachableFailure(name: string, owners: readonly NodeId[]): Failure {
  const missing = owners.join(", ");
  const message = `The group ${name} has no quorum: none of its ${owners.length} owners can be reached, missing are ${missing}`;
  return failure("no_quorum", message, { group: name, missing: owners.join(",") });
}

function missingVoters(group: Quorate, world: World, nowMs: Millis): readonly NodeId[] {
  const silent = group.silent(nowMs);
  const others = allVoters(group.membership).filter(({ node }) => node !== world.self);
  const isMissing = (node: NodeId) =>
    silent?.includes(node) ?? (!world.connected.has(node) || world.quarantines.has(node));
  return others.map(({ node }) => node).filter(isMissing);
}

function areEnough(membership: Membership, missing: readonly NodeId[]): boolean {
  return voterSets(membership).every((voters) => votesWithout(voters, missing) >= quorumVotes(voters));
}

function votesWithout(voters: readonly Voter[], missing: readonly NodeId[]): number {
  return totalVotes(voters.filter(({ node }) => !missing.includes(node)));
}

/** For example `3 owners`, or `5 votes` where not all have one. */
function needs(voters: readonly Voter[]): string {
  const areEqual = voters.every(({ votes, isWitness }) => votes === 1 && !isWitness);
  return areEqual ? `${voters.length} owners` : `${totalVotes(voters)} votes`;
}
