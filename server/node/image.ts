// What a node finds on its disk at a start, read and checked. A generator: it yields the ranges that it needs and is given
// their rows, so that a real process may wait for its disk and the simulator need not. Of slots that no record names no more
// than a first row is read: there may be more of them than fit into memory.

import { decodeGroupSummary, decodeStatusComponent } from "../../proto/codec/records.ts";
import {
  type BootNumber,
  type ClusterId,
  clusterGroup,
  isName,
  type MemberId,
  type NodeId,
  toBootNumber,
  toClusterId,
  toNodeId,
} from "../../proto/ids.ts";
import type { Start, StateRow } from "../../proto/messages.ts";
import type { GroupKey, GroupSummary, StatusComponent } from "../../proto/model.ts";
import { bytesOf, textOf } from "../../storage/bytes.ts";
import { decodeGroupRecord, type GroupRecord } from "../../storage/group-record.ts";
import type { HardStateTable } from "../../storage/hard-state.ts";
import { decodeMark } from "../../storage/hard-state-mark.ts";
import {
  allocationRange,
  everyRange,
  groupRange,
  hardStateMarkRange,
  interlockRange,
  type MetaField,
  metaRange,
  nodeStatusRange,
  parseKey,
  peerStartRange,
  rangeAfter,
  type Slot,
  slotRange,
  slotsRange,
  tailOfRow,
} from "../../storage/keys.ts";
import { LogStore } from "../../storage/log-store.ts";
import type { KeyRange, Row } from "../../storage/ordered-store.ts";
import { decodeStarts } from "../../storage/start-record.ts";
import { ClusterState } from "./cluster-state.ts";
import { readableFormats } from "./genesis.ts";
import { GroupState } from "./group-state.ts";
import { HardStates, type MemberKey } from "./hard-states.ts";
import type { MembersRow } from "./members-row.ts";
import { type ReplicaRows, sortOut } from "./replica-rows.ts";

export interface ReplicaImage<State> extends GroupKey {
  readonly role: GroupRecord["role"];
  readonly member: MemberId;
  readonly rows: ReplicaRows;
  readonly state: State;
  /** null for a learner, which keeps no log. */
  readonly log: LogStore | null;
  readonly entries: Parameters<LogStore["append"]>[0]["entries"];
}

/** A group of which nothing is stored but a number: as a witness, or as one that is gone. */
export interface SeatImage extends MemberKey {
  readonly role: "witness" | "gone";
}

/** Whose data it is, and how often it was started on. */
export interface DataIdentity {
  readonly node: NodeId;
  readonly cluster: ClusterId;
  readonly boot: BootNumber;
}

export interface NodeImage extends DataIdentity {
  /** This node's starts, oldest first, the present one last; empty on data from before there was a record of them. */
  readonly lineage: readonly Start[];
  /** Newest start seen of each peer. */
  readonly peerStarts: ReadonlyMap<NodeId, Start>;
  /** Why the node takes no part in its groups; null: it does. */
  readonly quarantine: string | null;
  /** The start in which it was quarantined last: what it promised before is given up. 0: it never was. */
  readonly anewSince: BootNumber;
  /** Starts up to this one that are none of this lineage are given up, and none of it will have such a number. 0: none are. */
  readonly disowned: BootNumber;
  readonly hardStates: HardStateTable;
  /** Of the hard state that was durable at least; 0: not on record. An older one has lost votes. */
  readonly generation: number;
  readonly nextSlot: Slot;
  readonly database: ReplicaImage<ClusterState>;
  readonly groups: readonly ReplicaImage<GroupState>[];
  readonly seats: readonly SeatImage[];
  readonly statuses: readonly StatusComponent[];
  readonly summaries: readonly GroupSummary[];
  /** The ledger of what runs on this node. */
  readonly allocations: readonly Row[];
  /** Rows of slots that no record names, to be erased: what a crash left of replaced replicas. */
  readonly unnamed: readonly KeyRange[];
}

