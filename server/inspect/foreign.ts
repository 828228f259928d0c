// Records that do not belong on a disk: judged by the cluster database on that very disk, with the rules by which nodes
// themselves accept and keep records (sphere/holding.ts). The group record of the system group is everyone's.

import { decodeAllocationRecord } from "../../proto/codec/allocations.ts";
import { decodeGroupSummary, decodeStatusComponent } from "../../proto/codec/records.ts";
import { clusterGroup, compareNames, type GroupId, type NodeId } from "../../proto/ids.ts";
import type { GroupKey } from "../../proto/model.ts";
import type { Slot } from "../../storage/keys.ts";
import { decodeStarts } from "../../storage/start-record.ts";
import type { Directory } from "../sphere/directory.ts";
import { mayHoldComponent, mayHoldSummary } from "../sphere/holding.ts";
import type {
  AllocationRow,
  DiskContent,
  PeerStartRow,
  SlotContent,
  StatusRow,
  StoredGroup,
  SummaryRow,
} from "./disk-content.ts";
import { type ReplicaContent, readReplica } from "./replica-content.ts";

/** A record that does not belong where it is. */
export interface ForeignRecord {
  readonly kind: "group" | "slot" | "nodeStatus" | "interlock" | "peerStart" | "allocation" | "unknown";
  /** The group, node or slot that it is about; a key in hexadecimal where there is none. */
  readonly name: string;
  readonly problem: string;
}

export interface Judge {
  readonly self: NodeId;
  /** Empty when the cluster database is missing: then nothing but what the groups' own objects say belongs here. */
  readonly directory: Directory;
  /** Of the cluster group. */
  readonly voters: readonly NodeId[];
  /** Stored replicas of resource groups. */
  readonly replicas: readonly { readonly record: StoredGroup; readonly content: ReplicaContent }[];
}

/** By kind and name. */
export function findForeign(content: DiskContent, judge: Judge): readonly ForeignRecord[] {
  const found = [
    ...judgeCluster(judge),
    ...judge.replicas.flatMap((replica) => judgeReplica(replica, judge)),
    ...content.groups.flatMap((record) => judgeWitness(record, content)),
    ...judgeSlots(content, judge),
    ...content.statuses.flatMap((row) => judgeStatus(row, judge)),
    ...content.summaries.flatMap((row) => judgeSummary(row, judge)),
    ...content.peerStarts.flatMap((row) => judgePeerStart(row, judge)),
    ...content.allocations.flatMap(judgeAllocation),
    ...content.unknown.map(({ key, problem }) => ({ kind: "unknown" as const, name: key, problem })),
  ];
  return found.toSorted((left, right) => compareNames(`${left.kind} ${left.name}`, `${right.kind} ${right.name}`));
}

function judgeCluster({ directory }: Judge): ForeignRecord[] {
  if (directory.nodes.length > 0) return [];
  return [{ kind: "group", name: clusterGroup, problem: "the cluster database is missing or damaged" }];
}

function judgeReplica(
  { record, content }: { readonly record: StoredGroup; readonly content: ReplicaContent },
  judge: Judge,
): ForeignRecord[] {
  const foreign = (problem: string): ForeignRecord => ({ kind: "group", name: record.group, problem });
  const found = content.damaged.map(foreign);
  const { object } = content;
  if (!isOwned(record, content, judge)) {
    found.push(foreign(`${judge.self} is not an owner of group ${record.group}, yet holds its object and keys`));
  }
  if (object === null) return [...found, foreign(`group ${record.group} has no object in slot ${record.slot}`)];
  if (object.group !== record.group) {
    found.push(foreign(`slot ${record.slot} of group ${record.group} holds the object of group ${object.group}`));
  }
  for (const node of content.judged.filter((one) => !object.owners.includes(one))) {
    found.push(foreign(`group ${record.group} holds a verdict on ${node}, which is not one of its owners`));
  }
  return found;
}

/** The directory may lag behind a new group; then the group's own object says who owns it. */
function isOwned(key: GroupKey, { object }: ReplicaContent, { self, directory }: Judge): boolean {
  const entry = directory.group(key.group);
  if (entry !== null && entry.incarnation >= key.incarnation) {
    return entry.incarnation === key.incarnation && directory.owns(self, key.group);
  }
  return object?.group === key.group && object.owners.includes(self);
}

