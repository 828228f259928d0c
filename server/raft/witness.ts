// The witness: when a leader has it stand in for an owner that is away, and when no longer; what it promises; and what a
// quorum is meanwhile. See replication-set.ts for the idea.

import { present } from "../../proto/assert.ts";
import { encodeControl } from "../../proto/codec/control.ts";
import { type LogIndex, type Millis, type NodeId, toLogIndex, toMillis } from "../../proto/ids.ts";
import type { Voter } from "../../proto/membership.ts";
import type { StandIn } from "../../proto/raft.ts";
import { compareMarks } from "./configurations.ts";
import type { MessageOf } from "./handler.ts";
import type { Leadership, Member } from "./member.ts";
import type { Progress } from "./progress.ts";
import { quorumValue, quorumVotes, totalVotes, type Voters, voterSets } from "./quorum.ts";
import { sendToAll } from "./replication.ts";

/** Share of the election timeout after which a silent owner is no longer waited for: before anyone asks for votes. */
const silenceShare = 0.5;
/** Share of the election timeout within which an owner has to have what was the log's end to count as one that keeps pace. */
const paceShare = 0.5;
/** Share of the election timeout after which it is looked again whether the witness still answers. */
const answerShare = 0.1;

function witnessOf(voters: Voters): Voter | null {
  return voters.find(({ isWitness }) => isWitness) ?? null;
}

type MatchedOf = (of: { readonly node: NodeId }) => LogIndex;

/** Highest index that the voters of one set have made durable: the owners alone, or those named, with the witness. */
export function committedBy(leading: Leadership, voters: Voters, matchedOf: MatchedOf): LogIndex {
  const alone = quorumValue(voters, (voter) => (voter.isWitness ? toLogIndex(0) : matchedOf(voter)));
  const named = namedFor(leading, voters) ?? [];
  if (named.length === 0) return alone;
  return toLogIndex(Math.max(alone, Math.min(...named.map((node) => matchedOf({ node })))));
}

/**
 * All owners named, if their word is enough in this set together with the witness's. All of them count, also those of the
 * other set of a joint configuration: the witness may elect any of them.
 */
function namedFor({ replicationSet }: Leadership, voters: Voters): readonly NodeId[] | null {
  const { named } = replicationSet;
  const witness = witnessOf(voters);
  if (named === null || witness === null || !replicationSet.isRecordedBy(witness)) return null;
  return votesOf(voters, named) + witness.votes >= quorumVotes(voters) ? named : null;
}

/** Looks again at who is heard: names those who are when the others leave no quorum, dismisses the witness when they are back. */
export function reviewReplicationSet(member: Member): void {
  const sets = voterSets(member.membership);
  const { named } = member.leading.replicationSet;
  if (!sets.some((voters) => witnessOf(voters) !== null)) {
    if (named !== null) dismiss(member);
    return;
  }
  const heard = heardOwners(member, sets);
  const doSuffice = sets.every((voters) => suffice(voters, heard));
  if (named === null) {
    if (!doSuffice) nameIfEnough(member, sets, heard);
  } else if (doSuffice && haveCaughtUp(member, sets)) {
    dismiss(member);
  } else if (!isStillRight(sets, named, heard)) {
    nameIfEnough(member, sets, heard);
  }
}

/** When an owner that is heard now will have been silent for too long, or the witness is waited for; null without one. */
export function reviewDueMs(member: Member): Millis | null {
  const sets = voterSets(member.membership);
  if (!sets.some((voters) => witnessOf(voters) !== null)) return null;
  if (isNamingDue(member, sets)) return toMillis(member.nowMs + answerShare * member.options.electionTimeoutMs);
  let earliest: Millis | null = null;
  for (const { node, isWitness } of sets.flat()) {
    const silentMs = isWitness || node === member.self ? null : silentFromMs(member, node);
    if (silentMs === null || silentMs <= member.nowMs) continue;
    if (earliest === null || silentMs < earliest) earliest = silentMs;
  }
  return earliest;
}

/** The witness answers a beat, and has not said yet that it recorded who is named. */
export function remindWitness(member: Member, witness: Progress): void {
  const { replicationSet } = member.leading;
  const { peer: node, member: number } = witness;
  if (replicationSet.named !== null && !replicationSet.isRecordedBy({ node, member: number }))
    askToStandIn(member, node);
}

/** A witness records who is named, and says so when that is durable. Everyone else has nothing to do with it. */
export function promiseToStandIn(member: Member, from: NodeId, message: MessageOf<"standIn">): void {
  if (!member.options.isWitness) return;
  const { term, subterm, owners } = message;
  const known = member.standIn;
  const news = known === null ? 1 : compareMarks({ term, subterm }, known);
  const reply = { type: "standInReply", term, subterm } as const;
  // What is on the disk need not wait for other writes of the node, which may hang.
  if (news === 0 && known !== null && isWritten(member, known)) member.output.send(from, reply);
  if (news <= 0) return;
  member.standInFor({ term, subterm, owners });
  member.output.promise(from, reply);
}

