// Damage to what a stopped node has on its disk, as media and LevelDB do it: a bit of a row flips, a row is gone from the
// middle, the newest rows of a log are gone. It says what it did; whether anybody notices is for the node to show.

import { present } from "../../proto/assert.ts";
import type { Random } from "../../proto/random.ts";
import { everyRange, type ParsedKey, parseKey } from "../../storage/keys.ts";
import type { Row } from "../../storage/ordered-store.ts";
import type { SimDisk } from "./sim-disk.ts";

export type Rot = "flip" | "lostRow" | "lostTail" | "lostSlots";
/** Of the key layout, the applied record set apart from the state whose hash it holds. */
export type RowKind = ParsedKey["type"] | "applied";

export interface Damage {
  readonly rot: Rot;
  readonly kind: RowKind | "hardState";
  /** For people. */
  readonly text: string;
}

const allRows = { rowsMax: Number.MAX_SAFE_INTEGER, bytesMax: Number.MAX_SAFE_INTEGER };

/** @returns null when the disk holds no such row */
export function flipBit(disk: SimDisk, kinds: readonly RowKind[], random: Random): Damage | null {
  const row = pickRow(disk, kinds, random);
  if (row === null) return null;
  const bit = random.between(0, row.value.byteLength * 8 - 1);
  const value = row.value.slice();
  value[bit >> 3] = (value[bit >> 3] as number) ^ (1 << (bit & 7));
  disk.writeAtOnce([{ type: "put", key: row.key, value }]);
  return damageOf("flip", row, `bit ${bit} of ${row.value.byteLength} bytes`);
}

/** @returns null when the disk holds no such row */
export function loseRow(disk: SimDisk, kinds: readonly RowKind[], random: Random): Damage | null {
  const row = pickRow(disk, kinds, random);
  if (row === null) return null;
  disk.writeAtOnce([{ type: "delete", key: row.key }]);
  return damageOf("lostRow", row, "the row");
}

/** Neither slot of the hard states can be read any more. @returns null when nothing was ever written to them */
export function loseSlots(disk: SimDisk): Damage | null {
  if (disk.isNew) return null;
  disk.rotSlots();
  return { rot: "lostSlots", kind: "hardState", text: "lostSlots: both slots of the hard states" };
}

/** The newest records of one replica's log are gone. @returns null when no log holds any */
export function loseTail(disk: SimDisk, random: Random): Damage | null {
  const row = pickRow(disk, ["log"], random);
  if (row === null) return null;
  const first = present(logPlace(row), "place of a log record");
  const behind = rowsOf(disk, ["log"]).filter((each) => {
    const place = logPlace(each);
    return place !== null && place.slot === first.slot && place.index >= first.index;
  });
  disk.writeAtOnce(behind.map(({ key }) => ({ type: "delete", key })));
  return damageOf("lostTail", row, `${behind.length} records to the end`);
}

function logPlace({ key }: Row): { readonly slot: number; readonly index: number } | null {
  const parsed = parseKey(key);
  return parsed.type === "log" ? parsed : null;
}

/** Rows of nothing cannot rot. */
function rowsOf(disk: SimDisk, kinds: readonly RowKind[]): readonly Row[] {
  const { rows } = disk.durablePage(everyRange(), allRows);
  return rows.filter(({ key, value }) => value.byteLength > 0 && kinds.includes(kindOf(key)));
}

/** Every kind that is there is as likely as every other, however many rows it has. */
function pickRow(disk: SimDisk, kinds: readonly RowKind[], random: Random): Row | null {
  const rows = rowsOf(disk, kinds);
  if (rows.length === 0) return null;
  const kind = random.pick([...new Set(rows.map(({ key }) => kindOf(key)))]);
  return random.pick(rows.filter(({ key }) => kindOf(key) === kind));
}

function damageOf(rot: Rot, { key }: Row, what: string): Damage {
  const kind = kindOf(key);
  return { rot, kind, text: `${rot}: ${what} of ${kind} ${Buffer.from(key).toString("hex")}` };
}

function kindOf(key: Uint8Array): RowKind {
  const parsed = parseKey(key);
  return parsed.type === "state" && parsed.table === "applied" ? "applied" : parsed.type;
}
