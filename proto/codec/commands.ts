// Payloads of log entries (proto/commands.ts) as bytes.

import type { ClusterCommand, Compare, GroupCommand, IdentifiableCommand, VerdictChange, Write } from "../commands.ts";
import * as wire from "../gen/bailiwick/peer/v1/record_pb.ts";
import { epoch, logIndex, revision, term, uint64, wholeMs } from "./integers.ts";
import { leaseRef, leaseRemaining } from "./leases.ts";
import {
  clusterChange,
  configBytes,
  directoryEntry,
  groupRecovery,
  intent,
  keptIntent,
  keySpan,
  owners,
  ownershipState,
  recoveryStatus,
  stateHashes,
} from "./model.ts";
import { groupError, groupWish, leaseTerms, ownerStart, performanceSample } from "./placements.ts";
import { flag, groupId, hash64, keyBytes, nodeId, reason, valueBytes, word } from "./scalars.ts";
import { requestIdentity } from "./sessions.ts";
import { inBytes, list, message, nullable, only, required, union } from "./structure.ts";
import { decision, part, transactionId } from "./transactions.ts";
import { wireLimits } from "./wire-limits.ts";

const { itemsMax, rowBytesMax } = wireLimits;

const write = only(
  wire.WriteSchema,
  "write",
  union<Write, wire.Write["write"]>({
    put: message(wire.PutWriteSchema, { key: keyBytes, value: valueBytes, lease: uint64 }),
    delete: message(wire.DeleteWriteSchema, { span: required(keySpan) }),
  }),
);

const compare = only(
  wire.CompareSchema,
  "compare",
  union<Compare, wire.Compare["compare"]>({
    modRevision: message(wire.CompareModRevisionSchema, { key: keyBytes, revision }),
  }),
);

const verdictChange = message<VerdictChange, typeof wire.VerdictChangeSchema>(wire.VerdictChangeSchema, {
  node: nodeId,
  status: recoveryStatus,
  reason,
});

const identifiable = {
  write: message(wire.WriteCommandSchema, {
    compares: list(compare, itemsMax),
    fence: nullable(epoch),
    writes: list(write, itemsMax),
    returnsRemoved: flag,
  }),
  compact: message(wire.CompactCommandSchema, { revision }),
  transact: message(wire.TransactCommandSchema, { part: required(part) }),
  begin: message(wire.BeginCommandSchema, { groups: list(groupId, itemsMax), part: required(part) }),
  grantLease: message(wire.GrantLeaseCommandSchema, { id: uint64, ttlMs: wholeMs }),
  revokeLease: message(wire.RevokeLeaseCommandSchema, { id: uint64 }),
  setOwners: message(wire.SetOwnersCommandSchema, { owners, ifIndex: nullable(logIndex) }),
  wish: message(wire.WishCommandSchema, {
    wish: required(groupWish),
    who: word,
    why: reason,
    manager: nullable(nodeId),
    atMs: uint64,
  }),
};

const groupCommand = only(
  wire.GroupCommandSchema,
  "command",
  union<GroupCommand, wire.GroupCommand["command"]>({
    ...identifiable,
    decide: message(wire.DecideCommandSchema, { id: required(transactionId), decision }),
    forget: message(wire.ForgetCommandSchema, { id: required(transactionId) }),
    prepare: message(wire.PrepareCommandSchema, { id: required(transactionId), part: required(part), floor: logIndex }),
    finish: message(wire.FinishCommandSchema, { id: required(transactionId), decision, floor: logIndex }),
    verdicts: message(wire.VerdictsCommandSchema, { changes: list(verdictChange, itemsMax) }),
    own: message(wire.OwnCommandSchema, {
      currentOwner: nullable(nodeId),
      epoch,
      state: ownershipState,
      reason,
      manager: nullable(nodeId),
      atMs: uint64,
    }),
    assign: message(wire.AssignCommandSchema, {
      owner: nodeId,
      epoch,
      reason,
      atMs: uint64,
      isMove: flag,
      isWish: flag,
      lease: required(leaseTerms),
      samples: list(performanceSample, itemsMax),
      manager: nullable(nodeId),
    }),
    advance: message(wire.AdvanceCommandSchema, {
      owner: nullable(nodeId),
      to: nullable(nodeId),
      epoch,
      state: ownershipState,
      reason,
      atMs: uint64,
      manager: nullable(nodeId),
    }),
    failPlacement: message(wire.FailPlacementCommandSchema, {
      epoch,
      error: required(groupError),
      isFinal: flag,
      manager: nullable(nodeId),
    }),
    noteStarts: message(wire.NoteStartsCommandSchema, { epoch, starts: list(ownerStart, itemsMax) }),
    configure: message(wire.ConfigureCommandSchema, { config: configBytes }),
    dispute: message(wire.DisputeCommandSchema, { hashes: required(stateHashes) }),
    settle: message(wire.SettleCommandSchema, { index: logIndex }),
    renewLease: message(wire.RenewLeaseCommandSchema, { id: uint64 }),
    expireLeases: message(wire.ExpireLeasesCommandSchema, { term, leases: list(leaseRef, itemsMax) }),
    checkpointLeases: message(wire.CheckpointLeasesCommandSchema, { leases: list(leaseRemaining, itemsMax) }),
    identified: message(wire.IdentifiedCommandSchema, {
      identity: required(requestIdentity),
      digest: hash64,
      command: union<IdentifiableCommand, wire.IdentifiedCommand["command"]>(identifiable),
    }),
    openSession: message(wire.OpenSessionCommandSchema, { session: word, ttlMs: wholeMs }),
    closeSession: message(wire.CloseSessionCommandSchema, { session: word }),
    expireSessions: message(wire.ExpireSessionsCommandSchema, { sessions: list(requestIdentity, itemsMax) }),
  }),
);

const clusterCommand = only(
  wire.ClusterCommandSchema,
  "command",
  union<ClusterCommand, wire.ClusterCommand["command"]>({
    events: message(wire.EventsCommandSchema, { atMs: uint64, changes: list(clusterChange, itemsMax) }),
    createGroup: message(wire.CreateGroupCommandSchema, { atMs: uint64, entry: required(directoryEntry) }),
    ownersChanged: message(wire.OwnersChangedCommandSchema, { atMs: uint64, entries: list(directoryEntry, itemsMax) }),
    recoverGroup: message(wire.RecoverGroupCommandSchema, {
      atMs: uint64,
      group: groupId,
      recovery: required(groupRecovery),
      reason,
    }),
    intendNode: message(wire.IntendNodeCommandSchema, { atMs: uint64, node: nodeId, wanted: intent, reason }),
    votersChanged: message(wire.VotersChangedCommandSchema, { atMs: uint64, by: nodeId, reason }),
    intentsKept: message(wire.IntentsKeptCommandSchema, { kept: list(keptIntent, itemsMax) }),
    verdicts: message(wire.ClusterVerdictsCommandSchema, { atMs: uint64, changes: list(verdictChange, itemsMax) }),
  }),
);

/** Encodes to at most 2 MiB, as an entry's payload may hold. Byte fields of a decoded command are views. */
export const { encode: encodeGroupCommand, decode: decodeGroupCommand } = inBytes(
  wire.GroupCommandSchema,
  groupCommand,
  rowBytesMax,
);

/** As for {@link encodeGroupCommand}, in the log of the cluster group. */
export const { encode: encodeClusterCommand, decode: decodeClusterCommand } = inBytes(
  wire.ClusterCommandSchema,
  clusterCommand,
  rowBytesMax,
);
