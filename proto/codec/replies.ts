// Wire forms of answers and of watch messages (proto/requests.ts).

import * as wire from "../gen/bailiwick/peer/v1/forward_pb.ts";
import type {
  ClusterStatus,
  GroupStatus,
  Header,
  KeyEvent,
  Move,
  NodeSelf,
  NodeStatus,
  Reply,
  WatchMessage,
} from "../requests.ts";
import { membership } from "./control.ts";
import { failure } from "./failures.ts";
import { boot, incarnation, logIndex, revision, term, uint64, wholeMs } from "./integers.ts";
import { leaseStatus } from "./leases.ts";
import {
  clusterEvent,
  directoryEntry,
  groupObject,
  groupSummary,
  keyValue,
  nodeIds,
  nodeIntent,
  nodeRecord,
  ownership,
  recoveryStatus,
  stateHashes,
  statusComponent,
} from "./model.ts";
import { explanation, ownershipGrant, placedResourceReport, placement } from "./placements.ts";
import { clusterId, finite, flag, groupId, keyBytes, nodeId, reason, stateHash, text, word } from "./scalars.ts";
import { list, mapped, message, nullable, only, required, union } from "./structure.ts";
import { decision, partResult, vote } from "./transactions.ts";
import { nodeState, nodesPosition } from "./watched.ts";
import { wireLimits } from "./wire-limits.ts";

const { itemsMax, textCharsMax } = wireLimits;

const header = message<Header, typeof wire.HeaderSchema>(wire.HeaderSchema, {
  group: groupId,
  incarnation,
  revision,
  node: nodeId,
  stale: flag,
});

const replica = message<GroupStatus["replicas"][number], typeof wire.ReplicaSchema>(wire.ReplicaSchema, {
  node: nodeId,
  matched: logIndex,
  state: word,
});

const groupStatus = message<GroupStatus, typeof wire.GroupStatusSchema>(wire.GroupStatusSchema, {
  object: required(groupObject),
  node: nodeId,
  manager: nullable(nodeId),
  term,
  ownership: required(ownership),
  placement: required(placement),
  resources: list(placedResourceReport, itemsMax),
  hasQuorum: flag,
  needed: uint64,
  missing: nodeIds,
  verdicts: list(statusComponent, itemsMax),
  revision,
  compactedRevision: revision,
  applied: logIndex,
  commit: logIndex,
  stateHash,
  keys: uint64,
  bytes: uint64,
  replicas: list(replica, itemsMax),
  membership: required(membership),
  membershipIndex: logIndex,
  isDegraded: flag,
  hindrance: reason,
  openTransactions: uint64,
  dispute: nullable(stateHashes),
  compared: nullable(stateHashes),
  minimumMissing: list(text(textCharsMax), itemsMax),
});

const counterFields = message<{ name: string; value: number }, typeof wire.CounterSchema>(wire.CounterSchema, {
  name: word,
  value: finite,
});

const counter = mapped<readonly [name: string, value: number], { name: string; value: number }, wire.Counter>(
  counterFields,
  { to: ([name, value]) => ({ name, value }), from: ({ name, value }) => [name, value] },
);

const nodeSelf = message<NodeSelf, typeof wire.NodeSelfSchema>(wire.NodeSelfSchema, {
  node: nodeId,
  boot,
  uptimeMs: wholeMs,
  clusterIndex: logIndex,
  quarantine: nullable(text(textCharsMax)),
  connected: nodeIds,
  summaries: list(groupSummary, itemsMax),
  statuses: list(statusComponent, itemsMax),
  counters: list(counter, itemsMax),
  diskFreeBytes: nullable(uint64),
  writesRefused: nullable(text(textCharsMax)),
});

const nodeStatus = message<NodeStatus, typeof wire.NodeStatusSchema>(wire.NodeStatusSchema, {
  record: required(nodeRecord),
  status: recoveryStatus,
  components: list(statusComponent, itemsMax),
  sphere: nodeIds,
  groups: list(groupId, itemsMax),
  self: nullable(nodeSelf),
  intent: nullable(nodeIntent),
});

const clusterStatus = message<ClusterStatus, typeof wire.ClusterStatusSchema>(wire.ClusterStatusSchema, {
  cluster: clusterId,
  node: nodeId,
  clusterIndex: logIndex,
  coordinator: nullable(nodeId),
  voters: nodeIds,
  nodes: list(nodeStatus, itemsMax),
  groups: list(groupStatus, itemsMax),
  unreachableGroups: list(groupId, itemsMax),
  unreachableNodes: nodeIds,
  events: list(clusterEvent, itemsMax),
});

const move = message<Move, typeof wire.MoveSchema>(wire.MoveSchema, {
  group: groupId,
  from: nodeId,
  to: nullable(nodeId),
  reason,
});

const previous = nullable(keyValue);
const keyValues = list(keyValue, itemsMax);

