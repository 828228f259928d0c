// The witness: when a leader has it stand in for an owner that is away, and when no longer; what it promises; and what a
// quorum is meanwhile. See replication-set.ts for the idea.

import { encodeControl } from "../../proto/codec/control.ts";
import { type LogIndex, type Millis, type NodeId, toLogIndex, toMillis } from "../../proto/ids.ts";
import type { Voter } from "../../proto/membership.ts";
import { compareMarks } from "./configurations.ts";
import type { MessageOf } from "./handler.ts";
import { contactMs, type Leadership, type Member } from "./member.ts";
import { quorumValue, quorumVotes, totalVotes, type Voters, voterSets } from "./quorum.ts";
import { sendToAll } from "./replication.ts";

/** Share of the election timeout after which a silent owner is no longer waited for: before anyone asks for votes. */
const silenceShare = 0.5;

function witnessOf(voters: Voters): Voter | null {
  return voters.find(({ isWitness }) => isWitness) ?? null;
}

/** Highest index that the voters of one set have made durable: the owners alone, or those named, with the witness. */
export function committedBy(leading: Leadership, voters: Voters, matchedOf: (voter: Voter) => LogIndex): LogIndex {
  const alone = quorumValue(voters, (voter) => (voter.isWitness ? toLogIndex(0) : matchedOf(voter)));
  const named = namedOf(leading, voters);
  if (named === null) return alone;
  return toLogIndex(Math.max(alone, Math.min(...named.map(matchedOf))));
}

/** The owners of this set whose word is enough together with the witness's; null: the witness does not stand in. */
function namedOf(leading: Leadership, voters: Voters): Voters | null {
  const { named } = leading.replicationSet;
  const witness = witnessOf(voters);
  if (named === null || witness === null || !leading.replicationSet.isRecordedBy(witness.node)) return null;
  const owners = voters.filter(({ node }) => named.includes(node));
  return totalVotes(owners) + witness.votes >= quorumVotes(voters) ? owners : null;
}

/** Looks again at who is heard: names those who are when the others leave no quorum, dismisses the witness when they are back. */
export function reviewReplicationSet(member: Member): void {
  const sets = voterSets(member.membership);
  if (!sets.some((voters) => witnessOf(voters) !== null)) return;
  const { replicationSet } = member.leading;
  const heard = heardOwners(member, sets);
  const { named } = replicationSet;
  if (named === null) {
    if (!sets.every((voters) => suffice(voters, heard)) && canStandIn(sets, heard)) name(member, heard);
  } else if (sets.every((voters) => suffice(voters, heard)) && sets.every((voters) => areLevel(member, voters))) {
    dismiss(member);
  } else if (!isStillRight(sets, named, heard) && canStandIn(sets, heard)) {
    name(member, heard);
  }
}

/** When an owner that is heard now will have been silent for too long; null without a witness. */
export function reviewDueMs(member: Member): Millis | null {
  const sets = voterSets(member.membership);
  if (!sets.some((voters) => witnessOf(voters) !== null)) return null;
  let earliest: Millis | null = null;
  for (const { node, isWitness } of sets.flat()) {
    const silentMs = isWitness || node === member.self ? null : silentFromMs(member, node);
    if (silentMs === null || silentMs <= member.nowMs) continue;
    if (earliest === null || silentMs < earliest) earliest = silentMs;
  }
  return earliest;
}

/** The witness answers a beat, and has not said yet that it recorded who is named. */
export function remindWitness(member: Member, witness: NodeId): void {
  const { replicationSet } = member.leading;
  if (replicationSet.named !== null && !replicationSet.isRecordedBy(witness)) askToStandIn(member, witness);
}

/** A witness records who is named, and says so when that is durable. Everyone else has nothing to do with it. */
export function promiseToStandIn(member: Member, from: NodeId, message: MessageOf<"standIn">): void {
  if (!member.options.isWitness) return;
  const { term, subterm, owners } = message;
  const known = member.standIn;
  if (known === null || compareMarks({ term, subterm }, known) > 0) member.standInFor({ term, subterm, owners });
  else if (known.term !== term || known.subterm !== subterm) return;
  member.output.promise(from, { type: "standInReply", term, subterm });
}

/** Whether a witness may give its vote: to those named last, or to a log that a later sub-term reached. */
export function mayElect(member: Member, candidate: NodeId, message: MessageOf<"vote" | "preVote">): boolean {
  const { standIn } = member;
  if (standIn === null || standIn.owners.includes(candidate)) return true;
  return compareMarks({ term: message.last.term, subterm: message.subterm }, standIn) > 0;
}

function name(member: Member, owners: readonly NodeId[]): void {
  member.leading.replicationSet.name(owners);
  for (const voters of voterSets(member.membership)) {
    const witness = witnessOf(voters);
    if (witness !== null) askToStandIn(member, witness.node);
  }
}

function askToStandIn(member: Member, witness: NodeId): void {
  const { subterm, named } = member.leading.replicationSet;
  member.output.send(witness, { type: "standIn", term: member.term, subterm, owners: named ?? [] });
}

/** The entry carries the new sub-term to the owners: with it in its log, one that was away can be elected again. */
function dismiss(member: Member): void {
  const { replicationSet } = member.leading;
  replicationSet.dismiss();
  const payload = encodeControl({ type: "subterm", subterm: replicationSet.subterm });
  member.append([{ term: member.term, index: toLogIndex(member.log.lastIndex + 1), payload }]);
  sendToAll(member);
}

function heardOwners(member: Member, sets: readonly Voters[]): readonly NodeId[] {
  const owners = new Set(
    sets
      .flat()
      .filter(({ isWitness }) => !isWitness)
      .map(({ node }) => node),
  );
  return [...owners].filter((node) => node === member.self || silentFromMs(member, node) > member.nowMs);
}

function silentFromMs(member: Member, node: NodeId): Millis {
  const progress = member.leading.progress.get(node);
  const sinceMs = progress === undefined ? member.leading.sinceMs : contactMs(member.leading, progress);
  return toMillis(sinceMs + silenceShare * member.options.electionTimeoutMs);
}

function suffice(voters: Voters, heard: readonly NodeId[]): boolean {
  return votesOf(voters, heard) >= quorumVotes(voters);
}

/** In each set the owners that are heard are a quorum, if need be with the witness. */
function canStandIn(sets: readonly Voters[], heard: readonly NodeId[]): boolean {
  return sets.every((voters) => votesOf(voters, heard) + (witnessOf(voters)?.votes ?? 0) >= quorumVotes(voters));
}

/** All who are named are heard, and still enough of each set. */
function isStillRight(sets: readonly Voters[], named: readonly NodeId[], heard: readonly NodeId[]): boolean {
  return named.every((node) => heard.includes(node)) && canStandIn(sets, named);
}

/** Whether a quorum of owners holds all that is committed, so that dismissing the witness stops no writes. */
function areLevel(member: Member, voters: Voters): boolean {
  const level = voters.filter(({ node, isWitness }) => !isWitness && isLevel(member, node));
  return totalVotes(level) >= quorumVotes(voters);
}

function isLevel(member: Member, node: NodeId): boolean {
  if (node === member.self) return true;
  const progress = member.leading.progress.get(node);
  return progress !== undefined && progress.state === "replicate" && progress.matched >= member.commit;
}

function votesOf(voters: Voters, nodes: readonly NodeId[]): number {
  return totalVotes(voters.filter(({ node, isWitness }) => !isWitness && nodes.includes(node)));
}
