// Which table files a LevelDB database consists of, from its MANIFEST: a log of edits (db/version_edit.cc, db/log_format.h).
// It judges nothing: what is wrong with CURRENT or MANIFEST LevelDB says itself when it opens.
//
//   block    32 KiB of records; record   crc u32 | length u16 | type: 1 whole · 2 first · 3 middle · 4 last | bytes

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { CutShort, LevelReader } from "./level-varint.ts";

const blockBytes = 32 * 1024;
const headerBytes = 7;
const tags = {
  comparator: 1,
  logNumber: 2,
  nextFile: 3,
  lastSequence: 4,
  compactPointer: 5,
  deletedFile: 6,
  newFile: 7,
  previousLog: 9,
} as const;

/** Numbers of the tables in force, ascending; none when there is no database, or its MANIFEST cannot be read. */
export async function liveTables(directory: string): Promise<readonly number[]> {
  const current = await readFile(join(directory, "CURRENT"), "latin1").catch(() => "");
  const name = /^(MANIFEST-\d+)\n$/.exec(current)?.[1];
  if (name === undefined) return [];
  const bytes = await readFile(join(directory, name)).catch(() => new Uint8Array(0));
  const live = new Set<number>();
  try {
    for (const edit of editsIn(bytes)) applyEdit(live, new LevelReader(edit));
  } catch (reason) {
    if (!(reason instanceof CutShort)) throw reason;
  }
  return [...live].sort((left, right) => left - right);
}

/** The edits up to the first record that is none. */
function* editsIn(bytes: Uint8Array): Generator<Uint8Array> {
  let parts: Uint8Array[] = [];
  for (let at = 0; at + headerBytes <= bytes.length; ) {
    const left = blockBytes - (at % blockBytes);
    if (left < headerBytes) {
      at += left;
      continue;
    }
    const length = (bytes[at + 4] as number) + (bytes[at + 5] as number) * 256;
    const type = bytes[at + 6] as number;
    const end = at + headerBytes + length;
    if (type < 1 || type > 4 || end > bytes.length) return;
    if (type <= 2) parts = [];
    parts.push(bytes.subarray(at + headerBytes, end));
    if (type === 1 || type === 4) yield Buffer.concat(parts);
    at = end;
  }
}

function applyEdit(live: Set<number>, edit: LevelReader): void {
  while (!edit.isAtEnd) {
    switch (edit.varint()) {
      case tags.comparator:
        edit.slice();
        break;
      case tags.logNumber:
      case tags.nextFile:
      case tags.lastSequence:
      case tags.previousLog:
        edit.varint();
        break;
      case tags.compactPointer:
        edit.varint();
        edit.slice();
        break;
      case tags.deletedFile:
        edit.varint();
        live.delete(edit.varint());
        break;
      case tags.newFile:
        edit.varint();
        live.add(edit.varint());
        edit.varint();
        edit.slice();
        edit.slice();
        break;
      default:
        throw new CutShort("an edit of a kind that is not known");
    }
  }
}
