// What is written into the logs: a group's commands and the cluster group's. A command is applied by every replica in the
// same order and must give the same result everywhere: it carries all that its effect depends on.

import type { Epoch, GroupId, LogIndex, NodeId, Revision, Term } from "./ids.ts";
import type { LeaseRef, LeaseRemaining } from "./leases.ts";
import type {
  ClusterChange,
  DirectoryEntry,
  GroupRecovery,
  Intent,
  KeptIntent,
  KeySpan,
  OwnershipState,
  RecoveryStatus,
  StateHashes,
} from "./model.ts";
import type { GroupError, GroupWish, OwnerStart, PerformanceSample } from "./placement.ts";
import type { LeaseTerms } from "./policies.ts";
import type { RequestIdentity } from "./sessions.ts";
import type { Decision, Part, TransactionId } from "./transactions.ts";

export type Write =
  | { readonly type: "put"; readonly key: Uint8Array; readonly value: Uint8Array; readonly lease: number }
  | { readonly type: "delete"; readonly span: KeySpan };

/** What must hold for a `write` to take effect. */
export type Compare =
  /** `revision` 0: the key must not exist. */
  { readonly type: "modRevision"; readonly key: Uint8Array; readonly revision: Revision };

export interface VerdictChange {
  readonly node: NodeId;
  readonly status: RecoveryStatus;
  readonly reason: string;
}

export type GroupCommand =
  | {
      readonly type: "write";
      readonly compares: readonly Compare[];
      /** A write of an older epoch than the group's is refused as `fenced`. */
      readonly fence: Epoch | null;
      readonly writes: readonly Write[];
      /** Whoever asked is answered what the deletions remove: they are refused when that is more than an answer may hold. */
      readonly returnsRemoved: boolean;
    }
  /** Of this group alone. */
  | { readonly type: "transact"; readonly part: Part }
  /** Of several groups, in the log of the one that coordinates it: the entry's index names the transaction. */
  | { readonly type: "begin"; readonly groups: readonly GroupId[]; readonly part: Part }
  /** The first decision on a record counts. This group's own part is carried out with it. */
  | { readonly type: "decide"; readonly id: TransactionId; readonly decision: Decision }
  /** Every group has carried out the decision. */
  | { readonly type: "forget"; readonly id: TransactionId }
  /** In the other groups. `floor`: every transaction of the coordinating group below it is over. */
  | { readonly type: "prepare"; readonly id: TransactionId; readonly part: Part; readonly floor: LogIndex }
  | { readonly type: "finish"; readonly id: TransactionId; readonly decision: Decision; readonly floor: LogIndex }
  | { readonly type: "verdicts"; readonly changes: readonly VerdictChange[] }
  /**
   * Takes effect only when the epoch is the group's next: of two proposals the first wins. `manager`, here and below: who decided
   * it; null: an earlier version, of which nothing more may be kept than it kept itself.
   */
  | {
      readonly type: "own";
      readonly currentOwner: NodeId | null;
      readonly epoch: Epoch;
      readonly state: OwnershipState;
      readonly reason: string;
      readonly manager: NodeId | null;
      readonly atMs: number;
    }
  /**
   * The owner may act, under the next epoch. Takes effect only when the epoch is the group's next. `isMove`: it counts for the
   * anti-flap limit. `isWish`: an operator asked for it.
   */
  | {
      readonly type: "assign";
      readonly owner: NodeId;
      readonly epoch: Epoch;
      readonly reason: string;
      readonly atMs: number;
      readonly isMove: boolean;
      readonly isWish: boolean;
      /** Terms of the right: they hold as long as the epoch does, whatever the config says meanwhile. */
      readonly lease: LeaseTerms;
      readonly samples: readonly PerformanceSample[];
      readonly manager: NodeId | null;
    }
  /**
   * The ownership goes on under its epoch, which must be the group's. `owner` null: nobody has the right any more. `to`: where it
   * is to run next; null: that is not decided.
   */
  | {
      readonly type: "advance";
      readonly owner: NodeId | null;
      readonly to: NodeId | null;
      readonly epoch: Epoch;
      readonly state: OwnershipState;
      readonly reason: string;
      readonly atMs: number;
      readonly manager: NodeId | null;
    }
  /** The application could not be started or stopped under this epoch. `isFinal`: an operator has to look into it. */
  | {
      readonly type: "failPlacement";
      readonly epoch: Epoch;
      readonly error: GroupError;
      readonly isFinal: boolean;
      readonly manager: NodeId | null;
    }
  /** In which starts the owners are while the right of this epoch is held; takes effect only while it is the group's. */
  | { readonly type: "noteStarts"; readonly epoch: Epoch; readonly starts: readonly OwnerStart[] }
  /** `who`, `why`: the operator and the reason, as far as they were given. */
  | {
      readonly type: "wish";
      readonly wish: GroupWish;
      readonly who: string;
      readonly why: string;
      readonly manager: NodeId | null;
      readonly atMs: number;
    }
  | { readonly type: "compact"; readonly revision: Revision }
  /** Replaces the config object; `config` as in `GroupObject`. */
  | { readonly type: "configure"; readonly config: Uint8Array }
  /** The replicas differ and no state has a quorum: until `settle` the group takes no writes of clients. */
  | { readonly type: "dispute"; readonly hashes: StateHashes }
  /** A quorum of the replicas agree at `index`. */
  | { readonly type: "settle"; readonly index: LogIndex }
  /** Takes effect only when there is no lease of this id. */
  | { readonly type: "grantLease"; readonly id: number; readonly ttlMs: number }
  /** It has its whole time again. */
  | { readonly type: "renewLease"; readonly id: number }
  /** A caller ends it; its keys are deleted at one revision. */
  | { readonly type: "revokeLease"; readonly id: number }
  /** A client wants these owners. Whoever leads the group brings it about, and the log says when it is so. */
  | { readonly type: "setOwners"; readonly owners: readonly NodeId[]; readonly ifIndex: LogIndex | null }
  /**
   * By the clock of the leader of `term` their time is over. Takes effect only in an entry of that term, and on each lease only
   * while it is as the leader saw it.
   */
  | { readonly type: "expireLeases"; readonly term: Term; readonly leases: readonly LeaseRef[] }
  /** What is left of leases that nobody has renewed, so that a change of the leader does not give them all of it again. */
  | { readonly type: "checkpointLeases"; readonly leases: readonly LeaseRemaining[] }
  /** Carried out unless the session is unknown or the sequence was seen. `digest`: of the whole request. */
  | {
      readonly type: "identified";
      readonly identity: RequestIdentity;
      readonly digest: string;
      readonly command: IdentifiableCommand;
    }
  | { readonly type: "openSession"; readonly session: string; readonly ttlMs: number }
  | { readonly type: "closeSession"; readonly session: string }
  /** Each only while the sequence is its highest: then nothing was heard of it since. */
  | { readonly type: "expireSessions"; readonly sessions: readonly RequestIdentity[] };

