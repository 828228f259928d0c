// Fast hashes against accidents, not against attackers: chains of log rows and the state hash of a group.
// MurmurHash3_x86_128 by Austin Appleby (public domain, github.com/aappleby/smhasher), of which the first 64 bits are used.
// Two 32-bit lanes instead of bigint: an order of magnitude faster.

/** 64 bits as two unsigned 32-bit integers. */
export interface Hash64 {
  readonly high: number;
  readonly low: number;
}

export const zeroHash: Hash64 = { high: 0, low: 0 };

const c1 = 0x239b961b;
const c2 = 0xab0e9789;
const c3 = 0x38b34ae5;
const c4 = 0xa1e38b93;

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

function finalMix(lane: number): number {
  let mixed = Math.imul(lane ^ (lane >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}

/** A little-endian word that ends with `length`: missing bytes count as zero, as in the published tail handling. */
function tailWord(bytes: DataView, at: number, length: number): number {
  let value = 0;
  for (let last = Math.min(at + 4, length) - 1; last >= at; last--) value = (value << 8) | bytes.getUint8(last);
  return value;
}

/** h1 to h4, signed: small integers, which are not allocated. */
type Lanes = [number, number, number, number];

/** Leaves the four lanes of the first `length` bytes in `lanes`. A word of a view is one load, not four. */
function mix(bytes: DataView, length: number, seed: number, lanes: Lanes): void {
  const tail = length - (length % 16);
  let h1 = seed | 0;
  let h2 = seed | 0;
  let h3 = seed | 0;
  let h4 = seed | 0;

  for (let at = 0; at < tail; at += 16) {
    h1 ^= Math.imul(rotate(Math.imul(bytes.getInt32(at, true), c1), 15), c2);
    h1 = (Math.imul((rotate(h1, 19) + h2) | 0, 5) + 0x561ccd1b) | 0;
    h2 ^= Math.imul(rotate(Math.imul(bytes.getInt32(at + 4, true), c2), 16), c3);
    h2 = (Math.imul((rotate(h2, 17) + h3) | 0, 5) + 0x0bcaa747) | 0;
    h3 ^= Math.imul(rotate(Math.imul(bytes.getInt32(at + 8, true), c3), 17), c4);
    h3 = (Math.imul((rotate(h3, 15) + h4) | 0, 5) + 0x96cd1c35) | 0;
    h4 ^= Math.imul(rotate(Math.imul(bytes.getInt32(at + 12, true), c4), 18), c1);
    h4 = (Math.imul((rotate(h4, 13) + h1) | 0, 5) + 0x32ac3b17) | 0;
  }
  // A word of zeros mixes to zero, so the four steps of the tail need no switch on its length.
  h4 ^= Math.imul(rotate(Math.imul(tailWord(bytes, tail + 12, length), c4), 18), c1);
  h3 ^= Math.imul(rotate(Math.imul(tailWord(bytes, tail + 8, length), c3), 17), c4);
  h2 ^= Math.imul(rotate(Math.imul(tailWord(bytes, tail + 4, length), c2), 16), c3);
  h1 ^= Math.imul(rotate(Math.imul(tailWord(bytes, tail, length), c1), 15), c2);

  h1 ^= length;
  h2 ^= length;
  h3 ^= length;
  h4 ^= length;
  h1 = (h1 + h2 + h3 + h4) | 0;
  h2 = (h2 + h1) | 0;
  h3 = (h3 + h1) | 0;
  h4 = (h4 + h1) | 0;
  h1 = finalMix(h1);
  h2 = finalMix(h2);
  h3 = finalMix(h3);
  h4 = finalMix(h4);
  h1 = (h1 + h2 + h3 + h4) | 0;
  lanes[0] = h1;
  lanes[1] = (h2 + h1) | 0;
  lanes[2] = (h3 + h1) | 0;
  lanes[3] = (h4 + h1) | 0;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** @returns the four lanes h1 to h4, unsigned, in the order of the published output */
export function murmur128(bytes: Uint8Array, seed: number): readonly [number, number, number, number] {
  const lanes: Lanes = [0, 0, 0, 0];
  mix(viewOf(bytes), bytes.byteLength, seed, lanes);
  return [lanes[0] >>> 0, lanes[1] >>> 0, lanes[2] >>> 0, lanes[3] >>> 0];
}

/** 64-bit hash of the bytes. */
export function hash64(bytes: Uint8Array): Hash64 {
  const lanes: Lanes = [0, 0, 0, 0];
  mix(viewOf(bytes), bytes.byteLength, 0, lanes);
  return { high: lanes[0] >>> 0, low: lanes[1] >>> 0 };
}

/** 16 lower-case hexadecimal digits. */
export function hashText(hash: Hash64): string {
  return hash.high.toString(16).padStart(8, "0") + hash.low.toString(16).padStart(8, "0");
}

/** Up to here bytes are copied to where there is a view already sooner than a view of their own is made. */
const copiedBytesMax = 1024;

/** Not 0, which hashes nothing to 0: an empty row would not count. */
const keySeed = 0x62776b31;

/**
 * Hash of a set of rows, kept up to date row by row: the sum of the rows' hashes modulo 2^64. The order in which rows
 * come and go does not matter, so replicas with equal rows have equal digests (G3). Not safe against chosen rows.
 */
export class RowHash {
  /** Signed, as the lanes are. */
  #high = 0;
  #low = 0;
  readonly #lanes: Lanes = [0, 0, 0, 0];
  readonly #copy = new Uint8Array(copiedBytesMax);
  readonly #copied = viewOf(this.#copy);

  add(key: Uint8Array, value: Uint8Array): void {
    this.#hash(key, value);
    this.#add(this.#lanes[0], this.#lanes[1]);
  }

  /** `value` must be the one that was added with the key. */
  remove(key: Uint8Array, value: Uint8Array): void {
    this.#hash(key, value);
    this.#subtract(this.#lanes[0], this.#lanes[1]);
  }

  /** The hash of a whole set of other rows. */
  addAll({ high, low }: Hash64): void {
    this.#add(high, low);
  }

  removeAll({ high, low }: Hash64): void {
    this.#subtract(high, low);
  }

  get value(): Hash64 {
    return { high: this.#high >>> 0, low: this.#low >>> 0 };
  }

  /** 16 lower-case hexadecimal digits; sixteen zeros for no rows. */
  digest(): string {
    return hashText(this.value);
  }

  /**
   * Leaves high and low half of the row's hash in the first two lanes. The key decides the seed of the value, and both decide
   * the result: moving a value to another key changes it.
   */
  #hash(key: Uint8Array, value: Uint8Array): void {
    const lanes = this.#lanes;
    this.#mix(key, keySeed);
    const high = lanes[2];
    const low = lanes[3];
    this.#mix(value, lanes[0]);
    lanes[0] ^= high;
    lanes[1] ^= low;
  }

  #mix(bytes: Uint8Array, seed: number): void {
    const length = bytes.byteLength;
    const isCopied = length <= copiedBytesMax;
    if (isCopied) this.#copy.set(bytes);
    mix(isCopied ? this.#copied : viewOf(bytes), length, seed, this.#lanes);
  }

  #add(high: number, low: number): void {
    const before = this.#low;
    this.#low = (before + low) | 0;
    const carry = this.#low >>> 0 < before >>> 0 ? 1 : 0;
    this.#high = (this.#high + high + carry) | 0;
  }

  #subtract(high: number, low: number): void {
    const borrow = this.#low >>> 0 < low >>> 0 ? 1 : 0;
    this.#low = (this.#low - low) | 0;
    this.#high = (this.#high - high - borrow) | 0;
  }
}
