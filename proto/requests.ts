// What a client may ask of a node and what it may be answered, as plain values. The wire forms are in bailiwick/v1.

import type { Failure } from "./errors.ts";
import type { BootNumber, ClusterId, Epoch, GroupId, Incarnation, LogIndex, NodeId, Revision, Term } from "./ids.ts";
import type { LeaseStatus } from "./leases.ts";
import type { Membership } from "./membership.ts";
import type {
  ClusterEvent,
  DirectoryEntry,
  GroupKey,
  GroupObject,
  GroupRecovery,
  GroupSummary,
  Intent,
  KeySpan,
  KeyValue,
  NodeIntent,
  NodeRecord,
  Ownership,
  RecoveryStatus,
  StateHashes,
  StatusComponent,
} from "./model.ts";
import type {
  Explanation,
  GroupPlace,
  GroupReport,
  GroupWish,
  OwnershipGrant,
  PerformanceSample,
  Placement,
  Reservation,
  ResourceReport,
} from "./placement.ts";
import type { RequestIdentity } from "./sessions.ts";
import type { Decision, Part, PartResult, TransactionId, Vote } from "./transactions.ts";

/** `local` answers from this replica's applied state, which may be stale, and says so. */
export type Consistency = "linearizable" | "local";

export interface Fence {
  readonly group: GroupId;
  readonly epoch: Epoch;
}

/** Answered by the group `group`: by its leader, or by any owner where stale answers are allowed. */
export type GroupRequest =
  | {
      readonly type: "get";
      readonly group: GroupId;
      readonly key: Uint8Array;
      /** null: newest */
      readonly revision: Revision | null;
      readonly consistency: Consistency;
    }
  | {
      readonly type: "list";
      readonly group: GroupId;
      readonly span: KeySpan;
      readonly revision: Revision | null;
      readonly consistency: Consistency;
      /** 1 to 1000 */
      readonly limit: number;
      readonly keysOnly: boolean;
      readonly countOnly: boolean;
      /** A later page: the first one has told the count of the whole, which takes a walk through all of it. */
      readonly continues: boolean;
    }
  | {
      readonly type: "put";
      readonly group: GroupId;
      readonly key: Uint8Array;
      readonly value: Uint8Array;
      readonly lease: number;
      /** null: no condition; 0: the key must not exist */
      readonly ifModRevision: Revision | null;
      readonly fence: Fence | null;
      readonly returnPrevious: boolean;
    }
  | {
      readonly type: "delete";
      readonly group: GroupId;
      readonly span: KeySpan;
      readonly ifModRevision: Revision | null;
      readonly fence: Fence | null;
      readonly returnPrevious: boolean;
    }
  /** All or nothing. `group`: the first by name of those that take part; each takes part once. */
  | { readonly type: "transact"; readonly group: GroupId; readonly parts: readonly Part[] }
  /** From the group that coordinates a transaction to another that takes part; see the commands of the same names. */
  | {
      readonly type: "prepare";
      readonly group: GroupId;
      readonly id: TransactionId;
      readonly part: Part;
      readonly floor: LogIndex;
    }
  | {
      readonly type: "finish";
      readonly group: GroupId;
      readonly id: TransactionId;
      readonly decision: Decision;
      readonly floor: LogIndex;
    }
  /** The other way round: what became of a transaction that was prepared. */
  | { readonly type: "decision"; readonly group: GroupId; readonly id: TransactionId }
  | { readonly type: "compact"; readonly group: GroupId; readonly revision: Revision }
  /** Replaces the config object. */
  | { readonly type: "configure"; readonly group: GroupId; readonly config: Uint8Array }
  /** Any combination of owners added, removed and moved in the list; answered when the change is complete. */
  | {
      readonly type: "setOwners";
      readonly group: GroupId;
      /** The whole list, in order of precedence. */
      readonly owners: readonly NodeId[];
      /** null: no condition; else only if the members were last changed at this index of the group's log. */
      readonly ifIndex: LogIndex | null;
      readonly validateOnly: boolean;
    }
  /**
   * What an operator asks of the group's application. `validateOnly`: only whether it would be refused. `who`, `why`: for people,
   * empty where nothing was said.
   */
  | {
      readonly type: "wish";
      readonly group: GroupId;
      readonly wish: GroupWish;
      readonly validateOnly: boolean;
      readonly who: string;
      readonly why: string;
    }
  /** An agent's word on the group, and its request for the right to act: from the node of the agent to the manager. */
  | {
      readonly type: "renewOwnership";
      readonly group: GroupId;
      readonly node: NodeId;
      readonly report: GroupReport;
      readonly isLeaving: boolean;
    }
  /** `decisions`: 1 to 100. */
  | { readonly type: "explainGroup"; readonly group: GroupId; readonly decisions: number }
  /** Where the application would be if `node` were drained. `places`: of other groups, by then. */
  | {
      readonly type: "foreseeDrain";
      readonly group: GroupId;
      readonly node: NodeId;
      readonly places: readonly GroupPlace[];
    }
  /** Any owner answers, from what it knows. */
  | { readonly type: "groupStatus"; readonly group: GroupId }
  /** `id`: wanted; null: the group chooses. */
  | { readonly type: "grantLease"; readonly group: GroupId; readonly id: number | null; readonly ttlMs: number }
  | { readonly type: "keepAliveLease"; readonly group: GroupId; readonly id: number }
  | { readonly type: "revokeLease"; readonly group: GroupId; readonly id: number }
  /** `keys`: answers those that are attached as well. */
  | { readonly type: "getLease"; readonly group: GroupId; readonly id: number; readonly keys: boolean }
  /** Of an id above `after`; `limit`: 1 to 10,000. */
  | { readonly type: "listLeases"; readonly group: GroupId; readonly after: number; readonly limit: number }
  | WatchRequest
  | WatchGroupRequest
  /** Answered as the request in it, which is carried out once under this identity. `group`: as there. */
  | {
      readonly type: "identified";
      readonly group: GroupId;
      readonly identity: RequestIdentity;
      readonly request: IdentifiableRequest;
    }
  /** `session`: that exists in another group, or before; null: a new one. */
  | {
      readonly type: "openSession";
      readonly group: GroupId;
      readonly session: string | null;
      readonly ttlMs: number;
    }
  | { readonly type: "closeSession"; readonly group: GroupId; readonly session: string };

