// One member of one group: the replicated log as a pure state machine. Knows no clock, network or disk: time comes with
// each step, what is to be sent and written leaves in its output, and the disk answers by `persisted`.
// The caller's duties: carry out writes in order; hold back messages marked `afterPersist` until everything written so far
// is durable; report each write; call `step({type: "deadline"})` when `deadlineMs()` has come; send beats.
// Source: Ongaro's thesis, chapters 3, 6.4 and 9.6, and 10.2.1 for writing in parallel with sending.

import { assert } from "../../proto/assert.ts";
import { type LogIndex, type MemberId, type Millis, type NodeId, type Term, toMillis } from "../../proto/ids.ts";
import { anyMember, type Configuration, type Membership, memberOf } from "../../proto/membership.ts";
import { asks, type Entry, type EntryId, isControl, type LogSlice, type RaftMessage } from "../../proto/raft.ts";
import type { Random } from "../../proto/random.ts";
import { candidateHandlers, preCandidateHandlers } from "./candidate.ts";
import { countOwnVote, handleElectionDeadline } from "./election.ts";
import { followerHandlers, followSnapshot } from "./follower.ts";
import type { Handlers, MessageOf } from "./handler.ts";
import { endSnapshot, handleLeaderDeadline, leaderDeadlineMs, leaderHandlers, propose } from "./leader.ts";
import { addRead, advanceCommit, carryRound, reconfigure } from "./leadership.ts";
import { Member } from "./member.ts";
import { noteOvertaken, noteUnproven } from "./own-disk.ts";
import { hearVouched, type Standing, standingOf } from "./quiet.ts";
import { admitTerm } from "./terms.ts";
import { beginTransfer } from "./transfer.ts";
import type { PersistToken, RaftImage, RaftInput, RaftOptions, RaftOutput, RaftStatus, Role, Target } from "./types.ts";

const handlers: Readonly<Record<Role, Handlers>> = {
  follower: followerHandlers,
  preCandidate: preCandidateHandlers,
  candidate: candidateHandlers,
  leader: leaderHandlers,
};

export class Raft {
  readonly #member: Member;

  /**
   * Starts as a follower; the committed index is what was applied, until a leader tells more.
   *
   * @param image what was read from disk; its entries are kept and must not change
   * @param random for election deadlines only
   */
  constructor(options: RaftOptions, image: RaftImage, random: Random, nowMs: Millis) {
    this.#member = new Member(options, image, { random, nowMs });
  }

  /** Takes one input. Everything in the output is the caller's; time that seems to run backwards counts as standing still. */
  step(input: RaftInput, nowMs: Millis): RaftOutput {
    const member = this.#member;
    member.nowMs = toMillis(Math.max(member.nowMs, nowMs));
    this.#take(input);
    return member.finish();
  }

  /** When to step with `deadline`, at the latest; it may have passed already. Null: nothing will ever be due. */
  deadlineMs(): Millis | null {
    const member = this.#member;
    return member.role === "leader" ? leaderDeadlineMs(member) : member.electionDeadlineMs;
  }

