// Every key of a node's ordered store. Integers are big-endian; a name is one length byte and that many of `a-z 0-9 -`.
//
//   00                                                  never a row (the level store's barrier)
//   01 | field                                          meta: 01 format version · 02 node id · 03 cluster id · 04 boot number · 05 why quarantined ·
//                                                          06 earlier starts · 07 present start (start-record.ts) ·
//                                                          08 start in which it was quarantined last ·
//                                                          09 up to which start of other lines it is given up
//   02 | len name | incarnation u64                     group record: slot and role of this node's replica
//   03 | slot u32 | 00                                  log boundary: where the stored log begins
//   03 | slot u32 | 01 | index u64                      log: a run of entries, under the index of the first (log-rows.ts)
//   03 | slot u32 | 02 | table | key …                  state row; tables:
//                        01 | revision u64 | ordinal u32     versions of the group's keys
//                        02 | key …                          config object
//                        03 | node name …                    verdicts on the owners
//                        04 | key …                          ownership
//                        05 | key …                          applied index, revision, state hash
//                        06 | key …                          cluster database: nodes, directory, events
//                        07 | key …                          members of the group, as of the applied index
//                        08 | key …                          hashes of replicas that differ, while none has a quorum
//                        09 | key …                          transactions that the group coordinates
//                        0a | key …                          transactions that it has prepared
//                        0b | group name …                   transactions of other coordinators that are over
//                        0c | node name …                    what operators want of the owners
//                        0d | key …                          what is wanted of the application, and was decided about it
//                        10 | lease u64                      leases
//                        11 | session                        sessions of clients
//                        12 | session | 00 | sequence u64    what their requests were answered
//   04 | len node name | len group name                 component of a node's status, received from that group's manager
//   05 | len name                                       summary of an interlocked group
//   06                                                  hard state mark: how new the slot files outside level are at least
//   07 | len node name                                  newest start seen of a peer that shares a group with this node
//   08                                                  allocation ledger: the start in which it was last made whole
//   08 | len group name                                 allocation of a group whose epoch has begun on this node
//
// A slot is the local number under which one replica is stored, its rows being one range. An installed snapshot is written
// under a fresh slot and put in force by the one group record that names it; the old slot is deleted afterwards.

import { assert } from "../proto/assert.ts";
import { type GroupId, type Incarnation, isName, type LogIndex, type NodeId, type Revision } from "../proto/ids.ts";
import { bytesOf, keyAfter, readUint32, readUint64, writeUint32, writeUint64 } from "./bytes.ts";
import type { KeyRange } from "./ordered-store.ts";

const tags = {
  meta: 1,
  group: 2,
  slot: 3,
  nodeStatus: 4,
  interlock: 5,
  hardStateMark: 6,
  peerStart: 7,
  allocation: 8,
} as const;
const slotKinds = { boundary: 0, log: 1, state: 2 } as const;
const metaFields = {
  formatVersion: 1,
  nodeId: 2,
  clusterId: 3,
  bootNumber: 4,
  quarantine: 5,
  lineage: 6,
  start: 7,
  anewSince: 8,
  disowned: 9,
} as const;
const stateTables = {
  versions: 1,
  object: 2,
  verdicts: 3,
  ownership: 4,
  applied: 5,
  cluster: 6,
  membership: 7,
  dispute: 8,
  coordinated: 9,
  prepared: 10,
  closed: 11,
  intents: 12,
  placement: 13,
  leases: 16,
  sessions: 17,
  answers: 18,
} as const;

export type MetaField = keyof typeof metaFields;
/** Tables whose keys are opaque here; `versions` has its own key functions. */
export type StateTable = Exclude<keyof typeof stateTables, "versions">;
/** 0 to 2^32 - 1, never used twice by a node for two replicas. */
export type Slot = number;

export type ParsedKey =
  | { readonly type: "meta"; readonly field: MetaField }
  | { readonly type: "group"; readonly group: GroupId; readonly incarnation: Incarnation }
  | { readonly type: "logBoundary"; readonly slot: Slot }
  | { readonly type: "log"; readonly slot: Slot; readonly index: LogIndex }
  | { readonly type: "version"; readonly slot: Slot; readonly revision: Revision; readonly ordinal: number }
  | { readonly type: "state"; readonly slot: Slot; readonly table: StateTable; readonly key: Uint8Array }
  | { readonly type: "nodeStatus"; readonly node: NodeId; readonly group: GroupId }
  | { readonly type: "interlock"; readonly group: GroupId }
  | { readonly type: "hardStateMark" }
  | { readonly type: "peerStart"; readonly node: NodeId }
  | { readonly type: "ledgerMark" }
  | { readonly type: "allocation"; readonly group: GroupId }
  /** No key that this version writes. */
  | { readonly type: "unknown" };

export function metaKey(field: MetaField): Uint8Array {
  return Uint8Array.of(tags.meta, metaFields[field]);
}

export function metaRange(): KeyRange {
  return prefixRange(Uint8Array.of(tags.meta));
}

