// The vocabulary of the Raft core: what goes in, what comes out. Plain values only.
// Sources: Ongaro's thesis ("Consensus: Bridging Theory and Practice"), chapters 3, 6.4 and 9.6.

import type { LogIndex, MemberId, Millis, NodeId, Term } from "../../proto/ids.ts";
import type { Configuration, Membership, Voter } from "../../proto/membership.ts";
import type { Entry, EntryId, HardState, LogSlice, RaftMessage } from "../../proto/raft.ts";

export type { Entry, EntryId, HardState, LogSlice, RaftMessage } from "../../proto/raft.ts";

/** That `peer` still leads, or follows, and that nothing is new. */
export interface VouchedWord {
  readonly peer: NodeId;
  readonly heardMs: Millis;
  /** When the beat left, of an echo; of a beat, when it came. */
  readonly sentMs: Millis;
}

export type RaftInput =
  | { readonly type: "deadline" }
  /** `member`: as which member `from` speaks. */
  | { readonly type: "message"; readonly from: NodeId; readonly member: MemberId; readonly message: RaftMessage }
  /**
   * `from` has said something that must not count yet: in which start it speaks is not known durably here. Nothing rests on it
   * but that a leader whose own disk is what keeps it from being known may give way to it.
   */
  | { readonly type: "unproven"; readonly from: NodeId; readonly member: MemberId }
  /** Ignored (see {@link RaftOutput.accepted}) unless this member leads. */
  | { readonly type: "propose"; readonly payloads: readonly Uint8Array[] }
  /**
   * The nodes of this member and of others have told each other that nothing is new in the group. Counts as a beat of the
   * leader, or as answers to one. The time of the step is when the last of them was heard.
   */
  | { readonly type: "vouched"; readonly words: readonly VouchedWord[] }
  /** The write of an earlier output's `persist` is durable, and so is every earlier one. */
  | { readonly type: "persisted"; readonly token: PersistToken }
  /** ReadIndex (thesis 6.4): asks when state as of now may be read. `read` is unique for ever. */
  | { readonly type: "read"; readonly read: number }
  /** The log up to here is in the applied state and need not be kept. */
  | { readonly type: "compact"; readonly upTo: LogIndex }
  /**
   * A snapshot that ends at `last` has replaced the state machine: the log restarts behind it. It is durable before, or
   * together with, the write that this step asks for. It was sent by the leader of `term`, which was this member's term
   * when the first part was accepted; `last.index` is above the commit index. Not for a log that already holds `last`
   * (see `Raft.holds`): appends bring the rest.
   */
  | {
      readonly type: "installed";
      readonly term: Term;
      readonly last: EntryId;
      /** What was in force at `last`. */
      readonly configuration: Configuration;
    }
  /** A snapshot transfer to `peer` ended; on failure it will be probed again. */
  | { readonly type: "snapshotSent"; readonly peer: NodeId; readonly last: EntryId | null }
  /**
   * Changes the voters to these, in any combination (see reconfigure.ts); `null`: gives up what is under way, as far as
   * that can still be. Refused (see {@link RaftOutput.refusal}) unless this member leads and nothing else is under way; a
   * target of the same voters may be set once more to renew some of them.
   */
  | { readonly type: "reconfigure"; readonly target: Target | null }
  /** Makes `to` the leader. Ignored unless this member leads and `to` is a voter that lacks `lagEntriesMax` at most. */
  | { readonly type: "transfer"; readonly to: NodeId };

/** What a group is to become. */
export interface Target {
  /** In order of precedence; a witness last. */
  readonly voters: readonly TargetVoter[];
  /** Nodes that lost their data: each of them comes back as a new member, brought up from nothing. */
  readonly renew: readonly NodeId[];
}

export type TargetVoter = Omit<Voter, "member">;

/** Names one write by what it made durable; a stale one (its entries truncated since) is recognised and ignored. */
export interface PersistToken {
  /** Counts the writes of this start, from 1: one (term, index) may be written, truncated and written again. */
  readonly sequence: number;
  readonly hardState: HardState | null;
  readonly last: EntryId | null;
}

export interface Persist {
  readonly hardState: HardState | null;
  /**
   * Entries to write; everything stored after `previous` is replaced. After `installed`, `previous` is the end of the
   * snapshot and may lie beyond the stored log, which then begins there.
   */
  readonly append: LogSlice | null;
  readonly token: PersistToken;
}

export interface OutgoingMessage {
  readonly to: NodeId;
  readonly message: RaftMessage;
  /** true: a promise, which leaves only after everything persisted so far is durable (invariant 3). */
  readonly afterPersist: boolean;
}

export type Role = "follower" | "preCandidate" | "candidate" | "leader";

