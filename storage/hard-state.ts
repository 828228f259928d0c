// What a node must never forget of its groups' elections: the port, the table's bytes, and the port in memory.
// The table is small and is always written whole.
//
//   "BWHS" | 01 | generation u64 | body length u32 | crc32 u32 | body
//   body   count u32, then of each group: len name | incarnation u64 | member u64 | term u64 | len vote | acknowledged u64 | stand-in
//   stand-in of a witness: count u16, then, unless 0: term u64 | subterm u64 | len owner …
//
// The checksum covers version, generation, length and body. A vote of length 0 is no vote. Bytes behind the body are ignored.

import { crc32 } from "node:zlib";
import { assert } from "../proto/assert.ts";
import {
  type GroupId,
  type Incarnation,
  isName,
  type LogIndex,
  type MemberId,
  type NodeId,
  type Term,
} from "../proto/ids.ts";
import type { StandIn } from "../proto/raft.ts";
import { readUint32, readUint64, writeUint32, writeUint64 } from "./bytes.ts";
import type { WriteOutcome } from "./ordered-store.ts";

/** One group's replica on this node. */
export interface GroupHardState {
  readonly group: GroupId;
  readonly incarnation: Incarnation;
  readonly member: MemberId;
  readonly term: Term;
  readonly vote: NodeId | null;
  /**
   * A log that ends before this index is damaged. Must not exceed what *earlier, completed* writes made durable: a table
   * and the rows written with it are not atomic together.
   */
  readonly acknowledged: LogIndex;
  /** Of a witness: the owners that it stands in with; null: none. */
  readonly standIn: StandIn | null;
}

export type HardStateTable = readonly GroupHardState[];

export interface HardStateStore {
  /** The table of the latest `write`, durable or not; after opening, the newest that was durable. */
  readonly table: HardStateTable;
  /** true: no table was written here before this opening. */
  readonly isNew: boolean;
  /** Number of the newest table that is durable; each write's is higher than the one before it. */
  readonly generation: number;
  /** Replaces the whole table. A failure is fatal for the handle: every later write fails (invariant 4). */
  write(table: HardStateTable, done: (outcome: WriteOutcome) => void): void;
  /** Waits for writes under way. */
  close(done: () => void): void;
}

/** Keeps the table as an object. Writes take effect at the call. */
export class MemoryHardState implements HardStateStore {
  readonly #defer: (deliver: () => void) => void;
  #table: HardStateTable = [];
  #isNew = true;
  #generation = 0;
  #isClosed = false;

  /** @param options.defer decides when completions are delivered, in the order of the calls */
  constructor(options: { readonly defer: (deliver: () => void) => void }) {
    this.#defer = options.defer;
  }