export type Stored =
  | { readonly type: "empty" }
  | { readonly type: "image"; readonly image: NodeImage }
  /** Another version of this software has written it, and nothing is wrong with it. */
  | { readonly type: "otherFormat"; readonly reason: string }
  /** Something that must be there is not, or is not what it should be: the node must not run on it. */
  | { readonly type: "damaged"; readonly reason: string; readonly identity: DataIdentity | null };

/** A range of which all rows are wanted, in order, or the first alone. */
export interface Wanted {
  readonly range: KeyRange;
  readonly rows: "all" | "first";
}

/** Asks for rows; answer each with those that are there. */
export type Reading<Result> = Generator<Wanted, Result, readonly Row[]>;

/** @param hardStates the table that was durable at the last stop */
export function* readNode(hardStates: HardStateTable): Reading<Stored> {
  const meta = readMeta(yield all(metaRange()));
  const identity = identityIn(meta);
  if (meta.size === 0) {
    // The mark goes with the hard state, which is written before the first rows.
    const rest = (yield all(everyRange())).filter(({ key }) => parseKey(key).type !== "hardStateMark");
    const reason = `${rest.length} rows are there without the record of whose they are`;
    return rest.length === 0 ? { type: "empty" } : { type: "damaged", reason, identity };
  }
  const format = meta.get("formatVersion") ?? "";
  if (!readableFormats.includes(format) && /^\d+$/.test(format)) {
    const reason = `the data has format ${format}, this version reads ${readableFormats.join(", ")}`;
    return { type: "otherFormat", reason };
  }
  const records = readRecords(yield all(groupRange()));
  const slots = yield* readSlots(slotsOf(records));
  const statuses = yield all(nodeStatusRange(null));
  const summaries = yield all(interlockRange());
  const marks = yield all(hardStateMarkRange());
  const peerStarts = yield all(peerStartRange());
  const allocations = yield all(allocationRange());
  try {
    const image = assemble({ meta, records, slots, hardStates, statuses, summaries, marks, peerStarts, allocations });
    return typeof image === "string" ? { type: "damaged", reason: image, identity } : { type: "image", image };
  } catch (reason) {
    return { type: "damaged", reason: reason instanceof Error ? reason.message : String(reason), identity };
  }
}

interface Parts {
  readonly meta: ReadonlyMap<MetaField, string>;
  readonly records: readonly (GroupKey & { readonly record: GroupRecord | string })[];
  readonly slots: SlotRows;
  readonly hardStates: HardStateTable;
  readonly statuses: readonly Row[];
  readonly summaries: readonly Row[];
  readonly marks: readonly Row[];
  readonly peerStarts: readonly Row[];
  readonly allocations: readonly Row[];
}

function assemble(parts: Parts): NodeImage | string {
  const { meta, records, slots, hardStates } = parts;
  const identity = identityIn(meta);
  if (identity === null || !readableFormats.includes(meta.get("formatVersion") ?? ""))
    return "the record of whose data it is is damaged";
  const generation = parts.marks[0] === undefined ? 0 : decodeMark(parts.marks[0].value);
  if (typeof generation === "string") return generation;
  const states = new HardStates(hardStates);
  let database: ReplicaImage<ClusterState> | null = null;
  const groups: ReplicaImage<GroupState>[] = [];
  const seats: SeatImage[] = [];
  for (const { group, incarnation, record } of records) {
    if (typeof record === "string") return `group ${group}: ${record}`;
    if (record.role === "witness" || record.role === "gone") {
      seats.push({ group, incarnation, role: record.role, member: record.member });
      continue;
    }
    const stored = { key: { group, incarnation }, record, rows: slots.named.get(record.slot) ?? [], states };
    const image =
      group === clusterGroup ? readReplica(stored, ClusterState.restore) : readReplica(stored, GroupState.restore);
    if (typeof image === "string") return `group ${group}: ${image}`;
    if (image.state instanceof ClusterState) database = { ...image, state: image.state };
    else groups.push({ ...image, state: image.state });
  }
  if (database === null) return "the cluster database is missing";
  const anewSince = toBootNumber(Number(meta.get("anewSince") ?? 0));
  const disowned = toBootNumber(Number(meta.get("disowned") ?? 0));
  if (![anewSince, disowned].every(Number.isSafeInteger)) return "the record of the last quarantine is damaged";
  const lost = lostReplica(hardStates, records);
  if (lost !== null) return `the record of group ${lost} is missing, in which something was acknowledged`;
  const lineage = readLineage(meta);
  if (lineage === null) return "the record of this node's starts is damaged";
  const peerStarts = readPeerStarts(parts.peerStarts);
  if (typeof peerStarts === "string") return peerStarts;
  return {
    ...identity,
    lineage,
    peerStarts,
    quarantine: meta.get("quarantine") ?? null,
    anewSince,
    disowned,
    hardStates: hardStates.filter((row) => !isRetired(row, records)),
    generation,
    nextSlot: slots.last + 1,
    database,
    groups,
    seats,
    statuses: parts.statuses.map((row) => decodeStatusComponent(row.value)),
    summaries: parts.summaries.map((row) => decodeGroupSummary(row.value)),
    allocations: parts.allocations,
    unnamed: slots.unnamed,
  };
}