export type IdentifiableRequest = Extract<
  GroupRequest,
  { readonly type: "put" | "delete" | "transact" | "compact" | "grantLease" | "revokeLease" | "setOwners" | "wish" }
>;

/** Opens a stream of {@link WatchMessage}, which ends with `compacted` or `canceled`. Any owner serves it. */
export interface WatchRequest {
  readonly type: "watch";
  readonly group: GroupId;
  readonly span: KeySpan;
  /** First revision wanted; null: after the newest. */
  readonly startRevision: Revision | null;
  readonly puts: boolean;
  readonly deletes: boolean;
  readonly previousValues: boolean;
  /** 0: only when there is something to say. */
  readonly progressIntervalMs: number;
  /** Leaves out deletions by the end of a lease, which are no `deletes`. */
  readonly withoutExpiries: boolean;
  /** What exists comes first, at one revision; then every later change. Never with `startRevision`. */
  readonly initial: boolean;
  /** Bytes of events that may happen while a message is unread before the reader is told `behind`; 0: never told. */
  readonly bufferBytesMax: number;
}

/** Opens a stream of what the group says of itself. Any owner serves it, from what it has applied. */
export interface WatchGroupRequest {
  readonly type: "watchGroup";
  readonly group: GroupId;
  /** A state of this index or a later one is news; null: after the newest. */
  readonly startIndex: LogIndex | null;
  readonly initial: boolean;
  /** Also states in which only keys and replication have moved on. */
  readonly includeProgress: boolean;
  readonly progressIntervalMs: number;
}

/** Opens a stream of nodes' recovery statuses. Served by a node that has all of them in its sphere. */
export interface WatchNodesRequest {
  readonly type: "watchNodes";
  /** Empty: the sphere of the node that answers. */
  readonly nodes: readonly NodeId[];
  /** What was delivered before; null: not resumed. */
  readonly after: NodesPosition | null;
  readonly initial: boolean;
  readonly progressIntervalMs: number;
}

/** Opens a stream of cluster events, from this node's copy of the database. */
export interface WatchClusterRequest {
  readonly type: "watchCluster";
  /** First index wanted; null: after the newest. */
  readonly startIndex: LogIndex | null;
  readonly initial: boolean;
  readonly progressIntervalMs: number;
}

/** Answered by a stream of {@link WatchMessage} instead of one reply. */
export type StreamRequest = WatchRequest | WatchGroupRequest | WatchNodesRequest | WatchClusterRequest;

export function isStream(request: Request): request is StreamRequest {
  return streams.has(request.type);
}

