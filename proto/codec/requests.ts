// Wire form of a request that one node hands to another (proto/requests.ts).

import * as wire from "../gen/bailiwick/peer/v1/forward_pb.ts";
import type { GroupPlace } from "../placement.ts";
import type { Consistency, Fence, IdentifiableRequest, Request } from "../requests.ts";
import { reservation } from "./allocations.ts";
import { epoch, incarnation, logIndex, revision, uint64, wholeMs } from "./integers.ts";
import { configBytes, groupRecovery, intent, keySpan, nodeIds, owners } from "./model.ts";
import { groupReport, groupWish, performanceSample } from "./placements.ts";
import { flag, groupId, keyBytes, nodeId, oneOf, reason, valueBytes, word } from "./scalars.ts";
import { requestIdentity } from "./sessions.ts";
import { inBytes, list, message, nullable, only, required, union } from "./structure.ts";
import { decision, part, transactionId } from "./transactions.ts";
import { nodesPosition } from "./watched.ts";
import { wireLimits } from "./wire-limits.ts";

const { itemsMax, rowBytesMax } = wireLimits;

const consistency = oneOf<Consistency, wire.Consistency>({
  linearizable: wire.Consistency.LINEARIZABLE,
  local: wire.Consistency.LOCAL,
});

const fence = message<Fence, typeof wire.FenceSchema>(wire.FenceSchema, { group: groupId, epoch });

const groupPlace = message<GroupPlace, typeof wire.GroupPlaceSchema>(wire.GroupPlaceSchema, {
  group: groupId,
  node: nullable(nodeId),
});

const identifiable = {
  put: message(wire.PutRequestSchema, {
    group: groupId,
    key: keyBytes,
    value: valueBytes,
    lease: uint64,
    ifModRevision: nullable(revision),
    fence: nullable(fence),
    returnPrevious: flag,
  }),
  delete: message(wire.DeleteRequestSchema, {
    group: groupId,
    span: required(keySpan),
    ifModRevision: nullable(revision),
    fence: nullable(fence),
    returnPrevious: flag,
  }),
  transact: message(wire.TransactRequestSchema, { group: groupId, parts: list(part, itemsMax) }),
  compact: message(wire.CompactRequestSchema, { group: groupId, revision }),
  grantLease: message(wire.GrantLeaseRequestSchema, { group: groupId, id: nullable(uint64), ttlMs: wholeMs }),
  revokeLease: message(wire.RevokeLeaseRequestSchema, { group: groupId, id: uint64 }),
  setOwners: message(wire.SetOwnersRequestSchema, {
    group: groupId,
    owners,
    ifIndex: nullable(logIndex),
    validateOnly: flag,
  }),
  wish: message(wire.WishRequestSchema, {
    group: groupId,
    wish: required(groupWish),
    validateOnly: flag,
    who: word,
    why: reason,
  }),
};