/** The record was durable before the first acknowledgement; a vote alone may be left of a group that was being made. */
function lostReplica(hardStates: HardStateTable, records: readonly GroupKey[]): GroupKey["group"] | null {
  const kept = (row: GroupKey) =>
    records.some(({ group, incarnation }) => group === row.group && incarnation === row.incarnation);
  return hardStates.find((row) => row.acknowledged > 0 && !kept(row))?.group ?? null;
}

/** What a crash has left of a member whose record was durable as gone, or as that of a later one. */
function isRetired(row: MemberKey, records: Parts["records"]): boolean {
  return records.some(({ group, incarnation, record }) => {
    if (group !== row.group || incarnation !== row.incarnation || typeof record === "string") return false;
    return row.member < record.member || (row.member === record.member && record.role === "gone");
  });
}

interface StoredReplica {
  readonly key: GroupKey;
  readonly record: GroupRecord;
  readonly rows: readonly Row[];
  readonly states: HardStates;
}

function readReplica<State extends { readonly members: MembersRow }>(
  stored: StoredReplica,
  restore: (rows: ReplicaRows) => State | string,
): ReplicaImage<State> | string {
  const { key, record } = stored;
  const logRows: Row[] = [];
  const stateRows: StateRow[] = [];
  for (const row of stored.rows) {
    const { type } = parseKey(row.key);
    if (type === "log" || type === "logBoundary") logRows.push(row);
    else stateRows.push({ key: tailOfRow(row.key), value: row.value });
  }
  const rows = sortOut(record.slot, stateRows);
  if (typeof rows === "string") return rows;
  const state = restore(rows);
  if (typeof state === "string") return state;
  const image = { ...key, role: record.role, member: record.member, rows, state };
  if (record.role !== "owner") return { ...image, log: null, entries: [] };
  const acknowledged = stored.states.acknowledged({ ...key, member: record.member });
  const log = LogStore.load(record.slot, logRows, acknowledged);
  if (log.type === "damaged") return `${log.reason} (at index ${log.at})`;
  const { index } = rows.applied;
  if (index < log.previous.index || index > log.store.last.index) {
    return `the state is as of index ${index}, the log holds ${log.previous.index} to ${log.store.last.index}`;
  }
  return { ...image, log: log.store, entries: log.entries };
}

function readMeta(rows: readonly Row[]): ReadonlyMap<MetaField, string> {
  const fields = new Map<MetaField, string>();
  for (const { key, value } of rows) {
    const parsed = parseKey(key);
    if (parsed.type === "meta") fields.set(parsed.field, textOf(value));
  }
  return fields;
}

