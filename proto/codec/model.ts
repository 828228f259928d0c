// Wire forms of what the system keeps (proto/model.ts).

import * as wire from "../gen/bailiwick/peer/v1/model_pb.ts";
import type { NodeId } from "../ids.ts";
import type {
  ClusterChange,
  ClusterEvent,
  DirectoryEntry,
  GroupObject,
  GroupRecovery,
  GroupSummary,
  Intent,
  KeptIntent,
  KeySpan,
  KeyValue,
  NodeIntent,
  NodeRecord,
  OwnerIntent,
  Ownership,
  OwnershipState,
  RecoveryStatus,
  StateHashes,
  StatusComponent,
} from "../model.ts";
import { epoch, incarnation, logIndex, revision, uint64 } from "./integers.ts";
import { bytes, groupId, hash64, keyBytes, nodeId, oneOf, reason, valueBytes, word } from "./scalars.ts";
import { type Codec, list, mapped, message, nullable, only, required, union } from "./structure.ts";
import { wireLimits } from "./wire-limits.ts";

export const recoveryStatus = oneOf<RecoveryStatus, wire.RecoveryStatus>({
  joining: wire.RecoveryStatus.JOINING,
  up: wire.RecoveryStatus.UP,
  suspect: wire.RecoveryStatus.SUSPECT,
  partial: wire.RecoveryStatus.PARTIAL,
  down: wire.RecoveryStatus.DOWN,
  draining: wire.RecoveryStatus.DRAINING,
  maintenance: wire.RecoveryStatus.MAINTENANCE,
  left: wire.RecoveryStatus.LEFT,
});

export const ownershipState = oneOf<OwnershipState, wire.OwnershipState>({
  offline: wire.OwnershipState.OFFLINE,
  acquiring: wire.OwnershipState.ACQUIRING,
  online: wire.OwnershipState.ONLINE,
  releasing: wire.OwnershipState.RELEASING,
  suspended: wire.OwnershipState.SUSPENDED,
  error: wire.OwnershipState.ERROR,
});

export const intent = oneOf<Intent, wire.Intent>({ none: wire.Intent.NONE, drained: wire.Intent.DRAINED });

/** Owners of a group: bounded by the size of a cluster. */
export const owners: Codec<readonly NodeId[], string[]> = list(nodeId, wireLimits.ownersMax);
/** Nodes of a cluster or a sphere. */
export const nodeIds: Codec<readonly NodeId[], string[]> = list(nodeId, wireLimits.itemsMax);
export const configBytes = bytes(wireLimits.configBytesMax);

export const keyValue = message<KeyValue, typeof wire.KeyValueSchema>(wire.KeyValueSchema, {
  key: keyBytes,
  value: valueBytes,
  createRevision: revision,
  modRevision: revision,
  version: uint64,
  lease: uint64,
});

export const keySpan = message<KeySpan, typeof wire.KeySpanSchema>(wire.KeySpanSchema, {
  start: bytes(wireLimits.spanBytesMax),
  end: nullable(bytes(wireLimits.spanBytesMax)),
});

export const statusComponent = message<StatusComponent, typeof wire.StatusComponentSchema>(wire.StatusComponentSchema, {
  group: groupId,
  incarnation,
  node: nodeId,
  index: logIndex,
  status: recoveryStatus,
  reason,
});

export const ownerIntent = message<OwnerIntent, typeof wire.OwnerIntentSchema>(wire.OwnerIntentSchema, {
  node: nodeId,
  wanted: intent,
  reason,
  after: logIndex,
});

export const nodeIntent = message<NodeIntent, typeof wire.NodeIntentSchema>(wire.NodeIntentSchema, {
  node: nodeId,
  wanted: intent,
  reason,
  index: logIndex,
  pending: list(groupId, wireLimits.itemsMax),
});

export const keptIntent = message<KeptIntent, typeof wire.KeptIntentSchema>(wire.KeptIntentSchema, {
  node: nodeId,
  group: groupId,
  index: logIndex,
});

