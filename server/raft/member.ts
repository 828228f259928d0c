// The state of one member of one group, shared by the handlers of all roles, and the few changes that keep its parts
// consistent. Decides nothing: when to change role or send is the handlers' business.
// Invariants: previous <= handed <= commit <= last; handed <= durable, an installed snapshot aside until it is written;
// term, commit and handed never fall.

import { assert, present } from "../../proto/assert.ts";
import { type LogIndex, type Millis, type NodeId, type Term, toLogIndex, toMillis } from "../../proto/ids.ts";
import type { Configuration, Mark, Membership } from "../../proto/membership.ts";
import { checkLogSlice, type Entry, type EntryId, isControl, type LogSlice, type StandIn } from "../../proto/raft.ts";
import type { Random } from "../../proto/random.ts";
import { allVoters, hasSay } from "./changes.ts";
import { Configurations } from "./configurations.ts";
import { Durability } from "./durability.ts";
import type { Lease } from "./lease.ts";
import { type Acceptance, Log } from "./log.ts";
import { OutputBuilder } from "./output.ts";
import type { Progress } from "./progress.ts";
import type { Reads } from "./reads.ts";
import type { ReplicationSet } from "./replication-set.ts";
import type { Persist, RaftImage, RaftOptions, RaftOutput, Role, RoleChange } from "./types.ts";

/** Leadership that is being handed over. */
interface Transfer {
  readonly to: NodeId;
  /** When the leader takes proposals again. */
  readonly untilMs: Millis;
  /** It was told to ask for votes. */
  isAsked: boolean;
}

/** What a member holds only while it leads. */
export interface Leadership {
  /** Of everyone who is sent something: voters, witness and learners, this member aside. */
  progress: Map<NodeId, Progress>;
  readonly reads: Reads;
  readonly replicationSet: ReplicationSet;
  /** The voter that is being made leader; null: none. */
  transfer: Transfer | null;
  /** null: every read takes a round. */
  readonly lease: Lease | null;
  /** The entry that opened the term: when it is committed, so is everything before it. */
  readonly opening: LogIndex;
  /** When to look whether a quorum was heard; null for a group of one voter. */
  quorumCheckMs: Millis | null;
  /** Since when a quorum of the others holds what this member's own disk does not yet; null: it does not. */
  overtakenMs: Millis | null;
}

export class Member {
  readonly options: RaftOptions;
  readonly self: NodeId;
  readonly log: Log;
  readonly durability: Durability;
  readonly output = new OutputBuilder();
  readonly #configurations: Configurations;
  readonly #random: Random;

  nowMs: Millis;
  role: Role = "follower";
  leader: NodeId | null = null;
  /** Present exactly in the role of a leader. */
  leadership: Leadership | null = null;
  /** Answers to the running pre-vote or vote, own included. */
  readonly votes = new Map<NodeId, boolean>();
  /** The log is known to equal the log of this term's leader up to here: whatever is committed, and what it sent since. */
  verified: LogIndex;
  leaderHeardMs: Millis | null = null;
  /** When a member that does not lead gives its leader up, and asks for votes if it may; null for one that has nothing to do. */
  electionDeadlineMs: Millis | null = null;

  #term: Term;
  #vote: NodeId | null;
  #standIn: StandIn | null;
  #isHardStateUnwritten = false;
  #canCampaign = false;
  #commit: LogIndex;
  /** Entries up to here were given out to be applied. */
  #handed: LogIndex;
  #electionTimeoutMs = 0;
  #reported: RoleChange;
  #reportedMembership: Membership;
  /** Nobody is voted for before: a leader may still count on the promise that this member gave before it stopped. */
  readonly #quietUntilMs: number;

  constructor(options: RaftOptions, image: RaftImage, start: { readonly random: Random; readonly nowMs: Millis }) {
    checkLogSlice(image.log);
    this.options = options;
    this.self = options.self;
    this.log = new Log(image.log);
    const behindApplied = image.log.entries.filter(({ index }) => index > image.applied);
    this.#configurations = new Configurations(image.configuration, image.applied, behindApplied);
    this.durability = new Durability(image.hardState, this.log.lastIndex);
    this.#random = start.random;
    this.nowMs = start.nowMs;
    this.#term = image.hardState.term;
    this.#vote = image.hardState.vote;
    this.#standIn = image.hardState.standIn;
    this.#commit = image.applied;
    this.#handed = image.applied;
    // An entry of the present term came from its leader, whose log is the same up to there (thesis 3.5, log matching).
    this.verified = this.log.last.term === this.#term ? this.log.lastIndex : image.applied;
    this.#reported = { role: this.role, term: this.#term, leader: null };
    this.#reportedMembership = this.membership;
    this.#quietUntilMs = start.nowMs + options.electionTimeoutMs;
    this.#checkStart(image);
    this.#canCampaign = this.#isElectable();
    this.drawElectionTimeout();
  }

