// The checksum of LevelDB's files: CRC-32C (Castagnoli), stored masked. `node:zlib` has only the other polynomial.

const polynomial = 0x82f63b78;
const maskDelta = 0xa282ead8;

export type Crc32cTable = Int32Array;

/** One word a byte value; to be made once by whoever checks many bytes. */
export function createCrc32cTable(): Crc32cTable {
  const table = new Int32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let word = byte;
    for (let bit = 0; bit < 8; bit++) word = word & 1 ? (word >>> 1) ^ polynomial : word >>> 1;
    table[byte] = word;
  }
  return table;
}

/** Unsigned. */
export function crc32c(table: Crc32cTable, bytes: Uint8Array): number {
  let word = -1;
  for (let at = 0; at < bytes.length; at++) {
    word = (table[(word ^ (bytes[at] as number)) & 0xff] as number) ^ (word >>> 8);
  }
  return ~word >>> 0;
}

/** What LevelDB stores in place of a checksum, so that a checksum of bytes with checksums in them is none itself. */
export function maskedCrc(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + maskDelta) >>> 0;
}
