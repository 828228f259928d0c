// The stream of puts of the ceiling. A message of the client: a 4-byte count (little-endian), then so many requests of one
// length. A message of the server: how many more are answered, in the order in which they were sent.

import type { MethodDefinition } from "@grpc/grpc-js";

const countBytes = 4;
const asIs = (bytes: Buffer) => bytes;

export const putsMethod: MethodDefinition<Buffer, Buffer> = {
  path: "/bailiwick.bench.Ceiling/Puts",
  requestStream: true,
  responseStream: true,
  requestSerialize: asIs,
  requestDeserialize: asIs,
  responseSerialize: asIs,
  responseDeserialize: asIs,
};

/** @param requests one or more, all of one length */
export function joinPuts(requests: readonly Uint8Array[]): Buffer {
  return Buffer.concat([encodeCount(requests.length), ...requests]);
}

/** The requests of a message, as views. */
export function splitPuts(message: Buffer): readonly Buffer[] {
  const count = readCount(message);
  const length = (message.length - countBytes) / count;
  return Array.from({ length: count }, (_, at) => {
    return message.subarray(countBytes + at * length, countBytes + (at + 1) * length);
  });
}

export function encodeCount(count: number): Buffer {
  const bytes = Buffer.allocUnsafe(countBytes);
  bytes.writeUInt32LE(count);
  return bytes;
}

export function readCount(message: Buffer): number {
  return message.readUInt32LE();
}