export function groupKey(group: GroupId, incarnation: Incarnation): Uint8Array {
  const name = nameBytes(group);
  const key = new Uint8Array(1 + name.byteLength + 8);
  key[0] = tags.group;
  key.set(name, 1);
  writeUint64(key, 1 + name.byteLength, incarnation);
  return key;
}

/** All group records, in order of name and incarnation. */
export function groupRange(): KeyRange {
  return prefixRange(Uint8Array.of(tags.group));
}

/** Everything that is stored for one replica: what is deleted when it goes. */
export function slotRange(slot: Slot): KeyRange {
  return prefixRange(slotPrefix(slot, 0).subarray(0, 5));
}

/** Every slot's rows, to find those that no group record names. */
export function slotsRange(): KeyRange {
  return prefixRange(Uint8Array.of(tags.slot));
}

export function logBoundaryKey(slot: Slot): Uint8Array {
  return slotPrefix(slot, slotKinds.boundary);
}

/** @param first index of the run's first entry */
export function logKey(slot: Slot, first: LogIndex): Uint8Array {
  const key = slotPrefix(slot, slotKinds.log, 8);
  writeUint64(key, 6, first);
  return key;
}

/** The boundary and all runs after it, in order: what `LogStore.load` takes. */
export function logRange(slot: Slot): KeyRange {
  return { start: slotPrefix(slot, slotKinds.boundary), end: slotPrefix(slot, slotKinds.state) };
}

export function versionKey(slot: Slot, revision: Revision, ordinal: number): Uint8Array {
  const key = slotPrefix(slot, slotKinds.state, 13);
  key[6] = stateTables.versions;
  writeUint64(key, 7, revision);
  writeUint32(key, 15, ordinal);
  return key;
}

/** All versions of a replica's keys, in order of revision: what `Mvcc.restore` takes. */
export function versionRange(slot: Slot): KeyRange {
  return prefixRange(tablePrefix(slot, "versions", 0));
}

export function stateKey(slot: Slot, table: StateTable, key: Uint8Array): Uint8Array {
  const row = tablePrefix(slot, table, key.byteLength);
  row.set(key, 7);
  return row;
}

/** Key of a row of the table `answers`: in order of session and sequence. */
export function answerKey(session: string, sequence: number): Uint8Array {
  const name = bytesOf(session);
  const key = new Uint8Array(name.byteLength + 9);
  key.set(name, 0);
  writeUint64(key, name.byteLength + 1, sequence);
  return key;
}

export function stateRange(slot: Slot, table: StateTable): KeyRange {
  return prefixRange(tablePrefix(slot, table, 0));
}

export function nodeStatusKey(node: NodeId, group: GroupId): Uint8Array {
  return Uint8Array.of(tags.nodeStatus, ...nameBytes(node), ...nameBytes(group));
}

/** A state row's key without its slot: equal on every replica, and what a snapshot carries. A view of `key`. */
export function tailOfRow(key: Uint8Array): Uint8Array {
  return key.subarray(5);
}

/** The inverse of {@link tailOfRow} for this node's slot. */
export function rowOfSlot(slot: Slot, tail: Uint8Array): Uint8Array {
  const key = new Uint8Array(5 + tail.byteLength);
  key[0] = tags.slot;
  writeUint32(key, 1, slot);
  key.set(tail, 5);
  return key;
}

/** Components of one node's status, or of all nodes. */
export function nodeStatusRange(node: NodeId | null): KeyRange {
  return prefixRange(Uint8Array.of(tags.nodeStatus, ...(node === null ? [] : nameBytes(node))));
}

export function interlockKey(group: GroupId): Uint8Array {
  return Uint8Array.of(tags.interlock, ...nameBytes(group));
}

export function interlockRange(): KeyRange {
  return prefixRange(Uint8Array.of(tags.interlock));
}

export function hardStateMarkKey(): Uint8Array {
  return Uint8Array.of(tags.hardStateMark);
}

export function hardStateMarkRange(): KeyRange {
  return prefixRange(hardStateMarkKey());
}

export function peerStartKey(node: NodeId): Uint8Array {
  return Uint8Array.of(tags.peerStart, ...nameBytes(node));
}

export function peerStartRange(): KeyRange {
  return prefixRange(Uint8Array.of(tags.peerStart));
}

export function ledgerMarkKey(): Uint8Array {
  return Uint8Array.of(tags.allocation);
}

export function allocationKey(group: GroupId): Uint8Array {
  return Uint8Array.of(tags.allocation, ...nameBytes(group));
}

/** The whole allocation ledger, its mark first. */
export function allocationRange(): KeyRange {
  return prefixRange(ledgerMarkKey());
}

/** Every row of the store. */
export function everyRange(): KeyRange {
  return { start: new Uint8Array(0), end: new Uint8Array(64).fill(0xff) };
}

/** What is left of a range behind `key`: where the next page of a scan begins. */
export function rangeAfter(range: KeyRange, key: Uint8Array): KeyRange {
  return { start: keyAfter(key), end: range.end };
}

