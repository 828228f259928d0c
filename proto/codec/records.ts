// Rows of state on disk, and in snapshots, as bytes. Log records, versions of keys and hard state are storage's own.
// A row that does not decode is damage. One encoding per shape is kept in test/unit/proto/records.hex.txt.

import * as leases from "../gen/bailiwick/peer/v1/lease_pb.ts";
import * as model from "../gen/bailiwick/peer/v1/model_pb.ts";
import * as placements from "../gen/bailiwick/peer/v1/placement_pb.ts";
import * as raft from "../gen/bailiwick/peer/v1/raft_pb.ts";
import * as wire from "../gen/bailiwick/peer/v1/record_pb.ts";
import * as session from "../gen/bailiwick/peer/v1/session_pb.ts";
import * as transaction from "../gen/bailiwick/peer/v1/transaction_pb.ts";
import type { AppliedRecord } from "../model.ts";
import { configuration } from "./control.ts";
import { logIndex, revision, term } from "./integers.ts";
import { lease } from "./leases.ts";
import {
  clusterEvent,
  directoryEntry,
  groupObject,
  groupRecovery,
  groupSummary,
  nodeIntent,
  nodeRecord,
  ownerIntent,
  ownership,
  stateHashes,
  statusComponent,
} from "./model.ts";
import { placement } from "./placements.ts";
import { stateHash } from "./scalars.ts";
import { rememberedAnswer, sessionRecord } from "./sessions.ts";
import { inBytes, message } from "./structure.ts";
import { closedTransactions, preparedTransaction, transactionRecord } from "./transactions.ts";
import { wireLimits } from "./wire-limits.ts";

const appliedRecord = message<AppliedRecord, typeof wire.AppliedRecordSchema>(wire.AppliedRecordSchema, {
  index: logIndex,
  term,
  revision,
  floor: revision,
  stateHash,
});

const bytesMax = wireLimits.rowBytesMax;

export const { encode: encodeAppliedRecord, decode: decodeAppliedRecord } = inBytes(
  wire.AppliedRecordSchema,
  appliedRecord,
  bytesMax,
);
export const { encode: encodeConfiguration, decode: decodeConfiguration } = inBytes(
  raft.ConfigurationSchema,
  configuration,
  bytesMax,
);
export const { encode: encodeStatusComponent, decode: decodeStatusComponent } = inBytes(
  model.StatusComponentSchema,
  statusComponent,
  bytesMax,
);
export const { encode: encodeGroupSummary, decode: decodeGroupSummary } = inBytes(
  model.GroupSummarySchema,
  groupSummary,
  bytesMax,
);
export const { encode: encodeGroupObject, decode: decodeGroupObject } = inBytes(
  model.GroupObjectSchema,
  groupObject,
  bytesMax,
);
export const { encode: encodeStateHashes, decode: decodeStateHashes } = inBytes(
  model.StateHashesSchema,
  stateHashes,
  bytesMax,
);
export const { encode: encodeOwnership, decode: decodeOwnership } = inBytes(model.OwnershipSchema, ownership, bytesMax);
export const { encode: encodePlacement, decode: decodePlacement } = inBytes(
  placements.PlacementSchema,
  placement,
  bytesMax,
);
export const { encode: encodeOwnerIntent, decode: decodeOwnerIntent } = inBytes(
  model.OwnerIntentSchema,
  ownerIntent,
  bytesMax,
);
export const { encode: encodeNodeIntent, decode: decodeNodeIntent } = inBytes(
  model.NodeIntentSchema,
  nodeIntent,
  bytesMax,
);
export const { encode: encodeNodeRecord, decode: decodeNodeRecord } = inBytes(
  model.NodeRecordSchema,
  nodeRecord,
  bytesMax,
);
export const { encode: encodeDirectoryEntry, decode: decodeDirectoryEntry } = inBytes(
  model.DirectoryEntrySchema,
  directoryEntry,
  bytesMax,
);
export const { encode: encodeGroupRecovery, decode: decodeGroupRecovery } = inBytes(
  model.GroupRecoverySchema,
  groupRecovery,
  bytesMax,
);
export const { encode: encodeClusterEvent, decode: decodeClusterEvent } = inBytes(
  model.ClusterEventSchema,
  clusterEvent,
  bytesMax,
);
export const { encode: encodeTransactionRecord, decode: decodeTransactionRecord } = inBytes(
  transaction.TransactionRecordSchema,
  transactionRecord,
  bytesMax,
);
export const { encode: encodePreparedTransaction, decode: decodePreparedTransaction } = inBytes(
  transaction.PreparedTransactionSchema,
  preparedTransaction,
  bytesMax,
);
export const { encode: encodeClosedTransactions, decode: decodeClosedTransactions } = inBytes(
  transaction.ClosedTransactionsSchema,
  closedTransactions,
  bytesMax,
);
export const { encode: encodeLease, decode: decodeLease } = inBytes(leases.LeaseSchema, lease, bytesMax);
export const { encode: encodeSessionRecord, decode: decodeSessionRecord } = inBytes(
  session.SessionRecordSchema,
  sessionRecord,
  bytesMax,
);
export const { encode: encodeRememberedAnswer, decode: decodeRememberedAnswer } = inBytes(
  session.RememberedAnswerSchema,
  rememberedAnswer,
  bytesMax,
);
