// The first rows of a node: the cluster as the bootstrap file describes it, and an empty replica of each of its groups.

import {
  type BootNumber,
  type ClusterId,
  clusterGroup,
  type MemberId,
  type NodeId,
  toIncarnation,
  toLogIndex,
  toTerm,
} from "../../proto/ids.ts";
import { founderId } from "../../proto/membership.ts";
import type { Start } from "../../proto/messages.ts";
import type { GroupKey, GroupObject, NodeRecord } from "../../proto/model.ts";
import type { EntryId } from "../../proto/raft.ts";
import { bytesOf } from "../../storage/bytes.ts";
import { encodeGroupRecord, type GroupRecord } from "../../storage/group-record.ts";
import { groupKey, metaKey, type Slot } from "../../storage/keys.ts";
import { LogStore } from "../../storage/log-store.ts";
import type { Operation } from "../../storage/ordered-store.ts";
import { encodeStarts } from "../../storage/start-record.ts";
import type { LeaseRead } from "../raft/types.ts";
import { ledgerMark } from "./allocations.ts";
import { Applier, type ReplicatedState } from "./applier.ts";
import { ClusterState } from "./cluster-state.ts";
import { GroupState } from "./group-state.ts";
import { presentOf } from "./lineage.ts";
import type { VoterReplacement } from "./voter-replacement.ts";

/** The bootstrap file, checked: every owner and voter is one of the nodes. */
export interface Bootstrap {
  readonly cluster: ClusterId;
  readonly nodes: readonly NodeRecord[];
  /** Of incarnation 1. */
  readonly groups: readonly GroupObject[];
  /** Of the cluster group; odd in number. */
  readonly voters: readonly NodeId[];
  /** The same on every node, whatever group it holds; null: every linearizable read takes a round. */
  readonly leaseRead: LeaseRead | null;
  /** As the node that leads the cluster group has it. */
  readonly voterReplacement: VoterReplacement;
}

export interface Genesis {
  readonly bootstrap: Bootstrap;
  readonly self: NodeId;
  readonly start: Start;
  /** Not null: the node has been here before and lost its data. It gets no replica, and so can neither vote nor acknowledge. */
  readonly quarantine: string | null;
}

/** Incarnation of the cluster group of a cluster that was never recovered by force. */
const firstIncarnation = toIncarnation(1);
/**
 * Of all that a node stores. Whoever changes the format of any record raises it too: data of another number is refused and
 * left alone, while a record of a number that is not known is damage.
 */
export const formatVersion = "3";
/**
 * Data of format 1 has a row for each entry of a log, that of 2 no ledger of what runs on the node and no record of placements.
 * It is read, and becomes data of the present format with the start that does.
 */
export const readableFormats: readonly string[] = ["1", "2", formatVersion];
/** Where every log begins. */
export const logStart: EntryId = { term: toTerm(0), index: toLogIndex(0) };

/** To be written in one synced batch, into an empty store. */
export function genesisOperations(genesis: Genesis): readonly Operation[] {
  const { bootstrap, self, start, quarantine } = genesis;
  const isHealthy = quarantine === null;
  const isVoter = isHealthy && bootstrap.voters.includes(self);
  const own = isHealthy ? bootstrap.groups.filter((group) => group.owners.includes(self)) : [];
  const clusterKey = { group: clusterGroup, incarnation: firstIncarnation };
  return [
    putMeta("nodeId", self),
    putMeta("clusterId", bootstrap.cluster),
    ...bootOperations([start], quarantine),
    ...replicaOperations(clusterKey, ClusterState.genesis(bootstrap, 0), {
      role: isVoter ? "owner" : "learner",
      member: founderId,
    }),
    ...own.flatMap((object, position) => newGroupOperations(object, position + 1)),
    ...(isHealthy ? [ledgerMark(start.boot)] : []),
  ];
}

/**
 * To be written, synced, at every start before the node does anything.
 *
 * @param lineage ends with this start
 */
export function bootOperations(lineage: readonly Start[], quarantine: string | null): readonly Operation[] {
  const start = presentOf(lineage);
  const mark = quarantine === null ? [] : anewOperations(quarantine, start.boot);
  return [
    putMeta("formatVersion", formatVersion),
    putMeta("bootNumber", String(start.boot)),
    { type: "put", key: metaKey("lineage"), value: encodeStarts(lineage.slice(0, -1)) },
    ...startOperations(start),
    ...mark,
  ];
}

/** How far the present start has come. */
export function startOperations(start: Start): readonly Operation[] {
  return [{ type: "put", key: metaKey("start"), value: encodeStarts([start]) }];
}

/**
 * Puts a node into quarantine for good, in the start `boot`: it no longer votes in the cluster database either, but only
 * follows its log.
 */
export function quarantineOperations(
  database: GroupKey & { readonly slot: Slot; readonly member: MemberId },
  reason: string,
  boot: BootNumber,
): readonly Operation[] {
  return [...anewOperations(reason, boot), ...stepDownOperations(database)];
}

/** The node follows the cluster database from now on, without a vote. */
export function stepDownOperations(
  database: GroupKey & { readonly slot: Slot; readonly member: MemberId },
): readonly Operation[] {
  const { slot, member } = database;
  return [putGroupRecord(database, { slot, role: "learner", member })];
}

/** What the node promised before the start `boot` is given up, and stays so when the quarantine is over. */
function anewOperations(reason: string, boot: BootNumber): readonly Operation[] {
  return [putMeta("quarantine", reason), putMeta("anewSince", String(boot))];
}

/** Starts up to `boot` that the node's lineage does not hold are given up: its next start has a higher number. */
export function disownOperations(boot: BootNumber): readonly Operation[] {
  return [putMeta("disowned", String(boot))];
}

/** The node holds whole replicas of all that it owns again. */
export function releaseOperations(): readonly Operation[] {
  return [{ type: "delete", key: metaKey("quarantine") }];
}

/** The replica of a group that this node holds from now on, in a slot that holds nothing. */
export function newGroupOperations(object: GroupObject, slot: Slot, member = founderId): readonly Operation[] {
  return replicaOperations(object, GroupState.genesis(object, slot), { role: "owner", member });
}

function replicaOperations(
  key: GroupKey,
  state: ReplicatedState<unknown>,
  { role, member }: Pick<GroupRecord, "role" | "member">,
): readonly Operation[] {
  const { slot } = state.rows;
  const log = role === "owner" ? LogStore.create(slot, logStart).operations : [];
  return [putGroupRecord(key, { slot, role, member }), ...log, ...new Applier(state, logStart).takeOperations()];
}

export function putGroupRecord({ group, incarnation }: GroupKey, record: GroupRecord): Operation {
  return { type: "put", key: groupKey(group, incarnation), value: encodeGroupRecord(record) };
}

function putMeta(field: Parameters<typeof metaKey>[0], value: string): Operation {
  return { type: "put", key: metaKey(field), value: bytesOf(value) };
}
