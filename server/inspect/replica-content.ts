// What one replica's rows say, decoded as far as a report needs it.

import { decodeAppliedRecord, decodeGroupObject, decodeStatusComponent } from "../../proto/codec/records.ts";
import { compareNames, type NodeId, type Revision, toRevision } from "../../proto/ids.ts";
import type { GroupObject, StatusComponent } from "../../proto/model.ts";
import { bytesOf } from "../../storage/bytes.ts";
import { parseKey, rowOfSlot, type StateTable } from "../../storage/keys.ts";
import type { SlotContent } from "./disk-content.ts";

export interface ReplicaContent {
  /** UTF-8 where that prints, otherwise `0x` and hexadecimal digits; sorted. */
  readonly keys: readonly string[];
  readonly revision: Revision;
  /** null when the slot holds none. */
  readonly object: GroupObject | null;
  /** Nodes that the group has decided about. */
  readonly judged: readonly NodeId[];
  /** What does not decode. */
  readonly damaged: readonly string[];
}

/** Of a replica without a row. */
export const emptyReplica: ReplicaContent = {
  keys: [],
  revision: toRevision(1),
  object: null,
  judged: [],
  damaged: [],
};

export function readReplica(slot: SlotContent): ReplicaContent {
  const damaged: string[] = [];
  const read = <Value>(table: StateTable, decode: (bytes: Uint8Array) => Value): Value[] => {
    const found: Value[] = [];
    for (const row of slot.small) {
      const key = parseKey(rowOfSlot(slot.slot, row.key));
      if (key.type !== "state" || key.table !== table) continue;
      try {
        found.push(decode(row.value));
      } catch (reason) {
        damaged.push(
          `a row of table ${table} is damaged: ${reason instanceof Error ? reason.message : String(reason)}`,
        );
      }
    }
    return found;
  };
  const applied = read("applied", decodeAppliedRecord)[0];
  return {
    keys: [...slot.keys].map((key) => shownKey(bytesOf(key))).toSorted(compareNames),
    revision: applied?.revision ?? slot.newestVersion ?? toRevision(1),
    object: read("object", decodeGroupObject)[0] ?? null,
    judged: read("verdicts", decodeStatusComponent).map((component: StatusComponent) => component.node),
    damaged,
  };
}

/** A key that would print as something else is shown in hexadecimal, so that what is shown names one key. */
function shownKey(key: Uint8Array): string {
  const hexadecimal = `0x${Buffer.from(key).toString("hex")}`;
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(key);
    return /^[^\p{C}\p{Zl}\p{Zp}]+$/u.test(text) && !text.startsWith("0x") ? text : hexadecimal;
  } catch {
    return hexadecimal;
  }
}
