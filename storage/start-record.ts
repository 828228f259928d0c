// Starts of a node as they are stored: its own lineage, its present start, and the newest start that it knows of a peer.
// A flipped bit would accuse a healthy node of running on an old image: hence the checksum.
//
//   01 | crc32 u32 | of each start: boot u64, nonce 8 bytes, lap u64
//
// The checksum covers all bytes behind it.

import { crc32 } from "node:zlib";
import { assert } from "../proto/assert.ts";
import { toBootNumber } from "../proto/ids.ts";
import type { Start } from "../proto/messages.ts";
import { readUint32, readUint64, writeUint32, writeUint64 } from "./bytes.ts";

const recordVersion = 1;
const crcOffset = 1;
const bodyOffset = 5;
const startBytes = 24;

/** @param starts oldest first */
export function encodeStarts(starts: readonly Start[]): Uint8Array {
  const bytes = new Uint8Array(bodyOffset + starts.length * startBytes);
  bytes[0] = recordVersion;
  for (const [position, { boot, nonce, lap }] of starts.entries()) {
    assert(/^[0-9a-f]{16}$/.test(nonce), () => `nonce ${nonce} is not 16 hexadecimal digits`);
    const at = bodyOffset + position * startBytes;
    writeUint64(bytes, at, boot);
    bytes.set(Buffer.from(nonce, "hex"), at + 8);
    writeUint64(bytes, at + 16, lap);
  }
  writeUint32(bytes, crcOffset, crc32(bytes.subarray(bodyOffset)));
  return bytes;
}

/** @returns null when the bytes are no record of starts of a known version, or damaged */
export function decodeStarts(bytes: Uint8Array): readonly Start[] | null {
  const bodyBytes = bytes.byteLength - bodyOffset;
  if (bodyBytes < 0 || bodyBytes % startBytes !== 0 || bytes[0] !== recordVersion) return null;
  if (crc32(bytes.subarray(bodyOffset)) !== readUint32(bytes, crcOffset)) return null;
  const starts: Start[] = [];
  for (let at = bodyOffset; at < bytes.byteLength; at += startBytes) {
    const boot = readUint64(bytes, at);
    const lap = readUint64(bytes, at + 16);
    if (boot === null || lap === null) return null;
    starts.push({ boot: toBootNumber(boot), nonce: hexOf(bytes.subarray(at + 8, at + 16)), lap });
  }
  return starts;
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}