/** Before, it is promised already, and that waits for the disk. */
function isWritten({ durability }: Member, { term, subterm }: StandIn): boolean {
  const { standIn } = durability;
  return standIn?.term === term && standIn.subterm === subterm;
}

/** Whether a witness may give its vote: to those named last, or to a log that a later sub-term reached. */
export function mayElect(member: Member, candidate: NodeId, message: MessageOf<"vote" | "preVote">): boolean {
  const { standIn } = member;
  if (standIn === null || standIn.owners.includes(candidate)) return true;
  return compareMarks({ term: message.last.term, subterm: message.subterm }, standIn) > 0;
}

/** Only who holds all that may be committed is named: those named before may have committed it without the others. */
function nameIfEnough(member: Member, sets: readonly Voters[], heard: readonly NodeId[]): void {
  const owners = heard.filter((node) => holds(member, node, mayBeCommitted(member)));
  if (!canStandIn(sets, owners) || !doWitnessesAnswer(member, sets, heard)) return;
  member.leading.replicationSet.name(owners);
  for (const voters of sets) {
    const witness = witnessOf(voters);
    if (witness !== null) askToStandIn(member, witness.node);
  }
}

/**
 * Since the others fell silent. A leader that hears nobody is the one that is cut off: were its name recorded as the only one,
 * nobody else could be elected.
 */
function doWitnessesAnswer(member: Member, sets: readonly Voters[], heard: readonly NodeId[]): boolean {
  const silent = sets.flat().filter(({ node, isWitness }) => !isWitness && !heard.includes(node));
  const sinceMs = Math.max(...silent.map(({ node }) => silentFromMs(member, node)));
  const witnesses = sets.flatMap((voters) => witnessOf(voters) ?? []);
  return witnesses.every(({ node }) => (member.leading.progress.get(node)?.heardMs ?? -1) >= sinceMs);
}

/** The owners that are heard are no quorum without the witness, and it is not asked to stand in with them yet. */
function isNamingDue(member: Member, sets: readonly Voters[]): boolean {
  const { named } = member.leading.replicationSet;
  const heard = heardOwners(member, sets);
  if (named !== null) return !isStillRight(sets, named, heard);
  return !sets.every((voters) => suffice(voters, heard)) && canStandIn(sets, heard);
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

/** This member too, when the newest membership leaves it out: until that is committed, nobody else may hold it all. */
function heardOwners(member: Member, sets: readonly Voters[]): readonly NodeId[] {
  const owners = new Set([member.self]);
  for (const { node, isWitness } of sets.flat()) if (!isWitness) owners.add(node);
  return [...owners].filter((node) => node === member.self || silentFromMs(member, node) > member.nowMs);
}

/** An owner whose disk hangs, or who needs a snapshot first, answers beats and acknowledges nothing. */
function silentFromMs(member: Member, node: NodeId): Millis {
  const { electionTimeoutMs, diskPatienceMs } = member.options;
  const { contactMs, behindMs, state } = present(member.leading.progress.get(node), `progress of ${node}`);
  if (state === "snapshot") return contactMs;
  const silentMs = contactMs + silenceShare * electionTimeoutMs;
  return toMillis(behindMs === null ? silentMs : Math.min(silentMs, behindMs + diskPatienceMs));
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

/**
 * Whether a quorum of owners holds all that may be committed, so that dismissing the witness stops no writes, or soon will.
 * Under load nobody ever holds all: it is noted where the log ends, and looked how long they take to have that, again and again
 * (as in thesis 4.2.1). How much they lack is no matter of safety: to be elected by the witness an owner needs the entry that
 * dismisses it, and so all before.
 */
function haveCaughtUp(member: Member, sets: readonly Voters[]): boolean {
  const { leading, log, nowMs, options } = member;
  if (doHold(member, sets, mayBeCommitted(member))) return true;
  const { goal } = leading.replicationSet;
  if (goal !== null && !doHold(member, sets, goal.index)) return false;
  const isSoon = goal !== null && nowMs <= goal.sinceMs + paceShare * options.electionTimeoutMs;
  if (!isSoon) leading.replicationSet.goal = { index: log.lastIndex, sinceMs: nowMs };
  return isSoon;
}

/** Whether in each set a quorum of owners holds the log up to `index`. */
function doHold(member: Member, sets: readonly Voters[], index: LogIndex): boolean {
  return sets.every((voters) => {
    const holders = voters.filter(({ node, isWitness }) => !isWitness && holds(member, node, index));
    return totalVotes(holders) >= quorumVotes(voters);
  });
}

/** Earlier leaders may have committed anything that this one's log held when its term began. */
function mayBeCommitted({ commit, leading }: Member): LogIndex {
  return toLogIndex(Math.max(commit, leading.opening - 1));
}

function holds(member: Member, node: NodeId, index: LogIndex): boolean {
  if (node === member.self) return true;
  const { state, matched } = present(member.leading.progress.get(node), `progress of ${node}`);
  return state === "replicate" && matched >= index;
}

function votesOf(voters: Voters, nodes: readonly NodeId[]): number {
  return totalVotes(voters.filter(({ node, isWitness }) => !isWitness && nodes.includes(node)));
}
