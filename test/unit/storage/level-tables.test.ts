// The checks of LevelDB's own files: on tables that LevelDB has written, each bit of which is flipped in turn.

import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Level } from "level";
import { crc32c, createCrc32cTable, maskedCrc } from "../../../storage/crc32c.ts";
import { liveTables } from "../../../storage/level-manifest.ts";
import { LevelStore } from "../../../storage/level-store.ts";
import { findDamagedTable } from "../../../storage/level-tables.ts";

/** Where the two handles of a footer end, in the tables of these tests; what follows to the magic number is padding. */
const footerBytes = 48;

interface Filled {
  readonly rounds: number;
  readonly keys: number;
  readonly compacts: boolean;
}

/** Each opening turns what the one before it wrote into a table. */
async function filled(context: TestContext, { rounds, keys, compacts }: Filled): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), "bailiwick-tables-"));
  context.after(() => rmSync(directory, { recursive: true }));
  for (let round = 0; round < rounds; round++) {
    const db = new Level(directory, { compression: false });
    await db.open();
    const key = (number: number) => `key/${String(number).padStart(6, "0")}`;
    for (let number = 0; number < keys; number++) await db.put(key(number), `${round} ${"v".repeat(100)}`);
    if (compacts) await (db as Level & { compactRange(a: string, b: string): Promise<void> }).compactRange("a", "z");
    await db.close();
  }
  return directory;
}

const tablesIn = (directory: string) => readdirSync(directory).filter((name) => name.endsWith(".ldb"));

test("crc32c() and its mask are those of LevelDB", () => {
  const table = createCrc32cTable();
  assert.equal(crc32c(table, Buffer.from("123456789")), 0xe3069283);
  assert.equal(crc32c(table, Buffer.alloc(32)), 0x8a9136aa);
  assert.equal(maskedCrc(0), 0xa282ead8);
});

test("liveTables() names the tables that are there, before and after compactions", async (context) => {
  for (const compacts of [false, true]) {
    const directory = await filled(context, { rounds: 6, keys: 400, compacts });
    const live = (await liveTables(directory)).map((number) => `${String(number).padStart(6, "0")}.ldb`);
    assert.ok(live.length > 0);
    assert.deepEqual(live, tablesIn(directory).sort());
  }
});

test("liveTables() judges no directory, no CURRENT and no MANIFEST", async (context) => {
  const directory = await filled(context, { rounds: 2, keys: 1, compacts: false });
  const manifest = readdirSync(directory).find((name) => name.startsWith("MANIFEST")) ?? "";
  truncateSync(join(directory, manifest), 0);
  assert.deepEqual(await liveTables(directory), []);
  rmSync(join(directory, manifest));
  assert.deepEqual(await liveTables(directory), []);
  writeFileSync(join(directory, "CURRENT"), Buffer.alloc(16));
  assert.deepEqual(await liveTables(directory), []);
  assert.deepEqual(await liveTables(join(directory, "none")), []);
});

test("a flipped bit anywhere in a table is found, and nothing in one that is whole", async (context) => {
  const directory = await filled(context, { rounds: 2, keys: 60, compacts: true });
  assert.equal(await findDamagedTable(directory), null);
  for (const name of tablesIn(directory)) {
    const file = join(directory, name);
    const whole = readFileSync(file);
    for (let at = 0; at < whole.length; at += at < whole.length - footerBytes - 400 ? 37 : 1) {
      const damaged = Uint8Array.from(whole);
      damaged[at] = (damaged[at] as number) ^ (1 << (at % 8));
      writeFileSync(file, damaged);
      const problem = await findDamagedTable(directory);
      const isPadding = at >= whole.length - footerBytes + 6 && at < whole.length - 8;
      if (isPadding) continue;
      assert.match(problem ?? "", new RegExp(`^table ${name}: `), `byte ${at} of ${whole.length}`);
    }
    writeFileSync(file, whole);
  }
  assert.equal(await findDamagedTable(directory), null);
});

test("a table that is cut short is found", async (context) => {
  const directory = await filled(context, { rounds: 2, keys: 200, compacts: false });
  const file = join(directory, tablesIn(directory)[0] ?? "");
  const whole = readFileSync(file);
  for (let length = 0; length < whole.length; length += 101) {
    writeFileSync(file, whole.subarray(0, length));
    assert.notEqual(await findDamagedTable(directory), null, `${length} of ${whole.length} bytes`);
  }
});

test("LevelStore.open() names the table that is damaged, and the block", async (context) => {
  const directory = await filled(context, { rounds: 2, keys: 200, compacts: false });
  const file = join(directory, tablesIn(directory)[0] ?? "");
  const bytes = readFileSync(file);
  bytes[1000] = (bytes[1000] as number) ^ 1;
  writeFileSync(file, bytes);
  const message = /is damaged: table \d+\.ldb: checksum of the block at 0 is wrong/;
  for (let attempt = 0; attempt < 2; attempt++) {
    await assert.rejects(LevelStore.open(directory), { code: "corrupt", message });
  }
});
