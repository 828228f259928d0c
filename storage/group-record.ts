// Value of a group record: under which slot this node stores its replica of the group, as what, and as which member.
//
//   01 | crc32 u32 | slot u32 | role: 01 owner · 02 witness · 03 learner · 04 gone | member u64
//
// The checksum covers all bytes behind it.

import { crc32 } from "node:zlib";
import type { MemberId } from "../proto/ids.ts";
import { readUint32, readUint64, writeUint32, writeUint64 } from "./bytes.ts";
import type { Slot } from "./keys.ts";

const recordVersion = 1;
const recordBytes = 18;
const bodyOffset = 5;
const roles = ["owner", "witness", "learner", "gone"] as const;

export interface GroupRecord {
  readonly slot: Slot;
  /**
   * `learner`: a copy without a log, which takes no part in the group. `gone`: nothing is stored, and this member number, and
   * every lower one, is never used here again: its votes and acknowledgements are forgotten.
   */
  readonly role: (typeof roles)[number];
  readonly member: MemberId;
}

export function encodeGroupRecord(record: GroupRecord): Uint8Array {
  const bytes = new Uint8Array(recordBytes);
  bytes[0] = recordVersion;
  writeUint32(bytes, 5, record.slot);
  bytes[9] = roles.indexOf(record.role) + 1;
  writeUint64(bytes, 10, record.member);
  writeUint32(bytes, 1, crc32(bytes.subarray(bodyOffset)));
  return bytes;
}

/** @returns what is wrong, as text, when the bytes are no group record of a known version */
export function decodeGroupRecord(bytes: Uint8Array): GroupRecord | string {
  if (bytes[0] !== recordVersion) return `group record of format ${bytes[0]}, this version knows ${recordVersion}`;
  if (bytes.byteLength !== recordBytes) return "group record is damaged";
  if (crc32(bytes.subarray(bodyOffset)) !== readUint32(bytes, 1)) return "group record is damaged";
  const role = roles[(bytes[9] ?? 0) - 1];
  const member = readUint64(bytes, 10);
  if (role === undefined || member === null) return "group record is damaged";
  return { slot: readUint32(bytes, 5), role, member: member as MemberId };
}
