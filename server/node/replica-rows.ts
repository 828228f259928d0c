// The rows of one replica's state, sorted out: what a restart reads from disk and what a snapshot carries.

import { decodeAppliedRecord } from "../../proto/codec/records.ts";
import type { StateRow } from "../../proto/messages.ts";
import type { AppliedRecord } from "../../proto/model.ts";
import { compareBytes } from "../../storage/bytes.ts";
import { parseKey, rowOfSlot, type Slot, type StateTable } from "../../storage/keys.ts";
import type { VersionRow } from "../../storage/mvcc/types.ts";

export interface SmallRow extends StateRow {
  readonly table: StateTable;
}

export interface ReplicaRows {
  readonly slot: Slot;
  readonly applied: AppliedRecord;
  /** Keys without their slot. */
  readonly small: readonly SmallRow[];
  /** In order of revision and ordinal. */
  readonly versions: readonly VersionRow[];
}

/**
 * @param rows keys without their slot, in any order; sorted in place
 * @returns a string that says what is wrong
 * @throws {CodecError} when the applied record is damaged
 */
export function sortOut(slot: Slot, rows: StateRow[]): ReplicaRows | string {
  rows.sort((left, right) => compareBytes(left.key, right.key));
  const small: SmallRow[] = [];
  const versions: VersionRow[] = [];
  let applied: AppliedRecord | null = null;
  for (const row of rows) {
    const key = parseKey(rowOfSlot(slot, row.key));
    if (key.type === "version") versions.push({ revision: key.revision, ordinal: key.ordinal, value: row.value });
    else if (key.type !== "state") return "a row that belongs to no replica";
    else if (key.table === "applied") applied = decodeAppliedRecord(row.value);
    else small.push({ ...row, table: key.table });
  }
  return applied === null ? "the applied record is missing" : { slot, applied, small, versions };
}