/** What is asked so that applications go on running. */
export function isOfAgents(request: Request): boolean {
  return ofAgents.has(request.type);
}

const ofAgents: ReadonlySet<Request["type"]> = new Set([
  "reportResources",
  "awaitOwnership",
  "renewOwnership",
  "reserve",
]);

const streams: ReadonlySet<Request["type"]> = new Set(["watch", "watchGroup", "watchNodes", "watchCluster"]);

/** Answered by any node: from its copy of the cluster database, or by asking the groups. */
export type ClusterRequest =
  /** Needs the cluster group's quorum. */
  | {
      readonly type: "createGroup";
      readonly group: GroupId;
      readonly owners: readonly NodeId[];
      readonly validateOnly: boolean;
    }
  /**
   * For a group that has lost its quorum for good. Asks all who may hold it, and then the cluster group, whose quorum it needs.
   * `condition_failed`: the group has a quorum, or `from` does not answer or holds nothing to go on from.
   */
  | {
      readonly type: "recoverGroup";
      readonly group: GroupId;
      /** The node whose data becomes the group. */
      readonly from: NodeId;
      /** In order of precedence; empty: `from` and the owners that answer. */
      readonly owners: readonly NodeId[];
      /** As the operator says; at most `reasonCharsMax`. */
      readonly reason: string;
      readonly validateOnly: boolean;
    }
  /** The part of `recoverGroup` that the cluster group decides. */
  | {
      readonly type: "refoundGroup";
      readonly group: GroupId;
      readonly recovery: GroupRecovery;
      readonly reason: string;
    }
  /**
   * For the cluster group itself. `condition_failed`: it has a quorum, or `from` does not answer or is in quarantine. Of two
   * nodes that are named at the same time, apart from each other, both would go on: the higher incarnation wins, or nobody.
   */
  | {
      readonly type: "recoverCluster";
      readonly from: NodeId;
      /** In order of precedence; empty: `from`, the voters that answer, and others for those that do not. */
      readonly voters: readonly NodeId[];
      readonly reason: string;
      readonly validateOnly: boolean;
    }
  /** The part of `recoverCluster` that `node`, whose data becomes the database, carries out by itself. */
  | {
      readonly type: "refoundCluster";
      readonly node: NodeId;
      /** From which it goes on. */
      readonly incarnation: Incarnation;
      readonly voters: readonly NodeId[];
      readonly reason: string;
    }
  /**
   * A planned change of a node, by all groups that it owns or by none. `no_quorum`: of groups that are named, unless they are
   * skipped: then all of them come to it by themselves, each when it has a quorum. `txn_conflict`: another one is under way,
   * or a change of a group's owners.
   */
  | {
      readonly type: "drainNode";
      readonly node: NodeId;
      readonly wanted: Intent;
      /** As the operator says; at most `reasonCharsMax`. */
      readonly reason: string;
      readonly skipUnavailable: boolean;
      readonly validateOnly: boolean;
    }
  /** The part of `drainNode` that the cluster group puts on record. */
  | { readonly type: "intendNode"; readonly node: NodeId; readonly wanted: Intent; readonly reason: string }
  /** Of this one node, about its own replica, whether it takes part in the group or not. */
  | { readonly type: "replicaStatus"; readonly group: GroupId; readonly node: NodeId }
  /**
   * Of this one node, from the agent that runs there. `agent`: drawn by it at its start; another one is refused as
   * `already_exists` while the first one reports. `isComplete`: what is not named does not run there. `isLeaving`: it was told to
   * end, and begins nothing any more.
   */
  | {
      readonly type: "reportResources";
      readonly node: NodeId;
      readonly agent: string;
      readonly groups: readonly GroupReport[];
      readonly isComplete: boolean;
      readonly isLeaving: boolean;
    }
  | { readonly type: "reportPerformance"; readonly sample: PerformanceSample }
  /** Of this one node, from its agent: answered once its number of changes is another one than `after`. */
  | { readonly type: "awaitOwnership"; readonly node: NodeId; readonly after: number }
  /** Of this one node's ledger: whether the group may begin to run there under the epoch. */
  | {
      readonly type: "reserve";
      readonly node: NodeId;
      readonly reservation: Reservation;
      /** Only whether it would be admitted: nothing is kept for it. */
      readonly validateOnly: boolean;
    }
  | { readonly type: "clusterStatus" }
  | { readonly type: "nodeStatus"; readonly node: NodeId }
  | { readonly type: "directory" }
  /** Of this one node, about itself. */
  | { readonly type: "nodeSelf"; readonly node: NodeId }
  | { readonly type: "clusterEvents"; readonly after: LogIndex; readonly limit: number }
  | WatchNodesRequest
  | WatchClusterRequest;