export const request = only(
  wire.RequestSchema,
  "request",
  union<Request, wire.Request["request"]>({
    get: message(wire.GetRequestSchema, { group: groupId, key: keyBytes, revision: nullable(revision), consistency }),
    list: message(wire.ListRequestSchema, {
      group: groupId,
      span: required(keySpan),
      revision: nullable(revision),
      consistency,
      limit: uint64,
      keysOnly: flag,
      countOnly: flag,
      continues: flag,
    }),
    ...identifiable,
    prepare: message(wire.PrepareRequestSchema, {
      group: groupId,
      id: required(transactionId),
      part: required(part),
      floor: logIndex,
    }),
    finish: message(wire.FinishRequestSchema, {
      group: groupId,
      id: required(transactionId),
      decision,
      floor: logIndex,
    }),
    decision: message(wire.DecisionRequestSchema, { group: groupId, id: required(transactionId) }),
    configure: message(wire.ConfigureRequestSchema, { group: groupId, config: configBytes }),
    renewOwnership: message(wire.RenewOwnershipRequestSchema, {
      group: groupId,
      node: nodeId,
      report: required(groupReport),
      isLeaving: flag,
    }),
    explainGroup: message(wire.ExplainGroupRequestSchema, { group: groupId, decisions: uint64 }),
    foreseeDrain: message(wire.ForeseeDrainRequestSchema, {
      group: groupId,
      node: nodeId,
      places: list(groupPlace, itemsMax),
    }),
    reportResources: message(wire.ReportResourcesRequestSchema, {
      node: nodeId,
      agent: word,
      groups: list(groupReport, itemsMax),
      isComplete: flag,
      isLeaving: flag,
    }),
    reserve: message(wire.ReserveRequestSchema, {
      node: nodeId,
      reservation: required(reservation),
      validateOnly: flag,
    }),
    reportPerformance: message(wire.ReportPerformanceRequestSchema, { sample: required(performanceSample) }),
    awaitOwnership: message(wire.AwaitOwnershipRequestSchema, { node: nodeId, after: uint64 }),
    groupStatus: message(wire.GroupStatusRequestSchema, { group: groupId }),
    keepAliveLease: message(wire.KeepAliveLeaseRequestSchema, { group: groupId, id: uint64 }),
    getLease: message(wire.GetLeaseRequestSchema, { group: groupId, id: uint64, keys: flag }),
    listLeases: message(wire.ListLeasesRequestSchema, { group: groupId, after: uint64, limit: uint64 }),
    watch: message(wire.WatchRequestSchema, {
      group: groupId,
      span: required(keySpan),
      startRevision: nullable(revision),
      puts: flag,
      deletes: flag,
      previousValues: flag,
      progressIntervalMs: wholeMs,
      withoutExpiries: flag,
      initial: flag,
      bufferBytesMax: uint64,
    }),
    createGroup: message(wire.CreateGroupRequestSchema, { group: groupId, owners, validateOnly: flag }),
    recoverGroup: message(wire.RecoverGroupRequestSchema, {
      group: groupId,
      from: nodeId,
      owners,
      reason,
      validateOnly: flag,
    }),
    refoundGroup: message(wire.RefoundGroupRequestSchema, {
      group: groupId,
      recovery: required(groupRecovery),
      reason,
    }),
    recoverCluster: message(wire.RecoverClusterRequestSchema, {
      from: nodeId,
      voters: owners,
      reason,
      validateOnly: flag,
    }),
    refoundCluster: message(wire.RefoundClusterRequestSchema, { node: nodeId, incarnation, voters: owners, reason }),
    drainNode: message(wire.DrainNodeRequestSchema, {
      node: nodeId,
      wanted: intent,
      reason,
      skipUnavailable: flag,
      validateOnly: flag,
    }),
    intendNode: message(wire.IntendNodeRequestSchema, { node: nodeId, wanted: intent, reason }),
    replicaStatus: message(wire.ReplicaStatusRequestSchema, { group: groupId, node: nodeId }),
    clusterStatus: message(wire.ClusterStatusRequestSchema, {}),
    nodeStatus: message(wire.NodeStatusRequestSchema, { node: nodeId }),
    directory: message(wire.DirectoryRequestSchema, {}),
    nodeSelf: message(wire.NodeSelfRequestSchema, { node: nodeId }),
    clusterEvents: message(wire.ClusterEventsRequestSchema, { after: logIndex, limit: uint64 }),
    watchGroup: message(wire.WatchGroupRequestSchema, {
      group: groupId,
      startIndex: nullable(logIndex),
      initial: flag,
      includeProgress: flag,
      progressIntervalMs: wholeMs,
    }),
    watchNodes: message(wire.WatchNodesRequestSchema, {
      nodes: nodeIds,
      after: nullable(nodesPosition),
      initial: flag,
      progressIntervalMs: wholeMs,
    }),
    watchCluster: message(wire.WatchClusterRequestSchema, {
      startIndex: nullable(logIndex),
      initial: flag,
      progressIntervalMs: wholeMs,
    }),
    identified: message(wire.IdentifiedRequestSchema, {
      group: groupId,
      identity: required(requestIdentity),
      request: union<IdentifiableRequest, wire.IdentifiedRequest["request"]>(identifiable),
    }),
    openSession: message(wire.OpenSessionRequestSchema, { group: groupId, session: nullable(word), ttlMs: wholeMs }),
    closeSession: message(wire.CloseSessionRequestSchema, { group: groupId, session: word }),
  }),
);

/** The same bytes for the same request, whichever node encodes it: what its digest is of. */
export const { encode: encodeRequest } = inBytes(wire.RequestSchema, request, rowBytesMax);
