// Records of noise on a stream of bytes: two bytes of length (big-endian), then that many bytes.

import { transientBytes } from "../../storage/bytes.ts";

const lengthBytes = 2;
export const recordBytesMax = 2 ** (8 * lengthBytes) - 1;

/** What a chunk is read as: libp2p has lists of bytes, which give themselves as one array. */
interface Chunk {
  readonly byteLength: number;
  subarray(): Uint8Array;
}

/** One array, so that it takes one write to the socket. */
export function encodeRecord(content: Uint8Array): Uint8Array {
  const record = transientBytes(lengthBytes + content.length);
  record[0] = content.length >>> 8;
  record[1] = content.length;
  record.set(content, lengthBytes);
  return record;
}

/** Cuts a stream of bytes into records. Holds at most one unfinished record, and joins its parts once. */
export class RecordReader {
  #parts: Uint8Array[] = [];
  #length = 0;
  /** Bytes of the unfinished record, as far as that is known. */
  #wanted = lengthBytes;

  /** The contents of the records that end in `chunk`, as views. */
  decode(chunk: Chunk): readonly Uint8Array[] {
    this.#parts.push(chunk.subarray());
    this.#length += chunk.byteLength;
    if (this.#length < this.#wanted) return [];
    const [first] = this.#parts;
    return this.#cut(
      this.#parts.length === 1 && first !== undefined ? first : Buffer.concat(this.#parts, this.#length),
    );
  }

  #cut(bytes: Uint8Array): readonly Uint8Array[] {
    const contents: Uint8Array[] = [];
    let start = 0;
    let end = endOfRecord(bytes, start);
    while (end <= bytes.length) {
      contents.push(bytes.subarray(start + lengthBytes, end));
      start = end;
      end = endOfRecord(bytes, start);
    }
    this.#length = bytes.length - start;
    this.#parts = this.#length === 0 ? [] : [bytes.subarray(start)];
    this.#wanted = end - start;
    return contents;
  }
}

/** Beyond the end of `bytes` when the record is unfinished. */
function endOfRecord(bytes: Uint8Array, start: number): number {
  const contentStart = start + lengthBytes;
  if (contentStart > bytes.length) return contentStart;
  return contentStart + (((bytes[start] ?? 0) << 8) | (bytes[start + 1] ?? 0));
}
