// Noise with the same bytes on the wire for less work: a record leaves in one write instead of two to four, and what comes in is
// cut into records without the exception that the library's reader throws, and catches, at the end of each chunk.

import type { ConnectionEncrypter, SecuredConnection } from "@libp2p/interface";
import { type NoiseComponents, noise } from "@libp2p/noise";
import { assert } from "../../proto/assert.ts";
import { noiseCrypto, tagBytes } from "./noise-crypto.ts";
import { encodeRecord, RecordReader, recordBytesMax } from "./records.ts";

const plainBytesMax = recordBytesMax - tagBytes;

interface Bytes {
  readonly byteLength: number;
  subarray(start?: number, end?: number): Uint8Array;
}

/** What a secured connection has and its interface does not tell. */
interface NoiseInside {
  readonly handshake: { encrypt(plain: Uint8Array): Bytes; decrypt(sealed: Uint8Array, target: Uint8Array): Bytes };
  readonly stream: { send(data: Uint8Array): boolean };
  decoder: { readonly buffer: Bytes } | RecordReader;
  decrypt(sealed: Uint8Array): Bytes;
  sendData(data: Bytes): { readonly sentBytes: number; readonly canSendMore: boolean };
}

export function encryption(): (components: NoiseComponents) => ConnectionEncrypter {
  const create = noise({ crypto: noiseCrypto() });
  return (components) => {
    const inner = create(components);
    const secureOutbound: ConnectionEncrypter["secureOutbound"] = async (connection, options) =>
      amended(await inner.secureOutbound(connection, options));
    const secureInbound: ConnectionEncrypter["secureInbound"] = async (connection, options) =>
      amended(await inner.secureInbound(connection, options));
    return Object.assign(Object.create(inner) as ConnectionEncrypter, { secureOutbound, secureInbound });
  };
}

function amended(secured: SecuredConnection): SecuredConnection {
  const inside = secured.connection as unknown as NoiseInside;
  const { decrypt, sendData, handshake, stream } = inside;
  const isKnown = [decrypt, sendData, handshake?.encrypt, handshake?.decrypt, stream?.send].every(
    (method) => typeof method === "function",
  );
  assert(isKnown, "noise has changed inside");
  receiveRecords(inside);
  sendRecords(inside);
  return secured;
}

function receiveRecords(inside: NoiseInside): void {
  const { handshake, decoder } = inside;
  const reader = new RecordReader();
  // The beginning of a record may have come together with the end of the handshake.
  if ("buffer" in decoder) assert(reader.decode(decoder.buffer).length === 0, "noise has left a whole record");
  inside.decoder = reader;
  inside.decrypt = (sealed) => {
    if (sealed.length < tagBytes) throw new Error(`A record of ${sealed.length} bytes has no tag`);
    return handshake.decrypt(sealed, sealed.subarray(0, sealed.length - tagBytes));
  };
}

function sendRecords(inside: NoiseInside): void {
  const { handshake, stream } = inside;
  inside.sendData = (data) => {
    let canSendMore = true;
    for (let start = 0; start < data.byteLength; start += plainBytesMax) {
      const end = Math.min(start + plainBytesMax, data.byteLength);
      canSendMore = stream.send(encodeRecord(handshake.encrypt(data.subarray(start, end)).subarray()));
    }
    return { sentBytes: data.byteLength, canSendMore };
  };
}
