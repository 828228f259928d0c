// What the system keeps, as plain values: keys, statuses, groups, nodes, events. Shapes only.

import type { Epoch, GroupId, Incarnation, LogIndex, NodeId, Revision, Term } from "./ids.ts";

export interface KeyValue {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly createRevision: Revision;
  readonly modRevision: Revision;
  /** 1 on creation, one more with each put, reset by a delete. */
  readonly version: number;
  /** 0: no lease. */
  readonly lease: number;
}

/** Keys from `start` (included) to `end` (excluded); `end` null: to the last key. */
export interface KeySpan {
  readonly start: Uint8Array;
  readonly end: Uint8Array | null;
}

/** Recovery status of a node. */
export const recoveryStatuses = [
  "joining",
  "up",
  "suspect",
  "partial",
  "down",
  "draining",
  "maintenance",
  "left",
] as const;
export type RecoveryStatus = (typeof recoveryStatuses)[number];

/** State of a group's ownership (architecture.md, Ownership). */
export const ownershipStates = ["offline", "acquiring", "online", "releasing", "suspended", "error"] as const;
export type OwnershipState = (typeof ownershipStates)[number];

/** What operators want of a node: nothing in particular, or that it runs no application and goes on voting and storing. */
export const intents = ["none", "drained"] as const;
export type Intent = (typeof intents)[number];

/** One group for ever: a group re-created under the same name has another incarnation. */
export interface GroupKey {
  readonly group: GroupId;
  readonly incarnation: Incarnation;
}

/** Longest reason of a verdict or event, in characters. */
export const reasonCharsMax = 200;
/** Longest name of an operator, in characters. */
export const whoCharsMax = 100;

/** What a group's quorum has decided about one of its owners; a node's status is the vector of these (A2). */
export interface StatusComponent extends GroupKey {
  readonly node: NodeId;
  /** Where the verdict stands in the group's log: of two components of one incarnation the higher index is newer. */
  readonly index: LogIndex;
  readonly status: RecoveryStatus;
  /** For people: what the group saw. At most {@link reasonCharsMax}. */
  readonly reason: string;
}

export interface Ownership {
  /** null: no owner is up, or none was ever chosen. */
  readonly currentOwner: NodeId | null;
  /** 0 before the first owner; one more with each change. */
  readonly epoch: Epoch;
  readonly state: OwnershipState;
  readonly reason: string;
}

/** What operators want of an owner, as a group has carried it out. */
export interface OwnerIntent {
  readonly node: NodeId;
  readonly wanted: Intent;
  /** For people: as the operator said. At most {@link reasonCharsMax}. */
  readonly reason: string;
  /** It was wanted behind this index of the cluster's log: of two the one with the higher index is newer. */
  readonly after: LogIndex;
}

/** What operators want of a node, as the cluster database has it: every group that the node owns comes to it. */
export interface NodeIntent {
  readonly node: NodeId;
  readonly wanted: Intent;
  /** As for {@link OwnerIntent}. */
  readonly reason: string;
  /** Where it stands in the cluster's log. */
  readonly index: LogIndex;
  /** Groups that have not said yet that they have carried it out, by name. */
  readonly pending: readonly GroupId[];
}

/** A group has carried out what stands at `index` of the cluster's log, or something newer. */
export interface KeptIntent {
  readonly node: NodeId;
  readonly group: GroupId;
  readonly index: LogIndex;
}

/** What owners of interlocked groups may know of a group (A4): never keys. */
export interface GroupSummary extends GroupKey {
  /** Log index of the newest change of anything in it. */
  readonly index: LogIndex;
  readonly owners: readonly NodeId[];
  readonly ownership: Ownership;
  /** Encoded `bailiwick.v1.GroupConfig` reduced to what bears on placement; empty when the group has no policies. */
  readonly placement: Uint8Array;
}

/** State hashes of the replicas of a group, all at one index of its log: they are equal, or some replica is damaged (G3). */
export interface StateHashes {
  readonly index: LogIndex;
  /** 16 hexadecimal digits each. */
  readonly hashes: readonly { readonly node: NodeId; readonly hash: string }[];
}

/** A group as its own log knows it. */
export interface GroupObject extends GroupKey {
  readonly owners: readonly NodeId[];
  /** Encoded `bailiwick.v1.GroupConfig`, at most 1 MiB. */
  readonly config: Uint8Array;
}

/** A group as the cluster database knows it: a cache for the owner list, the authority for name and incarnation. */
export interface DirectoryEntry extends GroupKey {
  readonly owners: readonly NodeId[];
  /** Where the change that brought these owners stands in the group's log; 0: it began with them. */
  readonly index: LogIndex;
}

/** A group that goes on from one node's data under a new incarnation, until it says itself that it does. */
export interface GroupRecovery {
  /** The new one. */
  readonly incarnation: Incarnation;
  /** The node whose data becomes the group. */
  readonly from: NodeId;
  /** Who are to be its owners, `from` among them, in order of precedence. */
  readonly owners: readonly NodeId[];
}

export interface NodeRecord {
  readonly node: NodeId;
  /** libp2p peer identity, as printed by `node init`. */
  readonly identity: string;
  /** host:port for other nodes */
  readonly peerAddress: string;
  /** host:port for clients */
  readonly apiAddress: string;
  /** Free labels, failure domains among them; in the order of the file. */
  readonly labels: readonly (readonly [name: string, value: string])[];
  /** What groups may use of it, by name; a dimension that is not named is not limited. */
  readonly capacity: readonly (readonly [name: string, amount: number])[];
}

/** A cluster-level change that reached every node (A3). */
export interface ClusterEvent {
  /** Log index in the cluster group; several events of one coalesced entry share it. */
  readonly index: LogIndex;
  /** Wall clock of the proposer, milliseconds since 1970; for people only. */
  readonly atMs: number;
  readonly change: ClusterChange;
}

export type ClusterChange =
  | { readonly type: "nodeFailed"; readonly node: NodeId; readonly reason: string }
  | { readonly type: "nodeReintegrated"; readonly node: NodeId; readonly reason: string }
  /** An operator wants the node to run no application, or to take part again. `reason`: as the operator said. */
  | { readonly type: "nodeDrained"; readonly node: NodeId; readonly reason: string }
  | { readonly type: "nodeUndrained"; readonly node: NodeId; readonly reason: string }
  | { readonly type: "groupCreated"; readonly entry: DirectoryEntry }
  | { readonly type: "ownersChanged"; readonly entry: DirectoryEntry }
  /** `reason`: as the operator said; at most {@link reasonCharsMax}. */
  | {
      readonly type: "groupRecovered";
      readonly entry: DirectoryEntry;
      readonly from: NodeId;
      readonly reason: string;
    }
  /** Votes in this database have gone from some nodes to others. `by`: who led it. */
  | {
      readonly type: "votersChanged";
      readonly left: readonly NodeId[];
      readonly joined: readonly NodeId[];
      readonly by: NodeId;
      readonly reason: string;
    }
  /** This database itself goes on from what `from` had. */
  | {
      readonly type: "clusterRecovered";
      readonly incarnation: Incarnation;
      readonly from: NodeId;
      readonly voters: readonly NodeId[];
      readonly reason: string;
    };

/** How far the rows of a replica cover its log; written with them, in one batch (invariant 5). */
export interface AppliedRecord {
  readonly index: LogIndex;
  readonly term: Term;
  /** Of the keys; 1 for a replica without any. */
  readonly revision: Revision;
  readonly floor: Revision;
  /** 16 hexadecimal digits. */
  readonly stateHash: string;
}
