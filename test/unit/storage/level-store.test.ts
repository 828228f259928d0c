// What the level store adds to the port's contract: opening, damage, failed writes, what its files look like.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Level } from "level";
import { LevelStore } from "../../../storage/level-store.ts";
import type { Operation, OrderedStore, WriteOutcome } from "../../../storage/ordered-store.ts";

function directoryOf(context: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "bailiwick-level-"));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

const put = (key: string, value: Uint8Array | string): Operation => ({
  type: "put",
  key: Buffer.from(key),
  value: Buffer.from(value),
});
const write = (store: OrderedStore, operations: readonly Operation[], sync: boolean): Promise<WriteOutcome> =>
  new Promise((resolve) => store.write(operations, sync, resolve));
const close = (store: OrderedStore): Promise<void> => new Promise((resolve) => store.close(resolve));

async function written(directory: string, ...operations: Operation[]): Promise<void> {
  const store = await LevelStore.open(directory);
  assert.deepEqual(await write(store, operations, true), { type: "done" });
  await close(store);
}

const fileOf = (directory: string, pattern: RegExp): string =>
  join(directory, readdirSync(directory).find((name) => pattern.test(name)) ?? assert.fail(`no file ${pattern}`));

test("open() names the directory when another process holds it", async (context) => {
  const directory = directoryOf(context);
  const script = `
    import { LevelStore } from ${JSON.stringify(new URL("../../../storage/level-store.ts", import.meta.url).href)};
    await LevelStore.open(${JSON.stringify(directory)});
    process.stdout.write("open");
    setInterval(() => {}, 1000);`;
  const holder = spawn(process.execPath, ["--input-type=module-typescript", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  context.after(() => holder.kill("SIGKILL"));
  await once(holder.stdout, "data");
  await assert.rejects(LevelStore.open(directory), {
    code: "condition_failed",
    message: `Directory ${directory} is held by another process`,
  });
  holder.kill("SIGKILL");
  await once(holder, "exit");
  await close(await LevelStore.open(directory));
});

test("open() refuses a second handle of the same process", async (context) => {
  const directory = directoryOf(context);
  const store = await LevelStore.open(directory);
  await assert.rejects(LevelStore.open(directory), { code: "condition_failed" });
  await close(store);
});

test("open() says corrupt for a lost or damaged CURRENT, MANIFEST or table, and repairs nothing", async (context) => {
  const damage: Record<string, (directory: string) => void> = {
    "CURRENT lost": (directory) => rmSync(join(directory, "CURRENT")),
    "CURRENT zeroed": (directory) => writeFileSync(join(directory, "CURRENT"), Buffer.alloc(16)),
    "MANIFEST lost": (directory) => rmSync(fileOf(directory, /^MANIFEST/)),
    "MANIFEST emptied": (directory) => writeFileSync(fileOf(directory, /^MANIFEST/), ""),
    "table lost": (directory) => rmSync(fileOf(directory, /\.ldb$/)),
  };
  for (const [name, destroy] of Object.entries(damage)) {
    const directory = directoryOf(context);
    // The second opening turns the log of the first into a table.
    await written(directory, put("a", "1"));
    await written(directory, put("b", "2"));
    destroy(directory);
    await assert.rejects(LevelStore.open(directory), { code: "corrupt" }, name);
    await assert.rejects(LevelStore.open(directory), { code: "corrupt" }, `${name}, again`);
  }
});

test("open() passes on what the system refuses", async (context) => {
  const path = join(directoryOf(context), "file");
  writeFileSync(path, "");
  await assert.rejects(LevelStore.open(path), { code: "internal" });
});

test("values are in the files as they were written, in the log and in tables", async (context) => {
  const directory = directoryOf(context);
  const value = Buffer.alloc(4000, "abcdefgh");
  await written(directory, put("a", value));
  assert.ok(readFileSync(fileOf(directory, /\.log$/)).includes(value));
  await written(directory);
  assert.ok(readFileSync(fileOf(directory, /\.ldb$/)).includes(value));
});

test("a full log file is synced before LevelDB replaces it, when it holds unsynced writes", async (context) => {
  const directory = directoryOf(context);
  const handle = await open(join(directory, "any"), "w");
  const datasync = context.mock.method(Object.getPrototypeOf(handle), "datasync");
  await handle.close();
  const store = await LevelStore.open(directory);
  const fill = (sync: boolean) => write(store, [put("k", Buffer.alloc(1 << 20))], sync);
  for (let megabyte = 0; megabyte < 4; megabyte++) await fill(false);
  assert.equal(datasync.mock.callCount(), 0);
  await fill(true);
  assert.equal(datasync.mock.callCount(), 1);
  for (let megabyte = 0; megabyte < 12; megabyte++) await fill(true);
  assert.equal(datasync.mock.callCount(), 1, "nothing unsynced, nothing to sync");
  await close(store);
});

test("write() hands the wish for a sync on to LevelDB", async (context) => {
  const directory = directoryOf(context);
  const probe = new Level(join(directory, "probe"));
  await probe.open();
  const chainedBatch = Object.getPrototypeOf(Object.getPrototypeOf(probe.batch()));
  await probe.close();
  const written = context.mock.method(chainedBatch, "write");
  const store = await LevelStore.open(join(directory, "db"));
  await write(store, [put("a", "1")], false);
  await write(store, [put("a", "2")], true);
  await write(store, [], true);
  await write(store, [put("a", "3")], false);
  await write(store, [], true);
  const syncs = written.mock.calls.map((call: { arguments: unknown[] }) => call.arguments[0]);
  assert.deepEqual(syncs, [{ sync: false }, { sync: true }, { sync: false }, { sync: true }]);
  await close(store);
});

/**
 * Writes under a limit on the size of files: `c` does not fit. The limit is lifted when its failure is reported, so that
 * LevelDB itself would say "done" to all that follows.
 */
const failingScript = (directory: string): string => `
  import { execFileSync } from "node:child_process";
  import { LevelStore } from ${JSON.stringify(new URL("../../../storage/level-store.ts", import.meta.url).href)};
  const store = await LevelStore.open(${JSON.stringify(directory)});
  const write = (key, size, then = () => {}) => new Promise((resolve) =>
    store.write([{ type: "put", key: Buffer.from(key), value: Buffer.alloc(size) }], true, ({ type }) => {
      then();
      resolve(key + " " + type);
    }));
  const lift = () => execFileSync("prlimit", ["--pid", String(process.pid), "--fsize=unlimited:"]);
  const outcomes = [await write("a", 1000), await write("b", 500_000)];
  outcomes.push(...await Promise.all([write("c", 500_000, lift), write("d", 10)]), await write("e", 10));
  process.stdout.write(outcomes.join(", "));
  process.exit(0);`;

test("the first failed write ends the handle, and what was synced before is there", async (context) => {
  const directory = directoryOf(context);
  const command = `ulimit -S -f 800; exec "$0" --input-type=module-typescript -e "$1"`;
  const child = spawn("bash", ["-c", command, process.execPath, failingScript(directory)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.on("data", (text) => {
    output += text;
  });
  await once(child, "close");
  assert.equal(output, "a done, b done, c failed, d failed, e failed");
  const store = await LevelStore.open(directory);
  const keys = await new Promise<string[]>((resolve) =>
    store.scan({ start: Buffer.from(""), end: Buffer.from("z") }, { rowsMax: 10, bytesMax: 1e9 }, (outcome) =>
      resolve(outcome.type === "rows" ? outcome.rows.map(({ key }) => Buffer.from(key).toString()) : []),
    ),
  );
  assert.deepEqual(keys.slice(0, 2), ["a", "b"]);
  assert.ok(!keys.includes("d") && !keys.includes("e"));
  await close(store);
});
