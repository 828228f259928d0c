// Key-values between the wire and this library's values. Field by field, not through JSON: these are the calls that must
// be quick, and their bytes must stay bytes.

import { create } from "@bufbuild/protobuf";
import { revision as revisionCodec, uint64 } from "../proto/codec/integers.ts";
import { DbError, failure } from "../proto/errors.ts";
import { KeyRangeSchema, type Header as WireHeader } from "../proto/gen/bailiwick/v1/common_pb.ts";
import type { KeyValue as WireKeyValue } from "../proto/gen/bailiwick/v1/record_pb.ts";
import type { KeyValue } from "../proto/model.ts";

/** Who answered, and as of when. */
export interface AnswerHeader {
  /** 32 lower-case hexadecimal digits. */
  readonly clusterId: string;
  /** Empty when the call concerned no single group. */
  readonly group: string;
  /** 0 when `group` is empty; revisions of different incarnations must not be compared. */
  readonly incarnation: number;
  /** Revision that was read, or that a write made. */
  readonly revision: number;
  readonly node: string;
  /** Read without a quorum: may be older than the newest acknowledged write. */
  readonly stale: boolean;
}

/** Text stands for its UTF-8 bytes. */
export type Bytes = string | Uint8Array;

/** Which keys: one, those with a prefix, or from `start` (included) to `end` (excluded; absent: to the last). */
export type KeySelection =
  | { readonly key: Bytes }
  | { readonly prefix: Bytes }
  | { readonly start: Bytes; readonly end?: Bytes | undefined };

/** @throws {DbError} `invalid_argument` for what a program without types may give instead */
export function toBytes(value: Bytes, field: string): Uint8Array {
  if (typeof value === "string") return new TextEncoder().encode(value);
  if (value instanceof Uint8Array) return value;
  const message = `The ${field} is ${kindOf(value)}, neither text nor bytes`;
  throw new DbError(failure("invalid_argument", message, { field }));
}

function kindOf(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

/** The oneof that deletions and watches share. */
export function toWireKeys(keys: KeySelection) {
  return "key" in keys ? ({ case: "key", value: toBytes(keys.key, "key") } as const) : toWireSpan(keys);
}

/** The oneof of lists, where one key is the range up to the next possible key. */
export function toWireSpan(keys: KeySelection) {
  if ("key" in keys) {
    const start = toBytes(keys.key, "key");
    return { case: "range", value: create(KeyRangeSchema, { start, end: Uint8Array.of(...start, 0) }) } as const;
  }
  if ("prefix" in keys) return { case: "prefix", value: toBytes(keys.prefix, "prefix") } as const;
  const range = create(KeyRangeSchema, { start: toBytes(keys.start, "start"), end: toBytes(keys.end ?? "", "end") });
  return { case: "range", value: range } as const;
}

/** @throws {DbError} `invalid_argument` unless `value` is an integer from 0 to 2^53 - 1 */
export function toWireInteger(value: number, field: string) {
  if (Number.isSafeInteger(value) && value >= 0) return uint64.toWire(value, field);
  throw new DbError(failure("invalid_argument", `The ${field} ${value} is not an integer from 0 on`, { field }));
}

/** @throws {DbError} `invalid_argument` unless `value` is an integer from 0 to `max` */
export function toWireCount(value: number, field: string, max: number): number {
  if (Number.isSafeInteger(value) && value >= 0 && value <= max) return value;
  throw new DbError(failure("invalid_argument", `The ${field} ${value} is not an integer from 0 to ${max}`, { field }));
}

export function fromWireInteger(wire: WireKeyValue["version"], field: string): number {
  return uint64.fromWire(wire, field);
}

export function fromWireHeader(header: WireHeader | undefined): AnswerHeader {
  if (header === undefined) throw new DbError(failure("internal", "The answer has no header"));
  const { clusterId, group, node, stale } = header;
  const incarnation = uint64.fromWire(header.incarnation, "header.incarnation");
  return { clusterId, group, incarnation, revision: uint64.fromWire(header.revision, "header.revision"), node, stale };
}

export function fromWireKeyValue(wire: WireKeyValue): KeyValue {
  return {
    key: wire.key,
    value: wire.value,
    createRevision: revisionCodec.fromWire(wire.createRevision, "createRevision"),
    modRevision: revisionCodec.fromWire(wire.modRevision, "modRevision"),
    version: uint64.fromWire(wire.version, "version"),
    lease: uint64.fromWire(wire.lease, "lease"),
  };
}

export function fromOptionalKeyValue(wire: WireKeyValue | undefined): KeyValue | null {
  return wire === undefined ? null : fromWireKeyValue(wire);
}
