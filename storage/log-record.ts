// The bytes of one log record and of the boundary of a log, with all that is needed to notice damage: LevelDB returns wrong
// and missing values without an error (ARCHITECTURE.md, storage).
//
//   record     01 | crc32 u32 | index u64 | term u64 | predecessor hash u64 | payload …
//   boundary   01 | crc32 u32 | index u64 | term u64 | hash u64
//
// The checksum covers all bytes behind it. The hash of a record is over its whole value, and so over its predecessor's hash
// too: records form a chain that begins with the hash in the boundary.

import { crc32 } from "node:zlib";
import type { LogIndex, Term } from "../proto/ids.ts";
import { readUint32, readUint64, transientBytes, writeUint32, writeUint64 } from "./bytes.ts";
import type { Hash64 } from "./hash.ts";

const recordVersion = 1;
const crcOffset = 1;
const bodyOffset = 5;
const indexOffset = bodyOffset;
const termOffset = 13;
const hashOffset = 21;

/** Bytes of a record before its payload; the whole of a boundary. */
export const logHeaderBytes = 29;

/** One entry; the Raft core's entries have this shape. */
export interface LogEntry {
  readonly term: Term;
  readonly index: LogIndex;
  readonly payload: Uint8Array;
}

export interface LogRecord extends LogEntry {
  /** Of the record: hash of its predecessor. Of the boundary: hash of the record that stood at `index`. */
  readonly hash: Hash64;
}

export function encodeLogRecord(record: LogRecord): Uint8Array {
  const bytes = transientBytes(logHeaderBytes + record.payload.byteLength);
  bytes[0] = recordVersion;
  writeUint64(bytes, indexOffset, record.index);
  writeUint64(bytes, termOffset, record.term);
  writeUint32(bytes, hashOffset, record.hash.high);
  writeUint32(bytes, hashOffset + 4, record.hash.low);
  bytes.set(record.payload, logHeaderBytes);
  writeUint32(bytes, crcOffset, crc32(bytes.subarray(bodyOffset)));
  return bytes;
}

/** @returns what is wrong, as text, when the bytes are not a whole record; the payload is a view into `bytes` */
export function decodeLogRecord(bytes: Uint8Array): LogRecord | string {
  if (bytes.byteLength < logHeaderBytes) return `record of ${bytes.byteLength} bytes, the least is ${logHeaderBytes}`;
  if (bytes[0] !== recordVersion) return `record of format ${bytes[0]}, this version knows ${recordVersion}`;
  if (crc32(bytes.subarray(bodyOffset)) !== readUint32(bytes, crcOffset)) return "checksum of the record is wrong";
  const index = readUint64(bytes, indexOffset);
  const term = readUint64(bytes, termOffset);
  if (index === null || term === null) return "index or term is beyond 2^53 - 1";
  return {
    index: index as LogIndex,
    term: term as Term,
    hash: { high: readUint32(bytes, hashOffset), low: readUint32(bytes, hashOffset + 4) },
    payload: bytes.subarray(logHeaderBytes),
  };
}
