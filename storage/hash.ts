// Fast hashes against accidents, not against attackers: chains of log records and the state hash of a group.
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

/** Little-endian word; a byte beyond the end is `undefined`, which counts as zero here as in the published tail handling. */
function word(bytes: Uint8Array, at: number): number {
  const low = (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
  return low | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24);
}

/** @returns the four lanes h1 to h4, unsigned, in the order of the published output */
export function murmur128(bytes: Uint8Array, seed: number): readonly [number, number, number, number] {
  const length = bytes.byteLength;
  const tail = length - (length % 16);
  let h1 = seed | 0;
  let h2 = seed | 0;
  let h3 = seed | 0;
  let h4 = seed | 0;

  for (let at = 0; at < tail; at += 16) {
    h1 ^= Math.imul(rotate(Math.imul(word(bytes, at), c1), 15), c2);
    h1 = (Math.imul((rotate(h1, 19) + h2) | 0, 5) + 0x561ccd1b) | 0;
    h2 ^= Math.imul(rotate(Math.imul(word(bytes, at + 4), c2), 16), c3);
    h2 = (Math.imul((rotate(h2, 17) + h3) | 0, 5) + 0x0bcaa747) | 0;
    h3 ^= Math.imul(rotate(Math.imul(word(bytes, at + 8), c3), 17), c4);
    h3 = (Math.imul((rotate(h3, 15) + h4) | 0, 5) + 0x96cd1c35) | 0;
    h4 ^= Math.imul(rotate(Math.imul(word(bytes, at + 12), c4), 18), c1);
    h4 = (Math.imul((rotate(h4, 13) + h1) | 0, 5) + 0x32ac3b17) | 0;
  }
  // A word of zeros mixes to zero, so the four steps of the tail need no switch on its length.
  h4 ^= Math.imul(rotate(Math.imul(word(bytes, tail + 12), c4), 18), c1);
  h3 ^= Math.imul(rotate(Math.imul(word(bytes, tail + 8), c3), 17), c4);
  h2 ^= Math.imul(rotate(Math.imul(word(bytes, tail + 4), c2), 16), c3);
  h1 ^= Math.imul(rotate(Math.imul(word(bytes, tail), c1), 15), c2);

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
  return [h1 >>> 0, (h2 + h1) >>> 0, (h3 + h1) >>> 0, (h4 + h1) >>> 0];
}

/** 64-bit hash of the bytes. */
export function hash64(bytes: Uint8Array): Hash64 {
  const [high, low] = murmur128(bytes, 0);
  return { high, low };
}

/** 16 lower-case hexadecimal digits. */
export function hashText(hash: Hash64): string {
  return hash.high.toString(16).padStart(8, "0") + hash.low.toString(16).padStart(8, "0");
}

/** Not 0, which hashes nothing to 0: an empty row would not count. */
const keySeed = 0x62776b31;

/** The key decides the seed of the value, and both decide the result: moving a value to another key changes it. */
function rowHash(key: Uint8Array, value: Uint8Array): Hash64 {
  const [seed, , keyHigh, keyLow] = murmur128(key, keySeed);
  const [high, low] = murmur128(value, seed);
  return { high: (high ^ keyHigh) >>> 0, low: (low ^ keyLow) >>> 0 };
}

const two32 = 2 ** 32;

/**
 * Hash of a set of rows, kept up to date row by row: the sum of the rows' hashes modulo 2^64. The order in which rows
 * come and go does not matter, so replicas with equal rows have equal digests (G3). Not safe against chosen rows.
 */
export class RowHash {
  #high = 0;
  #low = 0;

  add(key: Uint8Array, value: Uint8Array): void {
    this.#accumulate(rowHash(key, value));
  }

  /** `value` must be the one that was added with the key. */
  remove(key: Uint8Array, value: Uint8Array): void {
    this.removeAll(rowHash(key, value));
  }

  /** The hash of a whole set of other rows. */
  addAll(rows: Hash64): void {
    this.#accumulate(rows);
  }

  removeAll({ high, low }: Hash64): void {
    this.#accumulate({ high: (two32 - high - (low === 0 ? 0 : 1)) % two32, low: (two32 - low) % two32 });
  }

  get value(): Hash64 {
    return { high: this.#high, low: this.#low };
  }

  /** 16 lower-case hexadecimal digits; sixteen zeros for no rows. */
  digest(): string {
    return hashText(this.value);
  }

  #accumulate(hash: Hash64): void {
    const low = this.#low + hash.low;
    this.#low = low % two32;
    this.#high = (this.#high + hash.high + (low >= two32 ? 1 : 0)) % two32;
  }
}
