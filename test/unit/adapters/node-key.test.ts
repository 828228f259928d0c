// The key file on a real disk: made once, private, whole or refused.

import assert from "node:assert/strict";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { peerIdFromPrivateKey } from "@libp2p/peer-id";
import { InvariantError } from "../../../proto/assert.ts";
import { DbError, type ErrorCode } from "../../../proto/errors.ts";
import { toBootNumber, toClusterId } from "../../../proto/ids.ts";
import { type BootRecord, createNodeKey, readNodeKey, recordBoot } from "../../../server/adapters/node-key.ts";

const cluster = toClusterId("00112233445566778899aabbccddeeff");
const otherCluster = toClusterId("ffeeddccbbaa99887766554433221100");

function keyFileOf(context: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "bailiwick-key-"));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, "secret", "node.key");
}

const fails = (code: ErrorCode, message: RegExp) => (error: unknown) =>
  error instanceof DbError && error.code === code && message.test(error.message);

test("createNodeKey() writes a key that readNodeKey() reads, for its user alone", async (context) => {
  const file = keyFileOf(context);
  const made = await createNodeKey(file);
  const read = await readNodeKey(file);
  assert.equal(read.identity, made.identity);
  assert.equal(peerIdFromPrivateKey(read.privateKey).toString(), made.identity);
  assert.equal(read.boot, 0);
  assert.equal(read.cluster, null);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.equal(statSync(join(file, "..")).mode & 0o777, 0o700);
  assert.deepEqual(readdirSync(join(file, "..")), ["node.key"]);
});

test("createNodeKey() never overwrites", async (context) => {
  const file = keyFileOf(context);
  await createNodeKey(file);
  const before = readFileSync(file, "utf8");
  await assert.rejects(createNodeKey(file), fails("already_exists", /node\.key/));
  assert.equal(readFileSync(file, "utf8"), before);
  assert.deepEqual(readdirSync(join(file, "..")), ["node.key"]);
});

test("readNodeKey() refuses a file that is missing or that others may read", async (context) => {
  const file = keyFileOf(context);
  await assert.rejects(readNodeKey(file), fails("not_found", /No node key/));
  await createNodeKey(file);
  chmodSync(file, 0o640);
  await assert.rejects(readNodeKey(file), fails("condition_failed", /mode 0640/));
});

test("readNodeKey() refuses whatever is not a whole, sound key", async (context) => {
  const file = keyFileOf(context);
  await createNodeKey(file);
  const sound = JSON.parse(readFileSync(file, "utf8"));
  const other = await createNodeKey(`${file}.other`);
  const broken = {
    empty: "",
    cut: readFileSync(file, "utf8").slice(0, 60),
    "not an object": "7",
    "no key": JSON.stringify({ ...sound, privateKey: undefined }),
    "key of garbage": JSON.stringify({ ...sound, privateKey: "AAAA" }),
    "another's identity": JSON.stringify({ ...sound, identity: other.identity }),
    "fractional boot": JSON.stringify({ ...sound, boot: 1.5 }),
    "negative boot": JSON.stringify({ ...sound, boot: -1 }),
    "cluster of another form": JSON.stringify({ ...sound, cluster: "x" }),
  };
  for (const [what, text] of Object.entries(broken)) {
    writeFileSync(file, text);
    await assert.rejects(readNodeKey(file), fails("corrupt", /Not a node key/), what);
  }
});

test("readNodeKey() reads a file without a format as the first, and refuses one of a later format", async (context) => {
  const file = keyFileOf(context);
  const { identity } = await createNodeKey(file);
  const sound = JSON.parse(readFileSync(file, "utf8"));
  assert.equal(sound.format, 1);
  writeFileSync(file, JSON.stringify({ ...sound, format: undefined }));
  assert.equal((await readNodeKey(file)).identity, identity);
  writeFileSync(file, JSON.stringify({ ...sound, format: 2 }));
  await assert.rejects(readNodeKey(file), fails("corrupt", /it has format 2, this version reads 1/));
});

function record(file: string, boot: number, more: Partial<BootRecord> = {}): Promise<void> {
  return recordBoot(file, { boot: toBootNumber(boot), cluster, recordInData: async () => {}, ...more });
}

test("recordBoot() keeps key and mode, and raises the number", async (context) => {
  const file = keyFileOf(context);
  const { identity } = await createNodeKey(file);
  await record(file, 1);
  await record(file, 5);
  const read = await readNodeKey(file);
  assert.deepEqual([read.identity, read.boot, read.cluster], [identity, 5, cluster]);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(join(file, "..")), ["node.key"]);
});

test("recordBoot() refuses another cluster, and a number that was used", async (context) => {
  const file = keyFileOf(context);
  await createNodeKey(file);
  await record(file, 2);
  await assert.rejects(record(file, 3, { cluster: otherCluster }), fails("condition_failed", /belongs to cluster/));
  await assert.rejects(record(file, 2), InvariantError);
  assert.equal((await readNodeKey(file)).boot, 2);
});

test("recordBoot() has the data record the start before the key does, so that a crash leaves the data ahead", async (context) => {
  const file = keyFileOf(context);
  await createNodeKey(file);
  const seen: number[] = [];
  await record(file, 1, { recordInData: async () => void seen.push((await readNodeKey(file)).boot) });
  assert.deepEqual([...seen, (await readNodeKey(file)).boot], [0, 1]);
});

test("recordBoot() leaves the key as it was, and no draft, when the data cannot record the start", async (context) => {
  const file = keyFileOf(context);
  await createNodeKey(file);
  const before = readFileSync(file, "utf8");
  const recordInData = () => Promise.reject(new Error("the disk is full"));
  await assert.rejects(record(file, 1, { recordInData }), /the disk is full/);
  assert.equal(readFileSync(file, "utf8"), before);
  assert.deepEqual(readdirSync(join(file, "..")), ["node.key"]);
});

test("recordBoot() refuses a file that cannot be written before the data has recorded the start", async (context) => {
  const file = keyFileOf(context);
  await createNodeKey(file);
  mkdirSync(`${file}.draft`);
  const recordInData = () => assert.fail("the data has recorded it");
  await assert.rejects(record(file, 1, { recordInData }), fails("condition_failed", /node\.key cannot be written/));
  rmdirSync(`${file}.draft`);
  await record(file, 1);
  assert.equal((await readNodeKey(file)).boot, 1);
});

test("recordBoot() writes over the draft that a crash has left", async (context) => {
  const file = keyFileOf(context);
  await createNodeKey(file);
  writeFileSync(`${file}.draft`, "half of a k", { mode: 0o644 });
  await record(file, 1);
  assert.equal((await readNodeKey(file)).boot, 1);
  assert.deepEqual(readdirSync(join(file, "..")), ["node.key"]);
});
