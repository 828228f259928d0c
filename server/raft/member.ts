// The state of one member of one group, shared by the handlers of all roles, and the few changes that keep its parts
// consistent. Decides nothing: when to change role or send is the handlers' business.
// Invariants: previous <= handed <= commit <= last; handed <= durable, an installed snapshot aside until it is written;
// term, commit and handed never fall.

import { assert, present } from "../../proto/assert.ts";
import { type LogIndex, type Millis, type NodeId, type Term, toLogIndex, toMillis } from "../../proto/ids.ts";
import type { Entry } from "../../proto/raft.ts";
import { checkLogSlice } from "../../proto/raft.ts";
import type { Random } from "../../proto/random.ts";
import { Durability } from "./durability.ts";
import { Log } from "./log.ts";
import { OutputBuilder } from "./output.ts";
import type { Progress } from "./progress.ts";
import type { Voters } from "./quorum.ts";
import type { Reads } from "./reads.ts";
import type { Persist, RaftImage, RaftOptions, RaftOutput, Role, RoleChange } from "./types.ts";

/** What a member holds only while it leads. */
export interface Leadership {
  readonly progress: ReadonlyMap<NodeId, Progress>;
  readonly reads: Reads;
  /** The entry that opened the term: when it is committed, so is everything before it. */
  readonly opening: LogIndex;
  readonly sinceMs: Millis;
  /** When to look whether a quorum was heard; null for a group of one voter. */
  quorumCheckMs: Millis | null;
}

/** When a follower was last heard; the beginning of the term stands for "not yet". */
export function contactMs(leading: Leadership, progress: Progress): Millis {
  return progress.heardMs ?? leading.sinceMs;
}

export class Member {
  readonly options: RaftOptions;
  readonly self: NodeId;
  readonly voters: Voters;
  /** The voters but this member, in the order of the options. */
  readonly peers: readonly NodeId[];
  readonly log: Log;
  readonly durability: Durability;
  readonly output = new OutputBuilder();
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
  /** When a member that does not lead asks for votes; null for one that may not. */
  electionDeadlineMs: Millis | null = null;

  #term: Term;
  #vote: NodeId | null;
  #isHardStateUnwritten = false;
  #commit: LogIndex;
  /** Entries up to here were given out to be applied. */
  #handed: LogIndex;
  #electionTimeoutMs = 0;
  #reported: RoleChange;

  constructor(options: RaftOptions, image: RaftImage, start: { readonly random: Random; readonly nowMs: Millis }) {
    checkLogSlice(image.log);
    this.options = options;
    this.self = options.self;
    this.voters = new Set(options.voters);
    this.peers = options.voters.filter((voter) => voter !== options.self);
    this.log = new Log(image.log);
    this.durability = new Durability(image.hardState, this.log.lastIndex);
    this.#random = start.random;
    this.nowMs = start.nowMs;
    this.#term = image.hardState.term;
    this.#vote = image.hardState.vote;
    this.#commit = image.applied;
    this.#handed = image.applied;
    // An entry of the present term came from its leader, whose log is the same up to there (thesis 3.5, log matching).
    this.verified = this.log.last.term === this.#term ? this.log.lastIndex : image.applied;
    this.#reported = { role: this.role, term: this.#term, leader: null };
    this.#checkStart(image);
    this.drawElectionTimeout();
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
    if (this.role === "leader") return true;
    if (this.leader === null || this.leaderHeardMs === null) return false;
    return this.nowMs < this.leaderHeardMs + this.options.electionTimeoutMs;
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
  restartAfter(last: { readonly term: Term; readonly index: LogIndex }): void {
    assert(last.index > this.#commit, () => `Snapshot up to ${last.index} below commit ${this.#commit}`);
    this.durability.truncatedAfter(this.#commit);
    this.log.restartAfter(last);
    this.#commit = last.index;
    this.#handed = last.index;
    this.verify(last.index);
  }

  /** Waits anew, for a time drawn from the election timeout to twice that, before asking for votes. */
  drawElectionTimeout(): void {
    const timeoutMs = this.options.electionTimeoutMs;
    this.#electionTimeoutMs = this.#random.between(timeoutMs, 2 * timeoutMs - 1);
    this.restartElectionTimeout();
  }

  restartElectionTimeout(): void {
    if (this.voters.has(this.self)) this.electionDeadlineMs = toMillis(this.nowMs + this.#electionTimeoutMs);
  }

  /** Ends the step: asks for the writes it needs, hands out what may be applied. */
  finish(): RaftOutput {
    return this.output.take({
      persist: this.#takePersist(),
      committed: this.#handOut(),
      roleChange: this.#takeRoleChange(),
    });
  }

  #takePersist(): Persist | null {
    const append = this.log.takeUnwritten();
    if (append === null && !this.#isHardStateUnwritten) return null;
    const hardState = this.#isHardStateUnwritten ? { term: this.#term, vote: this.#vote } : null;
    this.#isHardStateUnwritten = false;
    return { hardState, append, token: this.durability.begin(hardState, append === null ? null : this.log.last) };
  }

  /** Entry and term must be durable first: else a restart could find applied state that its log and term do not explain. */
  #handOut(): readonly Entry[] {
    const end = toLogIndex(Math.min(this.#commit, this.durability.last));
    if (end <= this.#handed || this.durability.term < this.#term) return [];
    const { entries } = this.log.slice(toLogIndex(this.#handed + 1), end);
    this.#handed = end;
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
    assert(this.voters.size === this.options.voters.length, () => `Voter named twice: ${this.options.voters}`);
  }
}
