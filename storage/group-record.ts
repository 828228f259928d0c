// Value of a group record: under which slot this node stores its replica of the group, and as what.
//
//   01 | slot u32 | role: 01 owner · 02 witness · 03 learner

import { readUint32, writeUint32 } from "./bytes.ts";
import type { Slot } from "./keys.ts";

const recordVersion = 1;
const roles = ["owner", "witness", "learner"] as const;

export interface GroupRecord {
  readonly slot: Slot;
  readonly role: (typeof roles)[number];
}

export function encodeGroupRecord(record: GroupRecord): Uint8Array {
  const bytes = new Uint8Array(6);
  bytes[0] = recordVersion;
  writeUint32(bytes, 1, record.slot);
  bytes[5] = roles.indexOf(record.role) + 1;
  return bytes;
}

/** @returns what is wrong, as text, when the bytes are no group record of a known version */
export function decodeGroupRecord(bytes: Uint8Array): GroupRecord | string {
  if (bytes[0] !== recordVersion) return `group record of format ${bytes[0]}, this version knows ${recordVersion}`;
  const role = roles[(bytes[5] ?? 0) - 1];
  if (bytes.byteLength !== 6 || role === undefined) return "group record is damaged";
  return { slot: readUint32(bytes, 1), role };
}
