// Numbered batches on a stream of bytes, which a stream may cut and join as it likes: four bytes of length, six bytes of
// number (both big-endian), then the content. The least that a stream needs, so that the ceiling owes nothing to the product.

const lengthBytes = 4;
const numberBytes = 6;
const headerBytes = lengthBytes + numberBytes;

export interface Piece {
  /** 1 or more, growing. */
  readonly number: number;
  /** As on the wire, with its header; a view. */
  readonly bytes: Buffer;
}

/** @param number 1 to 2^48 - 1 */
export function encodePiece(number: number, contents: readonly Uint8Array[]): Buffer {
  const header = Buffer.allocUnsafe(headerBytes);
  const piece = Buffer.concat([header, ...contents]);
  piece.writeUInt32BE(piece.length);
  piece.writeUIntBE(number, lengthBytes, numberBytes);
  return piece;
}

/** The number as a key whose byte order is the order of numbers. */
export function keyOfNumber(number: number): Buffer {
  const key = Buffer.allocUnsafe(numberBytes);
  key.writeUIntBE(number, 0, numberBytes);
  return key;
}

export class PieceReader {
  #rest: Buffer = Buffer.alloc(0);

  /** The pieces that end in `chunk`, in order. */
  read(chunk: Uint8Array): readonly Piece[] {
    const bytes = asBuffer(chunk);
    let rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    const pieces: Piece[] = [];
    while (rest.length >= headerBytes && rest.length >= rest.readUInt32BE()) {
      const end = rest.readUInt32BE();
      pieces.push({ number: rest.readUIntBE(lengthBytes, numberBytes), bytes: rest.subarray(0, end) });
      rest = rest.subarray(end);
    }
    this.#rest = rest;
    return pieces;
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
