// Names, texts, bytes, words of a closed set, identities: each checked in both directions.

import { type ClusterId, type GroupId, isName, type NodeId, nameRule } from "../ids.ts";
import { CodecError, shown } from "./codec-error.ts";
import { scalarReading, scalarWriter } from "./fields.ts";
import type { Codec } from "./structure.ts";
import { wireLimits } from "./wire-limits.ts";

/** @param toWire checks the value, and makes of it what the field holds; undefined: nothing */
export function scalar<Domain, Wire>(
  toWire: (value: Domain, field: string) => Wire,
  fromWire: (wire: Wire, field: string) => Domain,
): Codec<Domain, Wire> {
  return {
    writer: (member) => scalarWriter(member, toWire),
    reading: (member) => scalarReading(member, fromWire),
  };
}

/** A value that is the same on both sides, once checked. */
export function checked<Value>(check: (value: Value, field: string) => void): Codec<Value, Value> {
  const pass = (value: Value, field: string) => {
    check(value, field);
    return value;
  };
  return scalar(pass, pass);
}

function name<Name extends string>(): Codec<Name, string> {
  const check = (value: string, field: string) => {
    if (!isName(value)) throw new CodecError(`${field} is ${shown(value)}, not a name of ${nameRule}`);
    return value as Name;
  };
  return scalar<Name, string>(check, check);
}

export const nodeId = name<NodeId>();
export const groupId = name<GroupId>();

/** @param charsMax UTF-16 units */
export function text(charsMax: number): Codec<string, string> {
  return checked((value, field) => {
    if (value.length > charsMax)
      throw new CodecError(`${field} has ${value.length} characters, the limit is ${charsMax}`);
    if (!value.isWellFormed()) throw new CodecError(`${field} is ${shown(value)}, not well-formed text`);
  });
}

export const reason = text(wireLimits.reasonCharsMax);
export const word = text(wireLimits.wordCharsMax);

export const flag = checked<boolean>(() => {});

/** Anything but NaN and the infinities. */
export const finite = checked<number>((value, field) => {
  if (!Number.isFinite(value)) throw new CodecError(`${field} is ${value}, not a finite number`);
});

/** Never copied: a decoded value is a view into the bytes that were decoded. */
export function bytes(bytesMax: number): Codec<Uint8Array, Uint8Array> {
  const check = (value: Uint8Array, field: string) => {
    if (value.byteLength > bytesMax) {
      throw new CodecError(`${field} has ${value.byteLength} bytes, the limit is ${bytesMax}`);
    }
    return value;
  };
  return scalar(check, (wire, field) => plain(check(wire, field)));
}

export const keyBytes = bytes(wireLimits.keyBytesMax);
export const valueBytes = bytes(wireLimits.valueBytesMax);

/** A Buffer's `slice` shares memory and its equality differs, so what was read from one must not become one. */
function plain(view: Uint8Array): Uint8Array {
  if (view.constructor === Uint8Array) return view;
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/**
 * A word of a closed set as the number of an enum. The numbers are on disk: `numbers` may grow, never change.
 *
 * @param numbers none of them 0, which is what an absent field holds
 */
export function oneOf<Word extends string, Wire extends number>(
  numbers: Readonly<Record<Word, Wire>>,
): Codec<Word, Wire> {
  const words = new Map(Object.entries<Wire>(numbers).map(([word, number]) => [number as number, word as Word]));
  return scalar(
    (word, field) => {
      if (!Object.hasOwn(numbers, word)) throw new CodecError(`${field} is ${shown(word)}, a word not known`);
      return numbers[word];
    },
    (number, field) => {
      const word = words.get(number);
      if (word === undefined) throw new CodecError(`${field} is ${number}, a number not known`);
      return word;
    },
  );
}

const hashPattern = /^[0-9a-f]{16}$/;

function toHash(digits: string, field: string): bigint {
  if (!hashPattern.test(digits)) throw new CodecError(`${field} is ${shown(digits)}, not 16 hexadecimal digits`);
  return BigInt(`0x${digits}`);
}

function fromHash(wire: bigint): string {
  return wire.toString(16).padStart(16, "0");
}

/** 16 hexadecimal digits as an integer of 64 bits; the empty text, for "not known", as absence. */
export const stateHash = scalar<string, bigint | undefined>(
  (digits, field) => (digits === "" ? undefined : toHash(digits, field)),
  (wire) => (wire === undefined ? "" : fromHash(wire)),
);

/** 16 hexadecimal digits as an integer of 64 bits, never absent. */
export const hash64 = scalar<string, bigint>(toHash, fromHash);

const clusterPattern = /^[0-9a-f]{32}$/;
const clusterBytes = 16;

/** 32 hexadecimal digits as 16 bytes. */
export const clusterId = scalar<ClusterId, Uint8Array>(
  (digits, field) => {
    if (!clusterPattern.test(digits)) throw new CodecError(`${field} is ${shown(digits)}, not 32 hexadecimal digits`);
    return Buffer.from(digits, "hex");
  },
  (wire, field) => {
    if (wire.byteLength !== clusterBytes) {
      throw new CodecError(`${field} has ${wire.byteLength} bytes, it takes ${clusterBytes}`);
    }
    return Buffer.from(wire.buffer, wire.byteOffset, wire.byteLength).toString("hex") as ClusterId;
  },
);