/** Recognises every key above; accepts nothing else, so that a foreign row shows. */
export function parseKey(key: Uint8Array): ParsedKey {
  switch (key[0]) {
    case tags.meta:
      return parseMeta(key);
    case tags.group:
      return parseGroup(key);
    case tags.slot:
      return parseSlot(key);
    case tags.nodeStatus:
      return parseNodeStatus(key);
    case tags.interlock:
      return parseInterlock(key);
    case tags.hardStateMark:
      return key.byteLength === 1 ? { type: "hardStateMark" } : unknown;
    case tags.peerStart:
      return parsePeerStart(key);
    case tags.allocation:
      return key.byteLength === 1 ? { type: "ledgerMark" } : parseAllocation(key);
    default:
      return unknown;
  }
}

const unknown: ParsedKey = { type: "unknown" };

function parseMeta(key: Uint8Array): ParsedKey {
  const field = nameOfNumber(metaFields, key[1]);
  return field === null || key.byteLength !== 2 ? unknown : { type: "meta", field };
}

function parseGroup(key: Uint8Array): ParsedKey {
  const name = readName(key, 1);
  if (name === null || key.byteLength !== name.end + 8) return unknown;
  const incarnation = readUint64(key, name.end);
  if (incarnation === null) return unknown;
  return { type: "group", group: name.text as GroupId, incarnation: incarnation as Incarnation };
}

function parseSlot(key: Uint8Array): ParsedKey {
  if (key.byteLength < 6) return unknown;
  const slot = readUint32(key, 1);
  if (key[5] === slotKinds.boundary) return key.byteLength === 6 ? { type: "logBoundary", slot } : unknown;
  if (key[5] === slotKinds.state) return parseState(key, slot);
  if (key[5] !== slotKinds.log || key.byteLength !== 14) return unknown;
  const index = readUint64(key, 6);
  return index === null ? unknown : { type: "log", slot, index: index as LogIndex };
}

function parseState(key: Uint8Array, slot: Slot): ParsedKey {
  const table = nameOfNumber(stateTables, key[6]);
  if (table === null) return unknown;
  if (table !== "versions") return { type: "state", slot, table, key: new Uint8Array(key.subarray(7)) };
  const revision = key.byteLength === 19 ? readUint64(key, 7) : null;
  if (revision === null) return unknown;
  return { type: "version", slot, revision: revision as Revision, ordinal: readUint32(key, 15) };
}

function parseNodeStatus(key: Uint8Array): ParsedKey {
  const node = readName(key, 1);
  const group = node === null ? null : readName(key, node.end);
  if (node === null || group === null || group.end !== key.byteLength) return unknown;
  return { type: "nodeStatus", node: node.text as NodeId, group: group.text as GroupId };
}

function parseInterlock(key: Uint8Array): ParsedKey {
  const group = readName(key, 1);
  return group === null || group.end !== key.byteLength ? unknown : { type: "interlock", group: group.text as GroupId };
}

function parsePeerStart(key: Uint8Array): ParsedKey {
  const node = readName(key, 1);
  return node === null || node.end !== key.byteLength ? unknown : { type: "peerStart", node: node.text as NodeId };
}

function parseAllocation(key: Uint8Array): ParsedKey {
  const group = readName(key, 1);
  return group === null || group.end !== key.byteLength
    ? unknown
    : { type: "allocation", group: group.text as GroupId };
}

function slotPrefix(slot: Slot, kind: number, tailBytes = 0): Uint8Array {
  assert(Number.isInteger(slot) && slot >= 0 && slot < 2 ** 32, () => `slot ${slot} is not a 32-bit integer`);
  const key = new Uint8Array(6 + tailBytes);
  key[0] = tags.slot;
  writeUint32(key, 1, slot);
  key[5] = kind;
  return key;
}

function tablePrefix(slot: Slot, table: keyof typeof stateTables, tailBytes: number): Uint8Array {
  const key = slotPrefix(slot, slotKinds.state, 1 + tailBytes);
  key[6] = stateTables[table];
  return key;
}

/** All keys that begin with `prefix`, whose last byte that is not 255 is raised for the end. */
function prefixRange(prefix: Uint8Array): KeyRange {
  const end = prefix.slice();
  let last = end.byteLength - 1;
  while (end[last] === 0xff) last -= 1;
  assert(last >= 0, "a prefix of bytes 255 has no end");
  end[last] = (end[last] as number) + 1;
  return { start: prefix, end: end.subarray(0, last + 1) };
}

function nameBytes(name: string): Uint8Array {
  assert(isName(name), () => `${JSON.stringify(name)} is not a name`);
  return Buffer.from(String.fromCharCode(name.length) + name, "latin1");
}

function readName(key: Uint8Array, offset: number): { readonly text: string; readonly end: number } | null {
  const end = offset + 1 + (key[offset] ?? 0);
  if (end > key.byteLength) return null;
  const text = Buffer.from(key.subarray(offset + 1, end)).toString("latin1");
  return isName(text) ? { text, end } : null;
}

function nameOfNumber<Name extends string>(table: Record<Name, number>, wanted: number | undefined): Name | null {
  for (const name of Object.keys(table) as Name[]) {
    if (table[name] === wanted) return name;
  }
  return null;
}