export type Request = GroupRequest | ClusterRequest;

/** What is asked for, under whatever identity. */
export function plainRequest<Any extends Request>(
  request: Any,
): Exclude<Any, { readonly type: "identified" }> | IdentifiableRequest {
  return request.type === "identified" ? request.request : (request as Exclude<Any, { readonly type: "identified" }>);
}

export interface Header {
  readonly group: GroupId;
  readonly incarnation: Incarnation;
  readonly revision: Revision;
  /** The node that answered. */
  readonly node: NodeId;
  readonly stale: boolean;
}

export interface GroupStatus {
  readonly object: GroupObject;
  /** The node that gave this answer. */
  readonly node: NodeId;
  readonly manager: NodeId | null;
  readonly term: Term;
  readonly ownership: Ownership;
  readonly placement: Placement;
  /** As agents report them, at the manager; elsewhere empty. By name and node. */
  readonly resources: readonly (ResourceReport & { readonly node: NodeId })[];
  readonly hasQuorum: boolean;
  /** Votes that make a quorum. */
  readonly needed: number;
  /** Owners that the answering node does not hear. */
  readonly missing: readonly NodeId[];
  readonly verdicts: readonly StatusComponent[];
  readonly revision: Revision;
  readonly compactedRevision: Revision;
  readonly applied: LogIndex;
  readonly commit: LogIndex;
  /** State hash of this replica at `applied`: 16 hexadecimal digits. */
  readonly stateHash: string;
  readonly keys: number;
  readonly bytes: number;
  /** Replication as the manager sees it; empty elsewhere. */
  readonly replicas: readonly { readonly node: NodeId; readonly matched: LogIndex; readonly state: string }[];
  /** What the minimum beside the quorum lacks, one sentence each, by what the answering node knows; empty: it is met. */
  readonly minimumMissing: readonly string[];
  /** In force at the answering node. */
  readonly membership: Membership;
  readonly membershipIndex: LogIndex;
  /** The witness stands in for an owner that is away. */
  readonly isDegraded: boolean;
  /** Over several groups: coordinated here, or prepared and not over. */
  readonly openTransactions: number;
  /** The replicas differ and no state has a quorum: the group refuses writes; null: it does not. */
  readonly dispute: StateHashes | null;
  /**
   * Of the manager: why the members are not as owners and policy ask for; of the cluster group: why a voter that stays away is not
   * replaced. Empty: they are, or will be.
   */
  readonly hindrance: string;
  /** Of the manager: what its last comparison of the replicas has brought; null: not compared yet, or not the manager. */
  readonly compared: StateHashes | null;
}

/** What one node says of itself. */
export interface NodeSelf {
  readonly node: NodeId;
  readonly boot: BootNumber;
  readonly uptimeMs: number;
  readonly clusterIndex: LogIndex;
  /** null: healthy; else why it takes no part in its groups. */
  readonly quarantine: string | null;
  /** Peers with an open connection. */
  readonly connected: readonly NodeId[];
  readonly summaries: readonly GroupSummary[];
  readonly statuses: readonly StatusComponent[];
  /** Counters by name, in the order in which they were first counted. */
  readonly counters: readonly (readonly [name: string, value: number])[];
  /** On the disk of its data directory; null: not measured yet. */
  readonly diskFreeBytes: number | null;
  /** Why it takes no writes of clients for the groups that it manages; null: it does. */
  readonly writesRefused: string | null;
}

export interface NodeStatus {
  readonly record: NodeRecord;
  readonly status: RecoveryStatus;
  readonly components: readonly StatusComponent[];
  readonly sphere: readonly NodeId[];
  readonly groups: readonly GroupId[];
  /** null when the node did not answer. */
  readonly self: NodeSelf | null;
  /** null: operators have never wanted anything of it. */
  readonly intent: NodeIntent | null;
}

/** Where an application goes. */
export interface Move {
  readonly group: GroupId;
  readonly from: NodeId;
  /** null: it stays, or nobody has it then; `reason` says why. */
  readonly to: NodeId | null;
  readonly reason: string;
}