  /** In force: the newest in the log, committed or not. */
  get membership(): Membership {
    return this.#configurations.current.membership;
  }

  /** The newest that is known to be committed. */
  get committedMembership(): Membership {
    return present(this.#configurations.possible[0], "a committed membership");
  }

  /** Where the entry of the membership in force stands. */
  get membershipIndex(): LogIndex {
    return this.#configurations.changedAt;
  }

  /** Term and sub-term of the log's end. */
  get mark(): Mark {
    return this.#configurations.markOf(this.log.last);
  }

  /** Of a witness: for whom it stands in. */
  get standIn(): StandIn | null {
    return this.#standIn;
  }

  /** The other voters, of both sets while the configuration is joint. */
  get peers(): readonly NodeId[] {
    const others = allVoters(this.membership).filter(({ node }) => node !== this.self);
    return others.map(({ node }) => node);
  }

  /** Received nothing yet: what comes before the first entry is not in the log, a snapshot has to bring it. */
  get isBlank(): boolean {
    return this.membership.voters.length === 0;
  }

  /** Whether this member may lead: also one that the newest membership leaves out, as long as that is not committed. */
  get canCampaign(): boolean {
    return this.#canCampaign;
  }

  /** Whether the membership in force gives this member a say. */
  get isVoter(): boolean {
    return this.#isVoterOf(this.membership);
  }

  get term(): Term {
    return this.#term;
  }

  get vote(): NodeId | null {
    return this.#vote;
  }

  get commit(): LogIndex {
    return this.#commit;
  }

  /** Entries up to here were given out to be applied; the caller may compact up to here. */
  get handed(): LogIndex {
    return this.#handed;
  }

  /** The state that only a leader has. */
  get leading(): Leadership {
    return present(this.leadership, `leadership of ${this.self}, ${this.role} in term ${this.#term}`);
  }

  /** Whether a leader was heard so recently that no one should ask for votes. A leader always hears itself. */
  get hearsLeader(): boolean {
    return this.role === "leader" || this.isBoundByLease || (this.leader !== null && this.#heardLeader);
  }

  /** Whether a leader may count on this member to elect no other yet, whatever term it has come to since. */
  get isBoundByLease(): boolean {
    return this.options.leaseRead !== null && (this.nowMs < this.#quietUntilMs || this.#heardLeader);
  }

  get #heardLeader(): boolean {
    return this.leaderHeardMs !== null && this.nowMs < this.leaderHeardMs + this.options.electionTimeoutMs;
  }

  /** Begins a higher term, in which this member has voted for `vote`. */
  enterTerm(term: Term, vote: NodeId | null): void {
    assert(term > this.#term, () => `Term ${term} after ${this.#term}`);
    this.#term = term;
    this.#vote = vote;
    this.#isHardStateUnwritten = true;
    // Every later leader's log holds what was committed up to now (leader completeness).
    this.verified = this.#commit;
  }

  /** Gives the one vote of this term. */
  voteFor(candidate: NodeId): void {
    assert(this.#vote === null || this.#vote === candidate, () => `Vote for ${candidate} after ${this.#vote}`);
    if (this.#vote === candidate) return;
    this.#vote = candidate;
    this.#isHardStateUnwritten = true;
  }

  /** A witness's promise to the leader of its term. */
  standInFor(standIn: StandIn): void {
    this.#standIn = standIn;
    this.#isHardStateUnwritten = true;
  }

  /** What a leader adds to its own log. */
  append(entries: readonly Entry[]): void {
    this.log.append(entries);
    if (this.#configurations.appended(entries)) this.#membershipChanged();
  }

  /** Takes over what a leader sent, as {@link Log.accept}. */
  accept(slice: LogSlice): Acceptance {
    const acceptance = this.log.accept(slice);
    if (acceptance.type === "rejected") return acceptance;
    const { kept } = acceptance;
    assert(kept >= this.#commit, () => `Entry ${kept + 1} is replaced, committed ${this.#commit}`);
    const isBack = this.#configurations.truncatedAfter(kept);
    const isNew = this.#configurations.appended(slice.entries.filter(({ index }) => index > kept));
    if (isBack || isNew) this.#membershipChanged();
    this.durability.truncatedAfter(kept);
    return acceptance;
  }

  commitTo(index: LogIndex): void {
    if (index <= this.#commit) return;
    assert(index <= this.log.lastIndex, () => `Commit ${index} is beyond ${this.log.lastIndex}`);
    this.#commit = index;
  }

  /** The log up to here equals the leader's of this term. */
  verify(matched: LogIndex): void {
    assert(matched <= this.log.lastIndex, () => `Verified ${matched} is beyond ${this.log.lastIndex}`);
    this.verified = toLogIndex(Math.max(this.verified, matched));
  }

  /**
   * A snapshot stands for everything up to and with `last`: committed, in the state machine, and durable with the write
   * that this step asks for. Until then the disk may still hold the old log, of which only the committed part is right.
   */
  restartAfter(last: EntryId, configuration: Configuration): void {
    assert(last.index > this.#commit, () => `Snapshot up to ${last.index} below commit ${this.#commit}`);
    this.durability.truncatedAfter(this.#commit);
    this.log.restartAfter(last);
    this.#configurations.restart(configuration, last.index);
    this.#configurations.appended(this.log.entriesAfter(last.index));
    this.#membershipChanged();
    this.#commit = last.index;
    this.#handed = last.index;
    this.verify(last.index);
  }

  /** Waits anew, for a time drawn from the election timeout to twice that, before giving the leader up and asking for votes. */
  drawElectionTimeout(): void {
    const timeoutMs = this.options.electionTimeoutMs;
    this.#electionTimeoutMs = this.#random.between(timeoutMs, 2 * timeoutMs - 1);
    this.restartElectionTimeout();
  }

  restartElectionTimeout(): void {
    const isDue = this.#canCampaign || (this.leader !== null && !this.options.isWitness);
    this.electionDeadlineMs = isDue ? toMillis(this.nowMs + this.#electionTimeoutMs) : null;
  }

  /** No leader was heard for long, and this member is not the one to do something about it. */
  giveLeaderUp(): void {
    this.leader = null;
    this.restartElectionTimeout();
  }

  /** Ends the step: asks for the writes it needs, hands out what may be applied. */
  finish(): RaftOutput {
    return this.output.take({
      persist: this.#takePersist(),
      committed: this.#handOut(),
      roleChange: this.#takeRoleChange(),
      membership: this.#takeMembership(),
    });
  }

  #takePersist(): Persist | null {
    const append = this.log.takeUnwritten();
    if (append === null && !this.#isHardStateUnwritten) return null;
    const hardState = this.#isHardStateUnwritten
      ? { term: this.#term, vote: this.#vote, standIn: this.#standIn }
      : null;
    this.#isHardStateUnwritten = false;
    const last = append === null ? null : this.log.last;
    return { hardState, append, token: this.durability.begin({ hardState, last }, this.nowMs) };
  }

  /** Entry and term must be durable first: else a restart could find applied state that its log and term do not explain. */
  #handOut(): readonly Entry[] {
    const end = toLogIndex(Math.min(this.#commit, this.durability.last));
    if (end <= this.#handed || this.durability.term < this.#term) return [];
    const { entries } = this.log.slice(toLogIndex(this.#handed + 1), end);
    this.#handed = end;
    this.#configurations.committed(end);
    if (entries.some(({ payload }) => isControl(payload))) this.#membershipChanged();
    return entries;
  }

  #takeRoleChange(): RoleChange | null {
    const { role, term, leader } = this.#reported;
    if (role === this.role && term === this.#term && leader === this.leader) return null;
    this.#reported = { role: this.role, term: this.#term, leader: this.leader };
    return this.#reported;
  }

  #checkStart(image: RaftImage): void {
    const { previous, lastIndex, last } = this.log;
    assert(
      previous.index <= image.applied,
      () => `Applied ${image.applied} lies below the log after ${previous.index}`,
    );
    assert(image.applied <= lastIndex, () => `Applied ${image.applied} lies beyond the log's end ${lastIndex}`);
    assert(last.term <= this.#term, () => `Entry ${lastIndex} is of term ${last.term}, above ${this.#term}`);
    const names = this.membership.voters.map(({ node }) => node);
    assert(new Set(names).size === names.length, () => `Voter named twice: ${names}`);
  }

  #takeMembership(): Membership | null {
    const before = this.#reportedMembership;
    if (before === this.membership) return null;
    this.#reportedMembership = this.membership;
    // A snapshot brings the same membership as another value.
    return JSON.stringify(before) === JSON.stringify(this.membership) ? null : this.membership;
  }

  #membershipChanged(): void {
    const couldCampaign = this.#canCampaign;
    this.#canCampaign = this.#isElectable();
    if (couldCampaign !== this.#canCampaign) this.restartElectionTimeout();
  }

  /**
   * A member may hold the only copy of the change that removes it. Were it not to ask for votes, and refuse its own to the
   * shorter logs of the others, nobody could be elected (thesis 4.2.2).
   */
  #isElectable(): boolean {
    return !this.options.isWitness && this.#configurations.possible.some((membership) => this.#isVoterOf(membership));
  }

  #isVoterOf(membership: Membership): boolean {
    return hasSay(membership, this.self, this.options.member);
  }
}
