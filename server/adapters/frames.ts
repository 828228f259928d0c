// Frames on a direct stream: one byte of kind, four bytes of length (big-endian), then that many bytes. Probes are how an
// idle connection shows that it still reaches its end; they carry nothing.

import { readUint32, transientBytes, writeUint32 } from "../../storage/bytes.ts";

export const frameKinds = { message: 1, probe: 2, probeAnswer: 3 } as const;
export type FrameKind = (typeof frameKinds)[keyof typeof frameKinds];

export interface Frame {
  readonly kind: FrameKind;
  readonly bytes: Uint8Array;
}

const frameHeaderBytes = 5;

/** Length of the frame on the wire. */
export function frameBytes(frame: Frame): number {
  return frameHeaderBytes + frame.bytes.length;
}

/** All frames in one array of bytes, in order, for a stream that soon forgets it. */
export function encodeFrames(frames: readonly Frame[]): Uint8Array {
  const encoded = transientBytes(frames.reduce((total, frame) => total + frameBytes(frame), 0));
  let offset = 0;
  for (const { kind, bytes } of frames) {
    encoded[offset] = kind;
    writeUint32(encoded, offset + 1, bytes.length);
    encoded.set(bytes, offset + frameHeaderBytes);
    offset += frameHeaderBytes + bytes.length;
  }
  return encoded;
}

/** `broken` is final: what follows on the stream cannot be told apart any more. Frames before the break count. */
export interface FramesRead {
  readonly frames: readonly Frame[];
  readonly broken: string | null;
}

/** Cuts a stream of bytes into frames. Holds at most one unfinished frame. */
export class FrameReader {
  readonly #bytesMax: number;
  readonly #header = new Uint8Array(frameHeaderBytes);
  #headerLength = 0;
  #body: Uint8Array | null = null;
  #bodyLength = 0;
  #broken: string | null = null;

  /** @param bytesMax longest frame, header not counted */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** The frames that end in `chunk`, which must not change afterwards: a frame that is most of its memory is a view. */
  read(chunk: Uint8Array): FramesRead {
    const frames: Frame[] = [];
    let rest = chunk;
    while (rest.length > 0 && this.#broken === null) {
      const view = this.#viewOf(rest);
      if (view !== null) {
        frames.push(view);
        rest = rest.subarray(frameBytes(view));
        continue;
      }
      rest = this.#body === null ? this.#readHeader(rest) : this.#readBody(rest, this.#body);
      if (this.#body !== null && this.#bodyLength === this.#body.length) frames.push(this.#finish(this.#body));
    }
    return { frames, broken: this.#broken };
  }

  /** The frame with which `chunk` begins; null when it is better copied, so that it does not hold on to much else, or not whole. */
  #viewOf(chunk: Uint8Array): Frame | null {
    if (this.#headerLength > 0 || chunk.length < frameHeaderBytes || !isFrameKind(chunk[0])) return null;
    const length = readUint32(chunk, 1);
    const end = frameHeaderBytes + length;
    if (length > this.#bytesMax || end > chunk.length || 2 * length < chunk.buffer.byteLength) return null;
    return { kind: chunk[0], bytes: chunk.subarray(frameHeaderBytes, end) };
  }

  #readHeader(chunk: Uint8Array): Uint8Array {
    const part = chunk.subarray(0, frameHeaderBytes - this.#headerLength);
    this.#header.set(part, this.#headerLength);
    this.#headerLength += part.length;
    if (this.#headerLength === frameHeaderBytes) this.#openBody();
    return chunk.subarray(part.length);
  }

  #openBody(): void {
    const length = readUint32(this.#header, 1);
    if (!isFrameKind(this.#header[0])) this.#broken = `Frame of unknown kind ${this.#header[0]}`;
    else if (length > this.#bytesMax) this.#broken = `Frame of ${length} bytes, limit ${this.#bytesMax}`;
    else this.#body = new Uint8Array(length);
  }

  #readBody(chunk: Uint8Array, body: Uint8Array): Uint8Array {
    const part = chunk.subarray(0, body.length - this.#bodyLength);
    body.set(part, this.#bodyLength);
    this.#bodyLength += part.length;
    return chunk.subarray(part.length);
  }

  #finish(bytes: Uint8Array): Frame {
    this.#body = null;
    this.#bodyLength = 0;
    this.#headerLength = 0;
    return { kind: this.#header[0] as FrameKind, bytes };
  }
}

function isFrameKind(value: number | undefined): value is FrameKind {
  return value === frameKinds.message || value === frameKinds.probe || value === frameKinds.probeAnswer;
}