/** null when a field of it is missing or damaged. */
function identityIn(meta: ReadonlyMap<MetaField, string>): DataIdentity | null {
  const node = meta.get("nodeId") ?? "";
  const cluster = meta.get("clusterId") ?? "";
  const boot = Number(meta.get("bootNumber") ?? "none");
  if (!isName(node) || cluster === "" || !Number.isSafeInteger(boot)) return null;
  return { node: toNodeId(node), cluster: toClusterId(cluster), boot: toBootNumber(boot) };
}

function readLineage(meta: ReadonlyMap<MetaField, string>): readonly Start[] | null {
  const lineage: Start[] = [];
  for (const field of ["lineage", "start"] as const) {
    const text = meta.get(field);
    if (text === undefined) continue;
    const starts = decodeStarts(bytesOf(text));
    if (starts === null) return null;
    lineage.push(...starts);
  }
  return lineage;
}

function readPeerStarts(rows: readonly Row[]): ReadonlyMap<NodeId, Start> | string {
  const starts = new Map<NodeId, Start>();
  for (const { key, value } of rows) {
    const parsed = parseKey(key);
    if (parsed.type !== "peerStart") continue;
    const start = decodeStarts(value)?.[0];
    if (start === undefined) return `the record of the newest start of ${parsed.node} is damaged`;
    starts.set(parsed.node, start);
  }
  return starts;
}

function readRecords(rows: readonly Row[]): Parts["records"] {
  return rows.flatMap(({ key, value }) => {
    const parsed = parseKey(key);
    if (parsed.type !== "group") return [];
    return [{ group: parsed.group, incarnation: parsed.incarnation, record: decodeGroupRecord(value) }];
  });
}

/** What lies under slots on the disk. */
interface SlotRows {
  readonly named: ReadonlyMap<Slot, readonly Row[]>;
  /** As few ranges as hold all other slots, and none that is named. */
  readonly unnamed: readonly KeyRange[];
  /** The highest slot that is named or has a row. */
  readonly last: Slot;
}

/** A group of which nothing is stored but a number has no slot. */
function slotsOf(records: Parts["records"]): ReadonlySet<Slot> {
  const slots = new Set<Slot>();
  for (const { record } of records) {
    if (typeof record !== "string" && record.role !== "witness" && record.role !== "gone") slots.add(record.slot);
  }
  return slots;
}

function* readSlots(names: ReadonlySet<Slot>): Reading<SlotRows> {
  const named = new Map<Slot, readonly Row[]>();
  const found: Slot[] = [];
  let rest = slotsRange();
  for (let slot = yield* firstSlot(rest); slot !== null; slot = yield* firstSlot(rest)) {
    const range = slotRange(slot);
    if (names.has(slot))
      named.set(
        slot,
        (yield all(range)).filter(({ key }) => "slot" in parseKey(key)),
      );
    found.push(slot);
    rest = { start: range.end, end: rest.end };
  }
  return { named, unnamed: rangesWithout(names, found), last: Math.max(0, ...names, found.at(-1) ?? 0) };
}

/** null: no slot has rows there. */
function* firstSlot(range: KeyRange): Reading<Slot | null> {
  for (let rest = range; ; ) {
    const [row] = yield first(rest);
    if (row === undefined) return null;
    const key = parseKey(row.key);
    if ("slot" in key) return key.slot;
    rest = rangeAfter(rest, row.key);
  }
}

function rangesWithout(names: ReadonlySet<Slot>, found: readonly Slot[]): readonly KeyRange[] {
  const runs: { readonly start: Uint8Array; end: Uint8Array }[] = [];
  let wasNamed = true;
  for (const slot of found) {
    const run = wasNamed ? undefined : runs.at(-1);
    wasNamed = names.has(slot);
    if (wasNamed) continue;
    if (run === undefined) runs.push({ ...slotRange(slot) });
    else run.end = slotRange(slot).end;
  }
  return runs;
}

function all(range: KeyRange): Wanted {
  return { range, rows: "all" };
}

function first(range: KeyRange): Wanted {
  return { range, rows: "first" };
}
