// The bytes of the rows of a log, with all that is needed to notice damage: LevelDB returns wrong and missing values without an
// error (ARCHITECTURE.md, storage). One append makes one row, a run of entries, for what a row costs is far more than what an
// entry adds to it.
//
//   run        02 | crc32 u32 | index u64 | count u32 | predecessor hash u64 | count x entry
//   entry      term u64 | length u32 | payload
//   boundary   01 | crc32 u32 | index u64 | term u64 | hash u64
//   record     01 | crc32 u32 | index u64 | term u64 | predecessor hash u64 | payload …      (of earlier builds: a run of one)
//
// `index` is that of the first entry. The checksum covers all bytes behind it, and in a run the version too. The hash of a row
// is over its whole value, and so over its predecessor's hash too: runs form a chain that begins with the hash in the boundary.

import { crc32 } from "node:zlib";
import type { LogIndex, Term } from "../proto/ids.ts";
import { readUint32, readUint64, transientBytes, uint64Max, writeUint32, writeUint64 } from "./bytes.ts";
import type { Hash64 } from "./hash.ts";

const crcOffset = 1;
const bodyOffset = 5;
const indexOffset = bodyOffset;

const run = { version: 2, countOffset: 13, hashOffset: 17, headerBytes: 25 } as const;
/** Of an entry before its payload. */
const entryHeadBytes = 12;
const lengthOffset = 8;

const record = { version: 1, termOffset: 13, hashOffset: 21, headerBytes: 29 } as const;

export interface LogPosition {
  readonly term: Term;
  readonly index: LogIndex;
}

/** One entry; the Raft core's entries have this shape. */
export interface LogEntry extends LogPosition {
  readonly payload: Uint8Array;
}

/** At least one entry, indexes contiguous. */
export interface LogRun {
  readonly entries: readonly LogEntry[];
  /** Of the row before. */
  readonly hash: Hash64;
}

export interface LogBoundary extends LogPosition {
  /** Of the row whose last entry stood at `index`. */
  readonly hash: Hash64;
}

export function encodeLogRun({ entries, hash }: LogRun): Uint8Array {
  let length = run.headerBytes;
  for (const { payload } of entries) length += entryHeadBytes + payload.byteLength;
  const bytes = transientBytes(length);
  bytes[0] = run.version;
  writeUint64(bytes, indexOffset, entries[0]?.index ?? 0);
  writeUint32(bytes, run.countOffset, entries.length);
  writeHash(bytes, run.hashOffset, hash);
  let at: number = run.headerBytes;
  for (const { term, payload } of entries) {
    writeUint64(bytes, at, term);
    writeUint32(bytes, at + lengthOffset, payload.byteLength);
    bytes.set(payload, at + entryHeadBytes);
    at += entryHeadBytes + payload.byteLength;
  }
  writeUint32(bytes, crcOffset, checksumOf(bytes, run.version));
  return bytes;
}

/** @returns what is wrong, as text, when the bytes are not a whole run; payloads are views into `bytes` */
export function decodeLogRun(bytes: Uint8Array): LogRun | string {
  if (bytes[0] === record.version) return decodeRecord(bytes);
  const wrong = wrongIn(bytes, "run", run, run.version);
  if (wrong !== null) return wrong;
  const first = readUint64(bytes, indexOffset);
  const count = readUint32(bytes, run.countOffset);
  if (first === null || first > uint64Max - Math.max(0, count - 1)) return "index is beyond 2^53 - 1";
  const entries = readEntries(bytes, first, count);
  return typeof entries === "string" ? entries : { entries, hash: readHash(bytes, run.hashOffset) };
}

export function encodeLogBoundary({ term, index, hash }: LogBoundary): Uint8Array {
  const bytes = new Uint8Array(record.headerBytes);
  bytes[0] = record.version;
  writeUint64(bytes, indexOffset, index);
  writeUint64(bytes, record.termOffset, term);
  writeHash(bytes, record.hashOffset, hash);
  writeUint32(bytes, crcOffset, checksumOf(bytes, 0));
  return bytes;
}

/** @returns what is wrong, as text, when the bytes are not a whole boundary */
export function decodeLogBoundary(bytes: Uint8Array): LogBoundary | string {
  const decoded = decodeRecord(bytes);
  if (typeof decoded === "string") return decoded;
  const { entries, hash } = decoded;
  const [{ term, index, payload }] = entries;
  if (payload.byteLength > 0) return "the boundary of the log has a payload";
  return { term, index, hash };
}

/** What earlier builds wrote for each entry, and what a boundary still is. */
function decodeRecord(bytes: Uint8Array): (LogRun & { readonly entries: readonly [LogEntry] }) | string {
  const wrong = wrongIn(bytes, "record", record, 0);
  if (wrong !== null) return wrong;
  const index = readUint64(bytes, indexOffset);
  const term = readUint64(bytes, record.termOffset);
  if (index === null || term === null) return "index or term is beyond 2^53 - 1";
  const payload = bytes.subarray(record.headerBytes);
  return {
    entries: [{ term: term as Term, index: index as LogIndex, payload }],
    hash: readHash(bytes, record.hashOffset),
  };
}

function readEntries(bytes: Uint8Array, first: number, count: number): LogEntry[] | string {
  const entries: LogEntry[] = [];
  let at: number = run.headerBytes;
  while (entries.length < count && at + entryHeadBytes <= bytes.byteLength) {
    const term = readUint64(bytes, at);
    if (term === null) return "term is beyond 2^53 - 1";
    const start = at + entryHeadBytes;
    at = start + readUint32(bytes, at + lengthOffset);
    const index = first + entries.length;
    entries.push({ term: term as Term, index: index as LogIndex, payload: bytes.subarray(start, at) });
  }
  const isWhole = count > 0 && entries.length === count && at === bytes.byteLength;
  return isWhole ? entries : `run of ${count} entries whose lengths do not add up to ${bytes.byteLength} bytes`;
}

function wrongIn(
  bytes: Uint8Array,
  what: string,
  { version, headerBytes }: { readonly version: number; readonly headerBytes: number },
  seed: number,
): string | null {
  if (bytes.byteLength < headerBytes) return `${what} of ${bytes.byteLength} bytes, the least is ${headerBytes}`;
  if (bytes[0] !== version) return `${what} of format ${bytes[0]}, this version knows ${version}`;
  if (checksumOf(bytes, seed) !== readUint32(bytes, crcOffset)) return `checksum of the ${what} is wrong`;
  return null;
}

function checksumOf(bytes: Uint8Array, seed: number): number {
  return crc32(bytes.subarray(bodyOffset), seed);
}

function writeHash(bytes: Uint8Array, offset: number, { high, low }: Hash64): void {
  writeUint32(bytes, offset, high);
  writeUint32(bytes, offset + 4, low);
}

function readHash(bytes: Uint8Array, offset: number): Hash64 {
  return { high: readUint32(bytes, offset), low: readUint32(bytes, offset + 4) };
}