export const ownership = message<Ownership, typeof wire.OwnershipSchema>(wire.OwnershipSchema, {
  currentOwner: nullable(nodeId),
  epoch,
  state: ownershipState,
  reason,
});

export const groupSummary = message<GroupSummary, typeof wire.GroupSummarySchema>(wire.GroupSummarySchema, {
  group: groupId,
  incarnation,
  index: logIndex,
  owners,
  ownership: required(ownership),
  placement: configBytes,
});

const replicaHash = message<StateHashes["hashes"][number], typeof wire.ReplicaHashSchema>(wire.ReplicaHashSchema, {
  node: nodeId,
  hash: hash64,
});

export const stateHashes = message<StateHashes, typeof wire.StateHashesSchema>(wire.StateHashesSchema, {
  index: logIndex,
  hashes: list(replicaHash, wireLimits.ownersMax),
});

export const groupObject = message<GroupObject, typeof wire.GroupObjectSchema>(wire.GroupObjectSchema, {
  group: groupId,
  incarnation,
  owners,
  config: configBytes,
});

export const directoryEntry = message<DirectoryEntry, typeof wire.DirectoryEntrySchema>(wire.DirectoryEntrySchema, {
  group: groupId,
  incarnation,
  owners,
  index: logIndex,
});

export const groupRecovery = message<GroupRecovery, typeof wire.GroupRecoverySchema>(wire.GroupRecoverySchema, {
  incarnation,
  from: nodeId,
  owners,
});

const labelFields = message<{ name: string; value: string }, typeof wire.LabelSchema>(wire.LabelSchema, {
  name: word,
  value: word,
});

const label = mapped<readonly [name: string, value: string], { name: string; value: string }, wire.Label>(labelFields, {
  to: ([name, value]) => ({ name, value }),
  from: ({ name, value }) => [name, value],
});

const capacityFields = message<{ name: string; amount: number }, typeof wire.CapacitySchema>(wire.CapacitySchema, {
  name: word,
  amount: uint64,
});

const capacity = mapped<readonly [name: string, amount: number], { name: string; amount: number }, wire.Capacity>(
  capacityFields,
  { to: ([name, amount]) => ({ name, amount }), from: ({ name, amount }) => [name, amount] },
);

export const nodeRecord = message<NodeRecord, typeof wire.NodeRecordSchema>(wire.NodeRecordSchema, {
  node: nodeId,
  identity: word,
  peerAddress: word,
  apiAddress: word,
  labels: list(label, wireLimits.itemsMax),
  capacity: list(capacity, wireLimits.itemsMax),
});

export const clusterChange: Codec<ClusterChange, wire.ClusterChange> = only(
  wire.ClusterChangeSchema,
  "change",
  union<ClusterChange, wire.ClusterChange["change"]>({
    nodeFailed: message(wire.NodeFailedSchema, { node: nodeId, reason }),
    nodeReintegrated: message(wire.NodeReintegratedSchema, { node: nodeId, reason }),
    nodeDrained: message(wire.NodeDrainedSchema, { node: nodeId, reason }),
    nodeUndrained: message(wire.NodeUndrainedSchema, { node: nodeId, reason }),
    groupCreated: message(wire.GroupCreatedSchema, { entry: required(directoryEntry) }),
    ownersChanged: message(wire.OwnersChangedSchema, { entry: required(directoryEntry) }),
    votersChanged: message(wire.VotersChangedSchema, { left: nodeIds, joined: nodeIds, by: nodeId, reason }),
    clusterRecovered: message(wire.ClusterRecoveredSchema, { incarnation, from: nodeId, voters: owners, reason }),
    groupRecovered: message(wire.GroupRecoveredSchema, { entry: required(directoryEntry), from: nodeId, reason }),
  }),
);

export const clusterEvent = message<ClusterEvent, typeof wire.ClusterEventSchema>(wire.ClusterEventSchema, {
  index: logIndex,
  atMs: uint64,
  change: required(clusterChange),
});
