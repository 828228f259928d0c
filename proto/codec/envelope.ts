// Everything that nodes say to each other (proto/messages.ts), as the bytes of one frame or publication.

import * as wire from "../gen/bailiwick/peer/v1/envelope_pb.ts";
import { GroupRaftSchema } from "../gen/bailiwick/peer/v1/raft_pb.ts";
import type {
  Envelope,
  GroupBeat,
  GroupBeatReply,
  PeerMessage,
  Start,
  StateRow,
  StatusVersion,
  Vouch,
} from "../messages.ts";
import {
  anyMemberId,
  boot,
  bootOrNone,
  incarnation,
  logIndex,
  memberId,
  revision,
  term,
  uint64,
  wholeMs,
} from "./integers.ts";
import { directoryEntry, groupSummary, keptIntent, owners, recoveryStatus, statusComponent } from "./model.ts";
import { performanceSample } from "./placements.ts";
import { entries, entryId, raftBeat, raftBeatReply, raftMessage } from "./raft.ts";
import { reply, watchMessage } from "./replies.ts";
import { request } from "./requests.ts";
import { bytes, clusterId, flag, groupId, hash64, nodeId, stateHash, text } from "./scalars.ts";
import { inBytes, list, message, nullable, required, tagged, union } from "./structure.ts";
import { wireLimits } from "./wire-limits.ts";

const { itemsMax } = wireLimits;

/** Fields of every message between two members of a group. */
const addressed = { group: groupId, incarnation, fromMember: memberId, toMember: anyMemberId };

const groupBeat = message<GroupBeat, typeof wire.GroupBeatSchema>(wire.GroupBeatSchema, {
  ...addressed,
  beat: required(tagged<GroupBeat["beat"], NonNullable<wire.GroupBeat["beat"]>>("beat", raftBeat)),
});

const groupBeatReply = message<GroupBeatReply, typeof wire.GroupBeatReplySchema>(wire.GroupBeatReplySchema, {
  ...addressed,
  reply: required(
    tagged<GroupBeatReply["reply"], NonNullable<wire.GroupBeatReply["reply"]>>("beatReply", raftBeatReply),
  ),
});

const vouch = nullable(message<Vouch, typeof wire.VouchSchema>(wire.VouchSchema, { groups: uint64, digest: hash64 }));

const stateRow = message<StateRow, typeof wire.StateRowSchema>(wire.StateRowSchema, {
  key: bytes(wireLimits.rowKeyBytesMax),
  value: bytes(wireLimits.rowBytesMax),
});
const rows = list(stateRow, itemsMax);

const statusVersion = message<StatusVersion, typeof wire.StatusVersionSchema>(wire.StatusVersionSchema, {
  group: groupId,
  incarnation,
  node: nullable(nodeId),
  index: logIndex,
});

const start = message<Start, typeof wire.StartSchema>(wire.StartSchema, { boot, nonce: hash64, lap: uint64 });

const peerMessage = union<PeerMessage, wire.Envelope["message"]>({
  raft: message(GroupRaftSchema, { ...addressed, message: raftMessage }),
  beat: message(wire.BeatSchema, {
    sequence: uint64,
    clusterIndex: logIndex,
    groups: list(groupBeat, itemsMax),
    vouch,
  }),
  beatEcho: message(wire.BeatEchoSchema, {
    sequence: uint64,
    clusterIndex: logIndex,
    quarantine: text(wireLimits.textCharsMax),
    groups: list(groupBeatReply, itemsMax),
    agreed: vouch,
  }),
  snapshotPart: message(wire.SnapshotPartSchema, {
    ...addressed,
    term,
    last: required(entryId),
    sequence: uint64,
    rows,
    final: flag,
    stateHash,
  }),
  snapshotAck: message(wire.SnapshotAckSchema, {
    ...addressed,
    term,
    last: required(entryId),
    next: uint64,
  }),
  invite: message(wire.InviteSchema, { ...addressed, isWitness: flag, lostIn: nullable(hash64) }),
  departed: message(wire.DepartedSchema, { ...addressed, index: logIndex, owners }),
  stateQuestion: message(wire.StateQuestionSchema, { ...addressed, index: logIndex, format: uint64 }),
  stateAnswer: message(wire.StateAnswerSchema, { ...addressed, index: logIndex, format: uint64, hash: hash64 }),
  stateVerdict: message(wire.StateVerdictSchema, {
    ...addressed,
    index: logIndex,
    format: uint64,
    hash: hash64,
    holders: owners,
  }),
  replicaLost: message(wire.ReplicaLostSchema, { group: groupId, incarnation, member: memberId, start: hash64 }),
  ownersReport: message(wire.OwnersReportSchema, { entry: required(directoryEntry) }),
  intentReport: message(wire.IntentReportSchema, { kept: required(keptIntent) }),
  statuses: message(wire.StatusesSchema, {
    components: list(statusComponent, itemsMax),
    summaries: list(groupSummary, itemsMax),
  }),
  performance: message(wire.PerformanceSchema, { sample: required(performanceSample) }),
  statusDigest: message(wire.StatusDigestSchema, { versions: list(statusVersion, itemsMax), answer: flag }),
  clusterNews: message(wire.ClusterNewsSchema, { term, index: logIndex, entries }),
  clusterPull: message(wire.ClusterPullSchema, { after: logIndex }),
  clusterEntries: message(wire.ClusterEntriesSchema, { after: logIndex, entries }),
  clusterState: message(wire.ClusterStateSchema, { last: required(entryId), rows }),
  verdictReport: message(wire.VerdictReportSchema, { component: required(statusComponent) }),
  verdictPoll: message(wire.VerdictPollSchema, { node: nodeId, status: recoveryStatus }),
  forward: message(wire.ForwardSchema, { call: uint64, budgetMs: wholeMs, request: required(request) }),
  forwardReply: message(wire.ForwardReplySchema, { call: uint64, reply: required(reply) }),
  forwardCancel: message(wire.ForwardCancelSchema, { call: uint64 }),
  forwardWatch: message(wire.ForwardWatchSchema, {
    call: uint64,
    message: required(watchMessage),
    part: uint64,
    more: flag,
  }),
  forwardDrained: message(wire.ForwardDrainedSchema, { call: uint64, through: revision, page: uint64 }),
  hello: message(wire.HelloSchema, {
    lineage: list(start, wireLimits.lineageMax),
    answer: flag,
    isAnew: flag,
    anewSince: bootOrNone,
  }),
  helloAccepted: message(wire.HelloAcceptedSchema, { start: required(start) }),
  helloRefused: message(wire.HelloRefusedSchema, { remembered: required(start) }),
  lap: message(wire.LapSchema, { start: required(start) }),
});

const envelope = message<Envelope, typeof wire.EnvelopeSchema>(wire.EnvelopeSchema, {
  cluster: clusterId,
  from: nodeId,
  boot,
  message: peerMessage,
});

/** At most 16 MiB. Byte fields of a decoded envelope are views into the frame, which must not change afterwards. */
export const { encode: encodeEnvelope, decode: decodeEnvelope } = inBytes(
  wire.EnvelopeSchema,
  envelope,
  wireLimits.frameBytesMax,
);
