// What must hold in a group whatever happens, checked from the outside: from the steps of its members and from their disks.

import { strict as assert } from "node:assert";
import { type LogIndex, type Millis, type NodeId, toTerm } from "../../../proto/ids.ts";
import type { Membership, Voter } from "../../../proto/membership.ts";
import type { Entry, EntryId, RaftMessage } from "../../../proto/raft.ts";
import { allVoters } from "../../../server/raft/changes.ts";
import { quorumVotes, totalVotes, type Voters, voterSets } from "../../../server/raft/quorum.ts";
import type { RaftInput, RaftOutput, RaftStatus } from "../../../server/raft/types.ts";
import type { DiskMember } from "./disk-member.ts";
import { textOf } from "./fixtures.ts";

/** An entry as it was first seen: no other may ever have its term and index. */
interface Known {
  readonly text: string;
  readonly previousTerm: number;
}

interface Committed {
  readonly term: number;
  readonly inTerm: number;
}

type Seen = Pick<RaftStatus, "role" | "term" | "commit" | "membershipIndex" | "membership" | "peers">;

const nothingSeen = { commit: 0, membershipIndex: 0, peers: [] };

export class Safety {
  readonly #leaders = new Map<number, DiskMember>();
  readonly #known = new Map<string, Known>();
  /** Terms of the committed entries, and of the leaders that committed them; position 0 stands before the log. */
  readonly #committed: Committed[] = [{ term: 0, inTerm: 0 }];
  readonly #seen = new Map<DiskMember, Seen>();
  /** When each has answered a leader's beat last, by its own clock. */
  readonly #beatsMs = new Map<DiskMember, Millis>();
  readonly #diskOf: (voter: Voter) => DiskMember | undefined;

  /** @param diskOf the disk of a voter, also one that is down for good */
  constructor(diskOf: (voter: Voter) => DiskMember | undefined) {
    this.#diskOf = diskOf;
  }

  /** Up to here entries are committed. */
  get committed(): number {
    return this.#committed.length - 1;
  }

  /** A member begins anew from its disk: it may know less than before. */
  restarted(member: DiskMember): void {
    this.#seen.delete(member);
  }

  /** Before what a step asks for is carried out. */
  check(member: DiskMember, output: RaftOutput): void {
    const status = member.running.status();
    const seen = this.#seen.get(member);
    this.#checkMonotonic(member, status);
    if (output.persist?.append) this.#checkMatching(output.persist.append);
    // Who commits its own departure leads no longer when the step ends.
    const hasLed = seen?.role === "leader" && seen.term === status.term;
    // A commit that lets the membership change in the same step was by the one before.
    if (hasLed) this.#checkLeader(member, { ...status, membership: seen.membership });
    else if (status.role === "leader") this.#checkLeader(member, status);
    if (hasLed) this.#checkChange(member, seen, status);
    for (const entry of output.committed) this.#checkApplied(member, entry);
  }