export interface ClusterStatus {
  readonly cluster: ClusterId;
  readonly node: NodeId;
  readonly clusterIndex: LogIndex;
  /** Leader of the cluster group, null when this node knows of none. */
  readonly coordinator: NodeId | null;
  readonly voters: readonly NodeId[];
  readonly nodes: readonly NodeStatus[];
  readonly groups: readonly GroupStatus[];
  /** Groups and nodes that did not answer in time. */
  readonly unreachableGroups: readonly GroupId[];
  readonly unreachableNodes: readonly NodeId[];
  /** Newest last; at most 100. */
  readonly events: readonly ClusterEvent[];
}

export type Reply =
  | { readonly type: "failed"; readonly failure: Failure }
  | { readonly type: "get"; readonly header: Header; readonly kv: KeyValue | null }
  | {
      readonly type: "list";
      readonly header: Header;
      readonly kvs: readonly KeyValue[];
      readonly more: boolean;
      /** Keys in the whole span, whatever the limit; of a later page: its own. */
      readonly count: number;
    }
  | { readonly type: "put"; readonly header: Header; readonly previous: KeyValue | null }
  | {
      readonly type: "delete";
      readonly header: Header;
      readonly deleted: number;
      readonly previous: readonly KeyValue[];
    }
  /** `header`: of `group`; the parts in the order of the request. */
  | {
      readonly type: "transact";
      readonly header: Header;
      /** Whether all comparisons held. */
      readonly succeeded: boolean;
      readonly parts: readonly PartResult[];
    }
  | { readonly type: "prepare"; readonly header: Header; readonly vote: Vote }
  /** `header.revision`: that the transaction made there. */
  | { readonly type: "finish"; readonly header: Header }
  /** null: not decided yet */
  | { readonly type: "decision"; readonly header: Header; readonly decision: Decision | null }
  | { readonly type: "compact"; readonly header: Header }
  /** `sequence`: the highest that the group has seen of it. */
  | {
      readonly type: "openSession";
      readonly header: Header;
      readonly session: string;
      readonly ttlMs: number;
      readonly sequence: number;
    }
  | { readonly type: "closeSession"; readonly header: Header }
  | { readonly type: "configure"; readonly header: Header }
  /** `index`: of the change in the group's log. */
  | { readonly type: "setOwners"; readonly header: Header; readonly index: LogIndex }
  | { readonly type: "grantLease"; readonly header: Header; readonly lease: LeaseStatus }
  /** `ttlMs` 0: there is no such lease. Counts from when the request was sent. */
  | { readonly type: "keepAliveLease"; readonly header: Header; readonly id: number; readonly ttlMs: number }
  /** `deleted`: keys. */
  | { readonly type: "revokeLease"; readonly header: Header; readonly deleted: number }
  /** `keys`: in byte order, the first of them; none unless asked for. */
  | {
      readonly type: "getLease";
      readonly header: Header;
      readonly lease: LeaseStatus;
      readonly keys: readonly Uint8Array[];
    }
  /** By id. */
  | {
      readonly type: "listLeases";
      readonly header: Header;
      readonly leases: readonly LeaseStatus[];
      readonly more: boolean;
    }
  | { readonly type: "wish"; readonly header: Header }
  | { readonly type: "renewOwnership"; readonly header: Header; readonly grant: OwnershipGrant }
  | { readonly type: "explainGroup"; readonly header: Header; readonly explanation: Explanation }
  /** `node` null: nobody would have it. */
  | {
      readonly type: "foreseeDrain";
      readonly header: Header;
      readonly node: NodeId | null;
      readonly reason: string;
    }
  /** One for each group that could be asked. */
  | {
      readonly type: "reportResources";
      readonly grants: readonly OwnershipGrant[];
      readonly unreachable: readonly GroupId[];
    }
  /** Not sooner again than this. */
  | { readonly type: "reportPerformance"; readonly intervalMs: number }
  /** How often a group has given its application to the node, or taken it from there. */
  | { readonly type: "awaitOwnership"; readonly change: number }
  /** `reason`: why not; empty: it may. */
  | { readonly type: "reserve"; readonly isAdmitted: boolean; readonly reason: string }
  | { readonly type: "groupStatus"; readonly status: GroupStatus }
  | { readonly type: "createGroup"; readonly entry: DirectoryEntry }
  /** `losses`: what is known to be lost, for people. */
  | { readonly type: "recoverGroup"; readonly entry: DirectoryEntry; readonly losses: readonly string[] }
  | { readonly type: "refoundGroup"; readonly entry: DirectoryEntry }
  /** `incarnation`: the new one, or, of `validateOnly`, from which it would go on. */
  | {
      readonly type: "recoverCluster";
      readonly incarnation: Incarnation;
      readonly voters: readonly NodeId[];
      readonly losses: readonly string[];
    }
  | { readonly type: "refoundCluster"; readonly incarnation: Incarnation }
  /** `unreachable`: groups that follow when they have a quorum; the cluster group: what is wanted could not be recorded. */
  | { readonly type: "drainNode"; readonly moves: readonly Move[]; readonly unreachable: readonly GroupId[] }
  | { readonly type: "intendNode"; readonly intent: NodeIntent }
  /** `last`: where the node's log ends, committed or not; `status.hasQuorum` also while there may be one in a moment. */
  | { readonly type: "replicaStatus"; readonly status: GroupStatus; readonly last: LogIndex }
  | { readonly type: "clusterStatus"; readonly status: ClusterStatus }
  | { readonly type: "nodeStatus"; readonly status: NodeStatus }
  | { readonly type: "directory"; readonly nodes: readonly NodeRecord[]; readonly groups: readonly DirectoryEntry[] }
  | { readonly type: "nodeSelf"; readonly self: NodeSelf }
  | { readonly type: "clusterEvents"; readonly events: readonly ClusterEvent[]; readonly index: LogIndex };

