// 64-bit integers of the wire and numbers of the domain: the only place that holds a bigint. Beyond 2^53 - 1 a number
// would be rounded, so it is refused in both directions.

import type { BootNumber, Epoch, Incarnation, LogIndex, MemberId, Revision, Term } from "../ids.ts";
import { CodecError } from "./codec-error.ts";
import type { Codec } from "./structure.ts";

const safeMax = BigInt(Number.MAX_SAFE_INTEGER);

/** @throws {CodecError} unless `value` is an integer from 0 to 2^53 - 1 */
function toUint64(value: number, field: string): bigint {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new CodecError(`${field} is ${value}, not an integer from 0 to 2^53 - 1`);
  }
  return BigInt(value);
}

/** @throws {CodecError} when `wire` is above 2^53 - 1 */
function fromUint64(wire: bigint, field: string): number {
  if (wire > safeMax) throw new CodecError(`${field} is ${wire}, the limit is 2^53 - 1`);
  return Number(wire);
}

function atLeastOne(value: number, field: string): number {
  if (value < 1) throw new CodecError(`${field} is ${value}, the least is 1`);
  return value;
}

function fromZero<Quantity extends number>(): Codec<Quantity, bigint> {
  return { toWire: toUint64, fromWire: (wire, field) => fromUint64(wire, field) as Quantity };
}

function fromOne<Quantity extends number>(): Codec<Quantity, bigint> {
  return {
    toWire: (value, field) => toUint64(atLeastOne(value, field), field),
    fromWire: (wire, field) => atLeastOne(fromUint64(wire, field), field) as Quantity,
  };
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
export const wholeMs: Codec<number, bigint> = {
  toWire: (value, field) => toUint64(Math.round(value), field),
  fromWire: fromUint64,
};