/** What clients ask for, and may ask for again. */
export type IdentifiableCommand = Extract<
  GroupCommand,
  { readonly type: "write" | "transact" | "begin" | "compact" | "grantLease" | "revokeLease" | "setOwners" | "wish" }
>;

export type ClusterCommand =
  /** Coalesced: at most one a second (A3). */
  | { readonly type: "events"; readonly atMs: number; readonly changes: readonly ClusterChange[] }
  /** The config object is not in it: it goes into the group's own log, to its owners only (A1). */
  | { readonly type: "createGroup"; readonly atMs: number; readonly entry: DirectoryEntry }
  /** What groups have decided: the directory follows, and never goes back. */
  | { readonly type: "ownersChanged"; readonly atMs: number; readonly entries: readonly DirectoryEntry[] }
  /** Takes effect only when the incarnation is the group's next: of two proposals the first wins. */
  | {
      readonly type: "recoverGroup";
      readonly atMs: number;
      readonly group: GroupId;
      readonly recovery: GroupRecovery;
      readonly reason: string;
    }
  /** Every group that the node owns is to come to it, and says when it has. */
  | {
      readonly type: "intendNode";
      readonly atMs: number;
      readonly node: NodeId;
      readonly wanted: Intent;
      readonly reason: string;
    }
  /** What groups have said so of. */
  | { readonly type: "intentsKept"; readonly kept: readonly KeptIntent[] }
  /** Told once a change of the voters is complete; takes effect only then. */
  | { readonly type: "votersChanged"; readonly atMs: number; readonly by: NodeId; readonly reason: string }
  /** Of nodes in no group, which the cluster group itself watches (A2). */
  | { readonly type: "verdicts"; readonly atMs: number; readonly changes: readonly VerdictChange[] };
