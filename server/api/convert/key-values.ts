// Keys, values and spans between the public schema and the domain.

import { create } from "@bufbuild/protobuf";
import { uint64 } from "../../../proto/codec/integers.ts";
import type { KeyRange } from "../../../proto/gen/bailiwick/v1/common_pb.ts";
import { KeyValueSchema, type KeyValue as WireKeyValue } from "../../../proto/gen/bailiwick/v1/record_pb.ts";
import type { KeySpan, KeyValue } from "../../../proto/model.ts";
import { compareBytes, emptyBytes, keyAfter } from "../../../storage/bytes.ts";
import { limits } from "../../node/limits.ts";
import { invalid } from "./fields.ts";

/** Which keys, as requests and watches name them. */
type Keys =
  | { readonly case: "key"; readonly value: Uint8Array }
  | { readonly case: "prefix"; readonly value: Uint8Array }
  | { readonly case: "range"; readonly value: KeyRange };

export function toKeyValue(kv: KeyValue, keysOnly = false): WireKeyValue {
  return create(KeyValueSchema, {
    key: kv.key,
    value: keysOnly ? emptyBytes : kv.value,
    createRevision: uint64.toWire(kv.createRevision, "createRevision"),
    modRevision: uint64.toWire(kv.modRevision, "modRevision"),
    version: uint64.toWire(kv.version, "version"),
    lease: uint64.toWire(kv.lease, "lease"),
  });
}

export const everyKey: KeySpan = { start: emptyBytes, end: null };

/** @throws {DbError} `invalid_argument` for an empty key and for a range that ends before it begins */
export function readSpan(keys: Keys): KeySpan {
  switch (keys.case) {
    case "key":
      return { start: readKey(keys.value, "key"), end: keyAfter(keys.value) };
    case "prefix":
      return { start: readBound(keys.value, "prefix"), end: prefixEnd(keys.value) };
    case "range":
      return readRange(keys.value);
  }
}

function readRange({ start, end }: KeyRange): KeySpan {
  readBound(start, "range.start");
  readBound(end, "range.end");
  if (end.byteLength === 0) return { start, end: null };
  if (compareBytes(start, end) >= 0) throw invalid("range.end", "The range.end is not above range.start");
  return { start, end };
}

/** A key is there and within its limit. */
export function readKey(key: Uint8Array, field: string): Uint8Array {
  if (key.byteLength === 0) throw invalid(field, `The ${field} is empty, it takes 1 to ${limits.keyBytesMax} bytes`);
  return readBound(key, field);
}

function readBound(bound: Uint8Array, field: string): Uint8Array {
  if (bound.byteLength <= limits.keyBytesMax) return bound;
  throw invalid(field, `The ${field} has ${bound.byteLength} bytes, the limit is ${limits.keyBytesMax}`);
}

/**
 * The smallest key above all keys that start with `prefix`: `ab` gives `ac`, `a\xff` gives `b`.
 *
 * @returns null when there is none: for an empty prefix, and one of `\xff` alone
 */
function prefixEnd(prefix: Uint8Array): Uint8Array | null {
  let length = prefix.byteLength;
  while (length > 0 && prefix[length - 1] === 0xff) length--;
  if (length === 0) return null;
  const end = prefix.slice(0, length);
  end[length - 1] = (end[length - 1] ?? 0) + 1;
  return end;
}

/**
 * Where the page after `key` begins. A key of full length has no longer one behind it, and the plain successor would be
 * longer than a key may be.
 *
 * @returns null when no key can follow
 */
export function nextStart(key: Uint8Array): Uint8Array | null {
  return key.byteLength < limits.keyBytesMax ? keyAfter(key) : prefixEnd(key);
}