/** A witness votes and stores no data (C2). */
function judgeWitness({ group, role, slot }: StoredGroup, { slots }: DiskContent): ForeignRecord[] {
  const content = role === "witness" ? slots.get(slot) : undefined;
  if (content === undefined || (content.keys.size === 0 && content.logRuns === 0)) return [];
  return [{ kind: "group", name: group, problem: `a witness of group ${group} holds data of it in slot ${slot}` }];
}

/**
 * Slots that no group record names. One that belongs to a group of this node is left from an installation that is under way
 * or was cut short, and harms nobody.
 */
function judgeSlots(content: DiskContent, judge: Judge): ForeignRecord[] {
  const named = new Set<Slot>(content.groups.map(({ slot }) => slot));
  return [...content.slots.values()]
    .filter((slot) => !named.has(slot.slot))
    .flatMap((slot) => judgeLooseSlot(slot, judge));
}

function judgeLooseSlot(slot: SlotContent, judge: Judge): ForeignRecord[] {
  const replica = readReplica(slot);
  const { object } = replica;
  if (object !== null && isOwned(object, replica, judge)) return [];
  const whose = object === null ? "an unknown group" : `group ${object.group}`;
  return [
    { kind: "slot", name: String(slot.slot), problem: `no group record names this slot; it holds rows of ${whose}` },
  ];
}

function judgeStatus({ node, group, value }: StatusRow, { self, directory }: Judge): ForeignRecord[] {
  const foreign = (problem: string): ForeignRecord[] => [{ kind: "nodeStatus", name: node, problem }];
  const component = decoded(value, decodeStatusComponent);
  if (component === null) return foreign(`the status of ${node} by group ${group} is damaged`);
  if (component.node !== node || component.group !== group) {
    return foreign(`the status of ${node} by group ${group} is that of ${component.node} by ${component.group}`);
  }
  if (mayHoldComponent(component, directory, self)) return [];
  return foreign(`the status of ${node} by group ${group} does not belong in the sphere of ${self}`);
}

function judgeSummary({ group, value }: SummaryRow, { self, directory }: Judge): ForeignRecord[] {
  const foreign = (problem: string): ForeignRecord[] => [{ kind: "interlock", name: group as GroupId, problem }];
  const summary = decoded(value, decodeGroupSummary);
  if (summary === null) return foreign(`the summary of group ${group} is damaged`);
  if (summary.group !== group) return foreign(`the summary of group ${group} is that of group ${summary.group}`);
  if (mayHoldSummary(summary, directory, self)) return [];
  return foreign(`group ${group} is not interlocked with a group of ${self}, or is its own`);
}

/** Of the nodes that share a group with this one, the cluster database included, and of no others. */
function judgePeerStart({ node, value }: PeerStartRow, { self, directory, voters }: Judge): ForeignRecord[] {
  const foreign = (problem: string): ForeignRecord[] => [{ kind: "peerStart", name: node, problem }];
  if (decodeStarts(value)?.length !== 1) return foreign(`the record of the newest start of ${node} is damaged`);
  const isFellow = directory.sphereOf(self).includes(node) || (voters.includes(self) && voters.includes(node));
  return isFellow ? [] : foreign(`${node} shares no group with ${self}, yet its newest start is remembered`);
}

/** Also of a group that the node owns no more: what runs there holds what it uses until it has stopped. */
function judgeAllocation({ group, value }: AllocationRow): ForeignRecord[] {
  const allocation = decoded(value, decodeAllocationRecord)?.reservation;
  if (allocation?.group === group) return [];
  const what = allocation === undefined ? "damaged" : `that of group ${allocation.group}`;
  return [{ kind: "allocation", name: group, problem: `the allocation of group ${group} is ${what}` }];
}

function decoded<Value>(bytes: Uint8Array, decode: (bytes: Uint8Array) => Value): Value | null {
  try {
    return decode(bytes);
  } catch {
    return null;
  }
}
