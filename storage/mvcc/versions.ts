// The bytes of one stored version. Revision and ordinal are in the row's key (keys.ts), not here.
//
//   put       01 | 01 | key length u32 | key | create revision u64 | version u64 | lease u64 | value …
//   deletion  01 | 00 | key length u32 | key
//   expiry    01 | 02 | key length u32 | key | lease u64            deletion by the end of a lease

import type { Revision } from "../../proto/ids.ts";
import { readUint32, readUint64, transientBytes, writeUint32, writeUint64 } from "../bytes.ts";
import type { KeyValue, VersionRow } from "./types.ts";

const formatVersion = 1;
const kinds = { deletion: 0, put: 1, expiry: 2 } as const;
const headerBytes = 6;
const putFieldsBytes = 24;
const expiryFieldsBytes = 8;

/** A key and what a revision left it as; null for deleted. */
export interface DecodedVersion {
  readonly key: Uint8Array;
  readonly kv: KeyValue | null;
  /** Whose end deleted the key; 0: no lease's. */
  readonly endedLease: number;
}

/** @param endedLease of a deletion: the lease whose end it is; 0: none */
export function encodeVersion(key: Uint8Array, kv: KeyValue | null, endedLease = 0): Uint8Array {
  if (endedLease !== 0) return encodeExpiry(key, endedLease);
  const fieldsAt = headerBytes + key.byteLength;
  const bytes = transientBytes(kv === null ? fieldsAt : fieldsAt + putFieldsBytes + kv.value.byteLength);
  bytes[0] = formatVersion;
  bytes[1] = kv === null ? kinds.deletion : kinds.put;
  writeUint32(bytes, 2, key.byteLength);
  bytes.set(key, headerBytes);
  if (kv === null) return bytes;
  writeUint64(bytes, fieldsAt, kv.createRevision);
  writeUint64(bytes, fieldsAt + 8, kv.version);
  writeUint64(bytes, fieldsAt + 16, kv.lease);
  bytes.set(kv.value, fieldsAt + putFieldsBytes);
  return bytes;
}

function encodeExpiry(key: Uint8Array, lease: number): Uint8Array {
  const bytes = new Uint8Array(headerBytes + key.byteLength + expiryFieldsBytes);
  bytes[0] = formatVersion;
  bytes[1] = kinds.expiry;
  writeUint32(bytes, 2, key.byteLength);
  bytes.set(key, headerBytes);
  writeUint64(bytes, headerBytes + key.byteLength, lease);
  return bytes;
}

/**
 * Reads a row; key and value stay views into it.
 *
 * @returns what is wrong, as text, when the row is malformed, of another format, or holds a number beyond 2^53 - 1
 */
export function decodeVersion(row: VersionRow): DecodedVersion | string {
  const format = row.value[0];
  if (format !== formatVersion) return `format ${format}, this version knows ${formatVersion}`;
  return decodeBody(row) ?? "malformed";
}

function decodeBody(row: VersionRow): DecodedVersion | null {
  const bytes = row.value;
  if (bytes.byteLength < headerBytes) return null;
  const fieldsAt = headerBytes + readUint32(bytes, 2);
  if (fieldsAt > bytes.byteLength) return null;
  const key = bytes.subarray(headerBytes, fieldsAt);
  if (bytes[1] === kinds.deletion) return bytes.byteLength === fieldsAt ? { key, kv: null, endedLease: 0 } : null;
  if (bytes[1] === kinds.expiry) return decodeExpiry(bytes, key, fieldsAt);
  if (bytes[1] !== kinds.put || bytes.byteLength < fieldsAt + putFieldsBytes) return null;
  const createRevision = readUint64(bytes, fieldsAt);
  const version = readUint64(bytes, fieldsAt + 8);
  const lease = readUint64(bytes, fieldsAt + 16);
  if (createRevision === null || version === null || lease === null) return null;
  if (version === 0 || createRevision > row.revision) return null;
  const value = bytes.subarray(fieldsAt + putFieldsBytes);
  const created = createRevision as Revision;
  const kv = { key, value, createRevision: created, modRevision: row.revision, version, lease };
  return { key, kv, endedLease: 0 };
}

function decodeExpiry(bytes: Uint8Array, key: Uint8Array, fieldsAt: number): DecodedVersion | null {
  const lease = bytes.byteLength === fieldsAt + expiryFieldsBytes ? readUint64(bytes, fieldsAt) : null;
  return lease === null || lease === 0 ? null : { key, kv: null, endedLease: lease };
}