export interface KeyEvent {
  readonly key: Uint8Array;
  /** null: deleted */
  readonly kv: KeyValue | null;
  /** null when the key did not exist before, when it was not asked for, or when it has been compacted. */
  readonly previous: KeyValue | null;
  readonly revision: Revision;
  /** Of a deletion: the lease whose end it was; 0: a caller's. */
  readonly endedLease: number;
}

/** How far the log of a group is known. */
export interface StatusMark extends GroupKey {
  readonly index: LogIndex;
}

/** Where a watch of nodes stands: of each group with a verdict, up to where its verdicts were delivered. */
export interface NodesPosition {
  /** By name. */
  readonly groups: readonly StatusMark[];
  /** Of the directory that told who belongs to the sphere. */
  readonly clusterIndex: LogIndex;
  /** Whose sphere was told of, where no nodes were named; null: some were. */
  readonly sphere: NodeId | null;
}

/** A node as its sphere knows it. */
export interface NodeState {
  readonly record: NodeRecord;
  readonly status: RecoveryStatus;
  readonly components: readonly StatusComponent[];
  readonly groups: readonly GroupId[];
}

/** `revision` of a stream that is not of keys: an index of the log it is about, or a count of the changes seen. */
export type WatchMessage =
  /** First on every stream. Events follow from `revision` on. */
  | { readonly type: "opened"; readonly header: Header; readonly revision: Revision }
  /** Whole revisions, in order; everything up to `revision` has been delivered. */
  | { readonly type: "events"; readonly revision: Revision; readonly events: readonly KeyEvent[] }
  | { readonly type: "progress"; readonly revision: Revision }
  /** Last: revisions below `floor` are gone; restart there after reading the present state. */
  | { readonly type: "compacted"; readonly floor: Revision }
  /** Last: the client resumes after the last revision it has seen, here or elsewhere. */
  | { readonly type: "canceled"; readonly failure: Failure }
  /** What exists at `revision`, a page of it in key order; `page` counts from 1. Behind the last one changes follow. */
  | {
      readonly type: "initial";
      readonly revision: Revision;
      readonly page: number;
      readonly more: boolean;
      readonly events: readonly KeyEvent[];
    }
  /** The reader has a message in hand and more than it wants held for it has happened; nothing is lost. */
  | { readonly type: "behind"; readonly delivered: Revision; readonly newest: Revision }
  /** The group as it is; `revision`: index of its last change. */
  | {
      readonly type: "groupState";
      readonly revision: Revision;
      readonly initial: boolean;
      readonly status: GroupStatus;
    }
  /** Nodes as they are. All that is `initial`, up to a message without `more`, stands for everything told before. */
  | {
      readonly type: "nodeStates";
      readonly revision: Revision;
      readonly initial: boolean;
      readonly more: boolean;
      readonly nodes: readonly NodeState[];
      /** They belong to the sphere no more. */
      readonly departed: readonly NodeId[];
      readonly position: NodesPosition;
    }
  /** Whole log entries, in order. */
  | {
      readonly type: "clusterEvents";
      readonly revision: Revision;
      readonly initial: boolean;
      readonly more: boolean;
      readonly events: readonly ClusterEvent[];
    };
