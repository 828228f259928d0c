// 64-bit integers of the wire and numbers of the domain: the only place that holds a bigint. Beyond 2^53 - 1 a number
// would be rounded, so it is refused in both directions.

import type { BootNumber, Epoch, Incarnation, LogIndex, MemberId, Revision, Term } from "../ids.ts";
import { CodecError } from "./codec-error.ts";
import { scalarReading, scalarWriter } from "./fields.ts";
import type { Codec } from "./structure.ts";

/** Also for messages of the public API, which hold wire forms. */
export interface IntegerCodec<Quantity> extends Codec<Quantity, bigint> {
  readonly toWire: (value: Quantity, field: string) => bigint;
  readonly fromWire: (wire: bigint, field: string) => Quantity;
}

const safeMax = BigInt(Number.MAX_SAFE_INTEGER);

/** @throws {CodecError} unless `value` is an integer from 0 to 2^53 - 1 */
function checkUint64(value: number, field: string): number {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new CodecError(`${field} is ${value}, not an integer from 0 to 2^53 - 1`);
}

/** @throws {CodecError} when `wire` is above 2^53 - 1 */
function fromUint64(wire: bigint | number, field: string): number {
  if (wire > safeMax) throw new CodecError(`${field} is ${wire}, the limit is 2^53 - 1`);
  return Number(wire);
}

function atLeastOne(value: number, field: string): number {
  if (value < 1) throw new CodecError(`${field} is ${value}, the least is 1`);
  return value;
}

/** @param prepare of what is written: checked whole @param check of what was read: it fits already */
function integer<Quantity extends number>(
  prepare: (value: number, field: string) => number,
  check: (value: number, field: string) => number,
): IntegerCodec<Quantity> {
  const fromWire = (wire: bigint | number, field: string) => check(fromUint64(wire, field), field) as Quantity;
  return {
    writer: (member) => scalarWriter(member, prepare),
    reading: (member) => scalarReading(member, fromWire),
    toWire: (value, field) => BigInt(prepare(value, field)),
    fromWire,
  };
}

function fromZero<Quantity extends number>(): IntegerCodec<Quantity> {
  return integer(checkUint64, (value) => value);
}

function fromOne<Quantity extends number>(): IntegerCodec<Quantity> {
  return integer((value, field) => checkUint64(atLeastOne(value, field), field), atLeastOne);
}

export const uint64 = fromZero<number>();
export const term = fromZero<Term>();
export const logIndex = fromZero<LogIndex>();
export const revision = fromZero<Revision>();
export const epoch = fromZero<Epoch>();
/** 0 names no group. */
export const incarnation = fromOne<Incarnation>();
/** 0: not known. */
export const incarnationOrNone = fromZero<Incarnation>();
/** 0 names no member. */
export const memberId = fromOne<MemberId>();
/** 0: whichever holds the group. */
export const anyMemberId = fromZero<MemberId>();
/** 0 is before the first start. */
export const boot = fromOne<BootNumber>();
/** 0: in none. */
export const bootOrNone = fromZero<BootNumber>();

/** A span of time: clocks give fractions of a millisecond, the wire holds whole ones. */
export const wholeMs = integer<number>(
  (value, field) => checkUint64(Math.round(value), field),
  (value) => value,
);
