// A row beside the log that says how new the hard state is at least: the generation that was durable when the row was
// written. Slot files that are all older than that have lost a vote, which they alone could not tell from a torn write.
//
//   01 | generation u64

import { readUint64, writeUint64 } from "./bytes.ts";
import { hardStateMarkKey } from "./keys.ts";
import type { Operation } from "./ordered-store.ts";

const markVersion = 1;
const markBytes = 9;

export function markOperation(generation: number): Operation {
  const value = new Uint8Array(markBytes);
  value[0] = markVersion;
  writeUint64(value, 1, generation);
  return { type: "put", key: hardStateMarkKey(), value };
}

/** @returns what is wrong, as text, when the bytes are no mark of a known version */
export function decodeMark(bytes: Uint8Array): number | string {
  if (bytes[0] !== markVersion) return `hard state mark of format ${bytes[0]}, this version knows ${markVersion}`;
  const generation = bytes.byteLength === markBytes ? readUint64(bytes, 1) : null;
  return generation ?? "hard state mark is damaged";
}