  /** What a beat to `peer` says, to be sent at once; null unless this member leads `peer`. */
  beatFor(peer: NodeId): MessageOf<"beat"> | null {
    const { leadership, term, commit, log } = this.#member;
    if (leadership === null || !leadership.progress.has(peer)) return null;
    return { type: "beat", term, round: carryRound(this.#member), commit, last: log.lastIndex };
  }

  /** How this member stands to the others, as far as beats may pass it over. */
  get standing(): Standing {
    return standingOf(this.#member);
  }

  /** In force: the newest in the log, committed or not. */
  get membership(): Membership {
    return this.#member.membership;
  }

  get role(): Role {
    return this.#member.role;
  }

  get term(): Term {
    return this.#member.term;
  }

  status(): RaftStatus {
    const { role, term, leader, commit, log, leadership, membership, membershipIndex } = this.#member;
    const followers = [...(leadership?.progress.values() ?? [])];
    const { nextMember } = this.#member.committedMembership;
    const peers = followers.map(({ peer, member, matched, state, heardMs }) => {
      return { peer, matched, state, heardMs, isNumbered: member < nextMember };
    });
    const standIn = leadership?.replicationSet.named ?? null;
    const heir = leadership?.transfer?.to ?? null;
    const ends = { first: log.first, last: log.lastIndex, commit };
    return { role, term, leader, ...ends, membership, membershipIndex, standIn, heir, peers };
  }

  /** Whether the log holds this entry, or ends its compacted prefix with it: no snapshot that ends there is needed. */
  holds(id: EntryId): boolean {
    return this.#member.log.holds(id);
  }

  /** Entries behind `index`, the newest last, committed or not. `index`: not compacted */
  entriesAfter(index: LogIndex): readonly Entry[] {
    return this.#member.log.entriesAfter(index);
  }

  /**
   * Entries from `first` on that were handed out as committed, for those who read the log without being a member.
   *
   * @param bytesMax payload bytes; the first entry is always included
   * @returns null when `first` is compacted; no entries when it is beyond what was handed out
   */
  committedFrom(first: LogIndex, bytesMax: number): LogSlice | null {
    const { log, handed } = this.#member;
    if (first < log.first) return null;
    if (first > handed) return { previous: log.idAt(handed), entries: [] };
    const end = log.endWithin(first, { entriesMax: handed - first + 1, bytesMax });
    return log.slice(first, end);
  }

  #take(input: RaftInput): void {
    switch (input.type) {
      case "message":
        this.#receive(input.from, input.member, input.message);
        break;
      case "vouched":
        hearVouched(this.#member, input.words);
        break;
      case "persisted":
        this.#persisted(input.token);
        break;
      case "unproven":
        if (this.#member.role === "leader") noteUnproven(this.#member, input.from, input.member);
        break;
      case "propose":
        this.#propose(input.payloads);
        break;
      case "read":
        this.#read(input.read);
        break;
      case "deadline":
        this.#deadline();
        break;
      case "compact":
        this.#compact(input.upTo);
        break;
      case "installed":
        this.#installed(input.term, input.last, input.configuration);
        break;
      case "snapshotSent":
        this.#snapshotSent(input.peer, input.last);
        break;
      case "reconfigure":
        this.#reconfigure(input.target);
        break;
      case "transfer":
        if (this.#member.role === "leader") beginTransfer(this.#member, input.to);
        break;
    }
  }

  #receive<Type extends RaftMessage["type"]>(
    from: NodeId,
    number: MemberId,
    message: MessageOf<Type> & { type: Type },
  ): void {
    const member = this.#member;
    assert(from !== member.self, () => `${from} sends ${message.type} to itself`);
    if (!speaksAs(member, from, number, message)) return;
    if (admitTerm(member, from, message)) handlers[member.role][message.type](member, from, message);
  }

  #persisted(token: PersistToken): void {
    const member = this.#member;
    member.durability.finish(token);
    if (member.role === "candidate") countOwnVote(member);
    if (member.role !== "leader") return;
    noteOvertaken(member);
    advanceCommit(member);
  }

  #propose(payloads: readonly Uint8Array[]): void {
    assert(payloads.length > 0, "A proposal has at least one payload");
    assert(
      payloads.every((payload) => payload.byteLength > 0),
      "An empty payload opens a term and is not proposed",
    );
    assert(!payloads.some(isControl), "A control entry is made by the core alone");
    if (this.#member.role === "leader") this.#member.output.accepted = propose(this.#member, payloads);
  }

  #read(read: number): void {
    if (this.#member.role === "leader") addRead(this.#member, read);
    else this.#member.output.refuseReads([read]);
  }

  #deadline(): void {
    if (this.#member.role === "leader") handleLeaderDeadline(this.#member);
    else handleElectionDeadline(this.#member);
  }

  #compact(upTo: LogIndex): void {
    assert(upTo <= this.#member.handed, () => `Compaction to ${upTo}, handed out up to ${this.#member.handed}`);
    this.#member.log.compact(upTo);
  }

  #installed(term: Term, last: EntryId, configuration: Configuration): void {
    const member = this.#member;
    assert(term <= member.term, () => `Snapshot of term ${term} in term ${member.term}`);
    assert(member.role !== "leader", () => `Snapshot up to ${last.index} for the leader of term ${member.term}`);
    followSnapshot(member, last, configuration);
  }

  #reconfigure(target: Target | null): void {
    if (this.#member.role === "leader") reconfigure(this.#member, target);
    else this.#member.output.refusal = `This member does not lead, it is a ${this.#member.role}`;
  }

  #snapshotSent(peer: NodeId, last: EntryId | null): void {
    if (this.#member.role === "leader") endSnapshot(this.#member, peer, last);
  }
}

/**
 * Who asks for votes or leads is heard whether this member's log knows of it or not (thesis 4.1): its own may be behind. Who
 * was a member before, and lost its data or left, is not; and only a member's answers count.
 */
function speaksAs(member: Member, from: NodeId, number: MemberId, message: RaftMessage): boolean {
  const known = memberOf(member.membership, from);
  if (known === null || known === number) return true;
  return asks(message) && number >= leastNumber(member, from, known);
}

/** A number that is not committed may never come to be: others may have given the node a lower one. */
function leastNumber({ committedMembership }: Member, node: NodeId, known: MemberId): MemberId {
  if (known < committedMembership.nextMember) return known;
  return memberOf(committedMembership, node) ?? anyMember;
}
