// Bytes as the storage layer handles them: text form for map keys, 64-bit integers, byte order.
// A JavaScript number holds integers up to 2^53 - 1 exactly; anything above is refused when read, never rounded.

export const emptyBytes: Uint8Array = new Uint8Array(0);

/** Largest unsigned integer that a 64-bit field may hold here. */
export const uint64Max = Number.MAX_SAFE_INTEGER;

const two32 = 2 ** 32;

/**
 * Bytes to be written over as a whole, for what is soon forgotten: they are cut from memory that Node.js shares out, at a
 * fraction of what an array of its own costs, and hold on to all of that.
 */
export function transientBytes(length: number): Uint8Array {
  const { buffer, byteOffset } = Buffer.allocUnsafe(length);
  return new Uint8Array(buffer, byteOffset, length);
}

function bufferOver(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Up to here characters are made one by one sooner than by a Buffer. */
const shortBytes = 32;

/** One character per byte (latin1): a binary-safe map key whose `<` is byte order. */
export function textOf(bytes: Uint8Array): string {
  if (bytes.byteLength > shortBytes) return bufferOver(bytes).toString("latin1");
  return String.fromCharCode.apply(null, bytes as unknown as number[]);
}

/** The inverse of {@link textOf}; each character must be below 256. */
export function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, "latin1");
}

/** Big-endian, so that byte order is numeric order. */
export function writeUint32(target: Uint8Array, offset: number, value: number): void {
  target[offset] = value >>> 24;
  target[offset + 1] = value >>> 16;
  target[offset + 2] = value >>> 8;
  target[offset + 3] = value;
}

export function readUint32(source: Uint8Array, offset: number): number {
  const high = ((source[offset] ?? 0) << 8) | (source[offset + 1] ?? 0);
  const low = ((source[offset + 2] ?? 0) << 8) | (source[offset + 3] ?? 0);
  return high * 65536 + low;
}

/** @param value a safe integer, 0 or more */
export function writeUint64(target: Uint8Array, offset: number, value: number): void {
  writeUint32(target, offset, Math.floor(value / two32));
  writeUint32(target, offset + 4, value % two32);
}

/** @returns null when the field holds more than {@link uint64Max} */
export function readUint64(source: Uint8Array, offset: number): number | null {
  const value = readUint32(source, offset) * two32 + readUint32(source, offset + 4);
  return value <= uint64Max ? value : null;
}

/** Orders as LevelDB does: byte by byte, a prefix before what it begins. */
export function compareBytes(left: Uint8Array, right: Uint8Array): number {
  return Buffer.compare(left, right);
}

/** The smallest key greater than `key`; what follows a key in a paged scan. */
export function keyAfter(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.byteLength + 1);
  next.set(key);
  return next;
}