export const reply = only(
  wire.ReplySchema,
  "reply",
  union<Reply, wire.Reply["reply"]>({
    failed: message(wire.FailedReplySchema, { failure: required(failure) }),
    get: message(wire.GetReplySchema, { header: required(header), kv: nullable(keyValue) }),
    list: message(wire.ListReplySchema, { header: required(header), kvs: keyValues, more: flag, count: uint64 }),
    put: message(wire.PutReplySchema, { header: required(header), previous }),
    delete: message(wire.DeleteReplySchema, { header: required(header), deleted: uint64, previous: keyValues }),
    transact: message(wire.TransactReplySchema, {
      header: required(header),
      succeeded: flag,
      parts: list(partResult, itemsMax),
    }),
    prepare: message(wire.PrepareReplySchema, { header: required(header), vote: required(vote) }),
    finish: message(wire.FinishReplySchema, { header: required(header) }),
    decision: message(wire.DecisionReplySchema, { header: required(header), decision: nullable(decision) }),
    compact: message(wire.CompactReplySchema, { header: required(header) }),
    openSession: message(wire.OpenSessionReplySchema, {
      header: required(header),
      session: word,
      ttlMs: wholeMs,
      sequence: uint64,
    }),
    closeSession: message(wire.CloseSessionReplySchema, { header: required(header) }),
    configure: message(wire.ConfigureReplySchema, { header: required(header) }),
    setOwners: message(wire.SetOwnersReplySchema, { header: required(header), index: logIndex }),
    grantLease: message(wire.GrantLeaseReplySchema, { header: required(header), lease: required(leaseStatus) }),
    keepAliveLease: message(wire.KeepAliveLeaseReplySchema, { header: required(header), id: uint64, ttlMs: wholeMs }),
    revokeLease: message(wire.RevokeLeaseReplySchema, { header: required(header), deleted: uint64 }),
    getLease: message(wire.GetLeaseReplySchema, {
      header: required(header),
      lease: required(leaseStatus),
      keys: list(keyBytes, itemsMax),
    }),
    listLeases: message(wire.ListLeasesReplySchema, {
      header: required(header),
      leases: list(leaseStatus, itemsMax),
      more: flag,
    }),
    wish: message(wire.WishReplySchema, { header: required(header) }),
    renewOwnership: message(wire.RenewOwnershipReplySchema, {
      header: required(header),
      grant: required(ownershipGrant),
    }),
    explainGroup: message(wire.ExplainGroupReplySchema, {
      header: required(header),
      explanation: required(explanation),
    }),
    foreseeDrain: message(wire.ForeseeDrainReplySchema, {
      header: required(header),
      node: nullable(nodeId),
      reason,
    }),
    reportResources: message(wire.ReportResourcesReplySchema, {
      grants: list(ownershipGrant, itemsMax),
      unreachable: list(groupId, itemsMax),
    }),
    reserve: message(wire.ReserveReplySchema, { isAdmitted: flag, reason }),
    reportPerformance: message(wire.ReportPerformanceReplySchema, { intervalMs: wholeMs }),
    awaitOwnership: message(wire.AwaitOwnershipReplySchema, { change: uint64 }),
    groupStatus: message(wire.GroupStatusReplySchema, { status: required(groupStatus) }),
    createGroup: message(wire.CreateGroupReplySchema, { entry: required(directoryEntry) }),
    recoverGroup: message(wire.RecoverGroupReplySchema, {
      entry: required(directoryEntry),
      losses: list(text(textCharsMax), itemsMax),
    }),
    refoundGroup: message(wire.RefoundGroupReplySchema, { entry: required(directoryEntry) }),
    recoverCluster: message(wire.RecoverClusterReplySchema, {
      incarnation,
      voters: nodeIds,
      losses: list(text(textCharsMax), itemsMax),
    }),
    refoundCluster: message(wire.RefoundClusterReplySchema, { incarnation }),
    drainNode: message(wire.DrainNodeReplySchema, {
      moves: list(move, itemsMax),
      unreachable: list(groupId, itemsMax),
    }),
    intendNode: message(wire.IntendNodeReplySchema, { intent: required(nodeIntent) }),
    replicaStatus: message(wire.ReplicaStatusReplySchema, { status: required(groupStatus), last: logIndex }),
    clusterStatus: message(wire.ClusterStatusReplySchema, { status: required(clusterStatus) }),
    nodeStatus: message(wire.NodeStatusReplySchema, { status: required(nodeStatus) }),
    directory: message(wire.DirectoryReplySchema, {
      nodes: list(nodeRecord, itemsMax),
      groups: list(directoryEntry, itemsMax),
    }),
    nodeSelf: message(wire.NodeSelfReplySchema, { self: required(nodeSelf) }),
    clusterEvents: message(wire.ClusterEventsReplySchema, { events: list(clusterEvent, itemsMax), index: logIndex }),
  }),
);

const keyEvent = message<KeyEvent, typeof wire.KeyEventSchema>(wire.KeyEventSchema, {
  key: keyBytes,
  kv: nullable(keyValue),
  previous,
  revision,
  endedLease: uint64,
});

export const watchMessage = only(
  wire.WatchMessageSchema,
  "message",
  union<WatchMessage, wire.WatchMessage["message"]>({
    opened: message(wire.WatchOpenedSchema, { header: required(header), revision }),
    events: message(wire.WatchEventsSchema, { revision, events: list(keyEvent, itemsMax) }),
    progress: message(wire.WatchProgressSchema, { revision }),
    compacted: message(wire.WatchCompactedSchema, { floor: revision }),
    canceled: message(wire.WatchCanceledSchema, { failure: required(failure) }),
    initial: message(wire.WatchInitialSchema, { revision, page: uint64, more: flag, events: list(keyEvent, itemsMax) }),
    behind: message(wire.WatchBehindSchema, { delivered: revision, newest: revision }),
    groupState: message(wire.WatchGroupStateSchema, { revision, initial: flag, status: required(groupStatus) }),
    nodeStates: message(wire.WatchNodeStatesSchema, {
      revision,
      initial: flag,
      more: flag,
      nodes: list(nodeState, itemsMax),
      departed: nodeIds,
      position: required(nodesPosition),
    }),
    clusterEvents: message(wire.WatchClusterEventsSchema, {
      revision,
      initial: flag,
      more: flag,
      events: list(clusterEvent, itemsMax),
    }),
  }),
);
