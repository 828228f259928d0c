// Proves before an opening that the tables of a LevelDB database are as they were written: each block carries a checksum,
// which LevelDB does not look at here (classic-level has no `verify_checksums`) and would return wrong values without an
// error. Format: doc/table_format.md of LevelDB.
//
//   table    data blocks … | filter block | meta index block | index block | footer
//   block    bytes | type: 0 not compressed | crc32c of bytes and type u32, little-endian, masked
//   footer   handle of the meta index | handle of the index | padding to 40 bytes | magic u64
//   handle   offset varint | size varint;   index entry   shared varint | unshared varint | length varint | key part | handle

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Crc32cTable, crc32c, createCrc32cTable, maskedCrc } from "./crc32c.ts";
import { liveTables } from "./level-manifest.ts";
import { CutShort, LevelReader } from "./level-varint.ts";

const footerBytes = 48;
const magicOffset = 40;
const magic = Buffer.from("57fb808b247547db", "hex");
const trailerBytes = 5;

interface Handle {
  readonly offset: number;
  readonly size: number;
}

/**
 * Looks at every byte of every table in force. The database may be open elsewhere: tables never change.
 *
 * @returns what is wrong with the first that is damaged; null: none is
 * @throws the system's error for a table that cannot be read
 */
export async function findDamagedTable(directory: string): Promise<string | null> {
  const crcTable = createCrc32cTable();
  for (const number of await liveTables(directory)) {
    const name = `${String(number).padStart(6, "0")}.ldb`;
    // One that is missing LevelDB itself notices.
    const bytes = await readFile(join(directory, name)).catch((reason: NodeJS.ErrnoException) => {
      if (reason.code === "ENOENT") return null;
      throw reason;
    });
    const problem = bytes === null ? null : problemOf(bytes, crcTable);
    if (problem !== null) return `table ${name}: ${problem}`;
  }
  return null;
}

function problemOf(bytes: Uint8Array, crcTable: Crc32cTable): string | null {
  try {
    return checkTable(bytes, crcTable);
  } catch (reason) {
    if (!(reason instanceof CutShort)) throw reason;
    return reason.message;
  }
}

function checkTable(bytes: Uint8Array, crcTable: Crc32cTable): string | null {
  const footer = bytes.subarray(Math.max(0, bytes.length - footerBytes));
  if (footer.length < footerBytes || !magic.equals(footer.subarray(magicOffset))) return "it has no footer";
  const handles = new LevelReader(footer);
  // The meta index leads to the filter, the index to the rows.
  for (const index of [readHandle(handles), readHandle(handles)]) {
    const problem = checkBlock(bytes, index, crcTable) ?? checkEntries(bytes, index, crcTable);
    if (problem !== null) return problem;
  }
  return null;
}

function checkEntries(bytes: Uint8Array, index: Handle, crcTable: Crc32cTable): string | null {
  for (const handle of indexEntries(bytes.subarray(index.offset, index.offset + index.size))) {
    const problem = checkBlock(bytes, handle, crcTable);
    if (problem !== null) return problem;
  }
  return null;
}

function checkBlock(bytes: Uint8Array, { offset, size }: Handle, crcTable: Crc32cTable): string | null {
  const end = offset + size + trailerBytes;
  if (end > bytes.length - footerBytes) return `a block at ${offset} ends behind the file`;
  const covered = bytes.subarray(offset, offset + size + 1);
  const stored = Buffer.from(bytes.buffer, bytes.byteOffset + end - 4, 4).readUInt32LE();
  if (maskedCrc(crc32c(crcTable, covered)) === stored) return null;
  return `checksum of the block at ${offset} is wrong`;
}

/** Of an index, whose own checksum holds. It ends with the offsets of restarts and their number. */
function* indexEntries(block: Uint8Array): Generator<Handle> {
  if (block.length < 8) throw new CutShort("the index is cut short");
  const restarts = Buffer.from(block.buffer, block.byteOffset, block.length).readUInt32LE(block.length - 4);
  const entries = new LevelReader(block.subarray(0, block.length - 4 - 4 * restarts));
  while (!entries.isAtEnd) {
    entries.varint();
    const unshared = entries.varint();
    const valueBytes = entries.varint();
    entries.take(unshared);
    yield readHandle(new LevelReader(entries.take(valueBytes)));
  }
}

function readHandle(reader: LevelReader): Handle {
  return { offset: reader.varint(), size: reader.varint() };
}