export interface RoleChange {
  readonly role: Role;
  readonly term: Term;
  readonly leader: NodeId | null;
}

/** The same append for every follower that is up to date in the pipeline: published once or sent to each of `to`. */
export interface Broadcast {
  readonly to: readonly NodeId[];
  readonly message: RaftMessage & { readonly type: "append" };
  /** It leaves behind so many of the step's messages: those after it build on it. */
  readonly position: number;
}

/** What one step asks of its caller; empty arrays and nulls when nothing. */
export interface RaftOutput {
  readonly persist: Persist | null;
  readonly messages: readonly OutgoingMessage[];
  readonly broadcast: Broadcast | null;
  /**
   * Newly committed entries, in order, each exactly once per start: to be applied now. Entries and term are durable
   * here, so that applied state never runs ahead of the log and the term that it rests on.
   */
  readonly committed: readonly Entry[];
  /** Of a `propose`: the index of the first payload, or null when this member does not lead or its window is full. */
  readonly accepted: LogIndex | null;
  /** Reads that may be served once `index` is applied. */
  readonly readable: readonly { readonly read: number; readonly index: LogIndex }[];
  /** Reads that must be asked again: leadership was lost. */
  readonly refusedReads: readonly number[];
  /** Followers whose next entry is no longer in the log: each needs a snapshot. Named once per transfer. */
  readonly needSnapshot: readonly NodeId[];
  /** Why a `reconfigure` was refused, or null. */
  readonly refusal: string | null;
  /** The membership in force, when this step changed it. */
  readonly membership: Membership | null;
  /** true: send a beat to every peer now, a read waits for the round. */
  readonly beatNow: boolean;
  readonly roleChange: RoleChange | null;
}

/** A member's log as read at its start. `log.previous` is where the snapshot or the compacted prefix ends. */
export interface RaftImage {
  readonly hardState: HardState;
  readonly log: LogSlice;
  /** Applied state on disk covers the log up to here: `log.previous.index <= applied <= last`. */
  readonly applied: LogIndex;
  /** What was in force at `applied`. */
  readonly configuration: Configuration;
}

/** What reads without a round rest on. */
export interface LeaseRead {
  /** How much faster, as a share, one member's clock may run than another's. */
  readonly clockRateErrorMax: number;
}

export interface RaftOptions {
  readonly self: NodeId;
  /** As which member this node belongs to the group. */
  readonly member: MemberId;
  /** Votes, and stores no data: it has no log and never leads. */
  readonly isWitness: boolean;
  /**
   * Lets a leader answer reads without a round while no other can have been elected. null: every read takes a round. The
   * same on all members.
   */
  readonly leaseRead: LeaseRead | null;
  /** Silence after which a follower asks for votes: drawn from `electionTimeoutMs` to twice that. */
  readonly electionTimeoutMs: number;
  /**
   * How long the disk of a member may make no headway before the others go on without it: as leader it hands over, as an
   * owner beside a witness it is not waited for, and for election it does not stand. Longer than any stall that passes.
   */
  readonly diskPatienceMs: number;
  /** Silence after which entries in flight to a follower are sent again, directly; doubled up to `diskPatienceMs` while it goes on. */
  readonly resendMs: number;
  /** Per follower: entries and payload bytes that may be sent and not yet acknowledged. */
  readonly inflightEntriesMax: number;
  readonly inflightBytesMax: number;
  /** Entries that a learner may lack and still count as brought up, and a voter that is to be made leader. */
  readonly lagEntriesMax: number;
  /** Payload bytes of one append message. */
  readonly appendBytesMax: number;
  /** Payload bytes that a leader may hold uncommitted; beyond it proposals are refused. */
  readonly uncommittedBytesMax: number;
}

/** What others may see of a member at any time. */
export interface RaftStatus {
  readonly role: Role;
  readonly term: Term;
  readonly leader: NodeId | null;
  readonly first: LogIndex;
  readonly last: LogIndex;
  readonly commit: LogIndex;
  readonly membership: Membership;
  readonly membershipIndex: LogIndex;
  /** Of a leader: owners that commit with the witness's vote while another owner is away; null: the owners alone. */
  readonly standIn: readonly NodeId[] | null;
  /** Of a leader: who is being made leader in its place; null: nobody. */
  readonly heir: NodeId | null;
  readonly peers: readonly {
    readonly peer: NodeId;
    readonly matched: LogIndex;
    readonly state: "probe" | "replicate" | "snapshot" | "witness";
    /** When this leader last heard from it; null before the first time in its term. */
    readonly heardMs: Millis | null;
    /** Whether its member number is committed: before, nobody may be brought up under it. */
    readonly isNumbered: boolean;
  }[];
}