  /** Term and commit never fall, nor does within a term what a leader knows of its followers. */
  #checkMonotonic(member: DiskMember, status: RaftStatus): void {
    const { term, commit, membershipIndex, peers } = status;
    const seen = this.#seen.get(member) ?? { ...nothingSeen, term: member.hardState.term };
    assert.ok(term >= seen.term && commit >= seen.commit, `${member.id}: term or commit fell`);
    const isSameMembers = term === seen.term && membershipIndex === seen.membershipIndex;
    if (isSameMembers) checkMatched(member, seen.peers, peers);
    this.#seen.set(member, status);
  }

  /** A leader changes the members only when the last change is committed, and an entry of its own term. */
  #checkChange({ id }: DiskMember, seen: Seen, { membershipIndex, commit, term }: RaftStatus): void {
    if (membershipIndex <= seen.membershipIndex) return;
    assert.ok(seen.membershipIndex <= commit, `${id} changes the members twice at once`);
    const isOpen = this.#committed[commit]?.term === term;
    assert.ok(isOpen, `${id} changes the members before an entry of term ${term} is committed`);
  }

  /** Log matching: an entry stands behind the same entry wherever it is written. */
  #checkMatching({ previous, entries }: { readonly previous: EntryId; readonly entries: readonly Entry[] }): void {
    let previousTerm: number = previous.term;
    for (const entry of entries) {
      const name = `${entry.term}/${entry.index}`;
      const text = textOf(entry);
      const known = this.#known.get(name);
      if (known === undefined) this.#known.set(name, { text, previousTerm });
      else assert.deepEqual({ text, previousTerm }, known, `Two entries ${name}`);
      previousTerm = entry.term;
    }
  }

  #checkLeader(member: DiskMember, status: RaftStatus): void {
    const { term, commit } = status;
    assert.ok(!member.options.isWitness, `Witness ${member.id} leads term ${term}`);
    const known = this.#leaders.get(term);
    assert.ok(known === undefined || known === member, `Term ${term} has leaders ${known?.id} and ${member.id}`);
    this.#leaders.set(term, member);
    if (known === undefined) this.#checkComplete(member, status);
    if (commit <= this.committed) return;
    this.#checkDurable(member, status.membership, { term, index: commit });
    this.#extend({ term, index: commit });
  }

  /**
   * Whoever acknowledges an entry has it on its disk, unless that has gone on to entries of a later term by then: of a leader that
   * was elected without what it acknowledged before, which is thus on no quorum.
   */
  checkPromise(member: DiskMember, message: RaftMessage): void {
    if (message.type !== "appendReply" && message.type !== "beatReply") return;
    const { term, matched } = message;
    const leader = this.#leaders.get(term);
    const written = lastUpTo(member, matched);
    if (leader === undefined || !isLeading(leader, term) || written.term > term) return;
    const isCompacted = matched <= member.log.previous.index || matched < leader.running.status().first;
    const isKept = written.index === matched && (isCompacted || leader.running.holds(written));
    assert.ok(
      isKept,
      `${member.id} acknowledges ${matched} of term ${term}, its disk holds ${written.term}/${written.index}`,
    );
  }

  /** Who answers a leader's beat lets it count on its lease: it elects nobody else for an election timeout of its own clock. */
  checkPatience(member: DiskMember, input: RaftInput, { messages }: RaftOutput, nowMs: Millis): void {
    if (input.type !== "message" || member.options.leaseRead === null) return;
    const { type, term } = input.message;
    const isAnswered = messages.some(({ message }) => message.type === "beatReply" && message.term === term);
    if (type === "beat" && isAnswered) this.#beatsMs.set(member, nowMs);
    const isGranted = messages.some(({ message }) => message.type === "voteReply" && message.granted);
    if (type !== "vote" || input.message.isTransfer || !isGranted) return;
    const sinceMs = nowMs - (this.#beatsMs.get(member) ?? Number.NEGATIVE_INFINITY);
    assert.ok(
      sinceMs >= member.options.electionTimeoutMs,
      `${member.id} votes ${sinceMs} ms after it has answered a leader`,
    );
  }

  /** A leader that answers a read without asking anybody counts on nobody else having been elected yet. */
  checkUnasked({ id, running }: DiskMember): void {
    const { term } = running.status();
    assert.ok(
      term >= Math.max(...this.#leaders.keys()),
      `${id} counts on its lease of term ${term}, and another leads already`,
    );
  }

  /** Leader completeness. Votes that come late may elect a leader when a later one has long committed something. */
  #checkComplete(member: DiskMember, { term, first }: RaftStatus): void {
    for (let index = first; index <= this.committed; index++) {
      const committed = this.#committed[index] as Committed;
      if (committed.inTerm >= term) continue;
      const id = { term: committed.term, index } as EntryId;
      assert.ok(member.running.holds(id), `Leader ${member.id} of term ${term} lacks ${id.term}/${index}`);
    }
  }

  /** A leader commits an entry of its own term, with all before it. */
  #extend(id: EntryId): void {
    let { term, index } = id as { term: number; index: number };
    const fresh: Committed[] = [];
    for (; index > this.committed; index--) {
      fresh.push({ term, inTerm: id.term });
      const known = this.#known.get(`${term}/${index}`);
      assert.ok(known, `${term}/${index} is committed and was never written`);
      term = known.previousTerm;
    }
    assert.equal(
      term,
      this.#committed[index]?.term,
      `${id.term}/${id.index} replaces entry ${index}, which is committed`,
    );
    this.#committed.push(...fresh.reverse());
  }

  /** Committed is durable on a quorum of every set in force: of the owners alone, or as the witness has it on record. */
  #checkDurable(leader: DiskMember, membership: Membership, id: EntryId): void {
    const owners = allVoters(membership).filter(({ isWitness }) => !isWitness);
    const holders = [...owners.map((voter) => this.#diskOf(voter)), leader].filter((disk) => holds(disk, id));
    const names = holders.map((disk) => disk?.id as NodeId);
    for (const voters of voterSets(membership)) {
      const isEnough = votesOf(voters, names) >= quorumVotes(voters) || this.#standsIn(voters, names, id.term);
      assert.ok(isEnough, `${id.term}/${id.index} is committed, and only on ${names.join(" ")} of ${describe(voters)}`);
    }
  }

  /** All whom the witness may elect hold it. */
  #standsIn(voters: Voters, holders: readonly NodeId[], term: number): boolean {
    const witness = voters.find(({ isWitness }) => isWitness);
    const standIn = (witness && this.#diskOf(witness)?.hardState.standIn) ?? null;
    if (witness === undefined || standIn?.term !== term) return false;
    const isOnAll = standIn.owners.every((owner) => holders.includes(owner));
    return isOnAll && votesOf(voters, standIn.owners) + witness.votes >= quorumVotes(voters);
  }

  /** State machine safety. */
  #checkApplied(member: DiskMember, { term, index }: EntryId): void {
    assert.ok(index <= this.committed, `${member.id} applies ${term}/${index}, which no leader committed`);
    assert.equal(term, this.#committed[index]?.term, `${member.id} applies another entry ${index}`);
  }
}

function isLeading({ raft }: DiskMember, term: number): boolean {
  return raft?.status().role === "leader" && raft.status().term === term;
}

/** The last entry up to `index` on a disk. */
function lastUpTo({ log: { previous, entries } }: DiskMember, index: LogIndex): EntryId {
  if (index <= previous.index) return { term: toTerm(0), index };
  return entries[index - previous.index - 1] ?? entries.at(-1) ?? previous;
}

function checkMatched({ id }: DiskMember, before: RaftStatus["peers"], now: RaftStatus["peers"]): void {
  for (const { peer, matched } of now) {
    const known = before.find((each) => each.peer === peer)?.matched ?? 0;
    assert.ok(matched >= known, `${id} takes back that ${peer} holds ${known}, to ${matched}`);
  }
}

function holds(member: DiskMember | undefined, { term, index }: EntryId): boolean {
  if (member === undefined) return false;
  const { previous, entries } = member.log;
  return index <= previous.index || entries[index - previous.index - 1]?.term === term;
}

function votesOf(voters: Voters, nodes: readonly NodeId[]): number {
  return totalVotes(voters.filter(({ node, isWitness }) => !isWitness && nodes.includes(node)));
}

function describe(voters: Voters): string {
  const each = voters.map((of) => `${of.node}#${of.member}*${of.votes}${of.isWitness ? " (witness)" : ""}`);
  return each.join(", ");
}