  /** A new handle on the same table, as after a restart; this one is closed. */
  reopened(): MemoryHardState {
    const store = new MemoryHardState({ defer: this.#defer });
    store.#table = this.#table;
    store.#isNew = this.#isNew;
    store.#generation = this.#generation;
    this.#isClosed = true;
    return store;
  }

  get table(): HardStateTable {
    return this.#table;
  }

  get isNew(): boolean {
    return this.#isNew;
  }

  get generation(): number {
    return this.#generation;
  }

  write(table: HardStateTable, done: (outcome: WriteOutcome) => void): void {
    if (this.#isClosed) {
      this.#defer(() => done({ type: "failed", reason: "The hard state is closed" }));
      return;
    }
    this.#table = table;
    this.#isNew = false;
    this.#generation += 1;
    this.#defer(() => done({ type: "done" }));
  }

  close(done: () => void): void {
    this.#isClosed = true;
    this.#defer(done);
  }
}

const magic = Buffer.from("BWHS", "latin1");
export const hardStateFormat = 1;
const headerBytes = 21;
const crcOffset = 17;
/** Refuses a length that no table reaches, before memory is asked for. */
const bodyBytesMax = 64 * 2 ** 20;

export interface HardStateImage {
  readonly generation: number;
  readonly table: HardStateTable;
}

/** @param rowBytes as `encodeHardStateRow`, for those who keep what they encoded */
export function encodeHardState(image: HardStateImage, rowBytes = encodeHardStateRow): Uint8Array {
  const body = Buffer.concat([uint32(image.table.length), ...image.table.map((row) => rowBytes(row))]);
  assert(body.byteLength <= bodyBytesMax, () => `hard state of ${body.byteLength} bytes, limit ${bodyBytesMax}`);
  const bytes = new Uint8Array(headerBytes + body.byteLength);
  bytes.set(magic, 0);
  bytes[4] = hardStateFormat;
  writeUint64(bytes, 5, image.generation);
  writeUint32(bytes, 13, body.byteLength);
  bytes.set(body, headerBytes);
  writeUint32(bytes, crcOffset, checksum(bytes, body.byteLength));
  return bytes;
}

/** A whole image that another version of this software has written: the header is that of every format. */
export interface UnknownFormat {
  readonly unknownFormat: number;
}

/** @returns null when the bytes hold no whole image */
export function decodeHardState(bytes: Uint8Array): HardStateImage | UnknownFormat | null {
  if (bytes.byteLength < headerBytes || !magic.equals(bytes.subarray(0, 4))) return null;
  const length = readUint32(bytes, 13);
  if (length > bodyBytesMax || headerBytes + length > bytes.byteLength) return null;
  if (checksum(bytes, length) !== readUint32(bytes, crcOffset)) return null;
  if (bytes[4] !== hardStateFormat) return { unknownFormat: bytes[4] ?? 0 };
  const generation = readUint64(bytes, 5);
  const table = decodeRows(bytes.subarray(headerBytes, headerBytes + length));
  return generation === null || table === null ? null : { generation, table };
}

function checksum(bytes: Uint8Array, bodyLength: number): number {
  return crc32(bytes.subarray(headerBytes, headerBytes + bodyLength), crc32(bytes.subarray(4, crcOffset)));
}

export function encodeHardStateRow(row: GroupHardState): Uint8Array {
  return Buffer.concat([
    name(row.group),
    uint64(row.incarnation),
    uint64(row.member),
    uint64(row.term),
    row.vote === null ? Uint8Array.of(0) : name(row.vote),
    uint64(row.acknowledged),
    encodeStandIn(row.standIn),
  ]);
}

function encodeStandIn(standIn: StandIn | null): Uint8Array {
  const { term, subterm, owners } = standIn ?? { term: 0, subterm: 0, owners: [] };
  const count = Uint8Array.of(owners.length >>> 8, owners.length & 0xff);
  return owners.length === 0 ? count : Buffer.concat([count, uint64(term), uint64(subterm), ...owners.map(name)]);
}

function decodeRows(body: Uint8Array): HardStateTable | null {
  if (body.byteLength < 4) return null;
  const count = readUint32(body, 0);
  const table: GroupHardState[] = [];
  let offset = 4;
  for (let row = 0; row < count; row++) {
    const groupEnd = offset + 1 + (body[offset] ?? 0);
    const voteEnd = groupEnd + 25 + (body[groupEnd + 24] ?? 0);
    if (voteEnd + 8 > body.byteLength) return null;
    const standIn = decodeStandIn(body, voteEnd + 8);
    const decoded = standIn === null ? null : toRow(body, { offset, groupEnd, voteEnd });
    if (decoded === null || standIn === null) return null;
    table.push({ ...decoded, standIn: standIn.value });
    offset = standIn.end;
  }
  return offset === body.byteLength ? table : null;
}

function toRow(
  body: Uint8Array,
  at: { readonly offset: number; readonly groupEnd: number; readonly voteEnd: number },
): Omit<GroupHardState, "standIn"> | null {
  const group = Buffer.from(body.subarray(at.offset + 1, at.groupEnd)).toString("latin1");
  const vote = Buffer.from(body.subarray(at.groupEnd + 25, at.voteEnd)).toString("latin1");
  const incarnation = readUint64(body, at.groupEnd);
  const member = readUint64(body, at.groupEnd + 8);
  const term = readUint64(body, at.groupEnd + 16);
  const acknowledged = readUint64(body, at.voteEnd);
  if (incarnation === null || member === null || term === null || acknowledged === null) return null;
  if (!isName(group) || (vote !== "" && !isName(vote))) return null;
  return {
    group: group as GroupId,
    incarnation: incarnation as Incarnation,
    member: member as MemberId,
    term: term as Term,
    vote: vote === "" ? null : (vote as NodeId),
    acknowledged: acknowledged as LogIndex,
  };
}

/** @returns null when the bytes hold none; `value` null for a member that stands in for nobody */
function decodeStandIn(body: Uint8Array, at: number): { readonly value: StandIn | null; readonly end: number } | null {
  if (at + 2 > body.byteLength) return null;
  const count = ((body[at] ?? 0) << 8) | (body[at + 1] ?? 0);
  if (count === 0) return { value: null, end: at + 2 };
  if (at + 18 > body.byteLength) return null;
  const term = readUint64(body, at + 2);
  const subterm = readUint64(body, at + 10);
  const owners: NodeId[] = [];
  let end = at + 18;
  for (let owner = 0; owner < count; owner++) {
    const next = end + 1 + (body[end] ?? 0);
    const text = Buffer.from(body.subarray(end + 1, next)).toString("latin1");
    if (next > body.byteLength || !isName(text)) return null;
    owners.push(text as NodeId);
    end = next;
  }
  return term === null || subterm === null ? null : { value: { term, subterm, owners }, end };
}

function name(text: string): Uint8Array {
  assert(isName(text), () => `${JSON.stringify(text)} is not a name`);
  return Buffer.from(String.fromCharCode(text.length) + text, "latin1");
}

function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  writeUint32(bytes, 0, value);
  return bytes;
}

function uint64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  writeUint64(bytes, 0, value);
  return bytes;
}
