// What earlier builds have stored is read to exact values for ever, and what a later one stores is refused by its number.
// fixtures/records.hex.txt holds one record of each shape and format (rows in protobuf have theirs in test/unit/proto/records.hex.txt);
// fixtures/node-format-*.json a whole node each as it was stopped, with a key that was made for it. None is ever changed.

import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { crc32 } from "node:zlib";
import { decodeGroupCommand } from "../../../proto/codec/commands.ts";
import { toGroupId, toIncarnation, toLogIndex, toMemberId, toNodeId, toRevision, toTerm } from "../../../proto/ids.ts";
import { founderId } from "../../../proto/membership.ts";
import { readNodeKey } from "../../../server/adapters/node-key.ts";
import { loadNodeConfig } from "../../../server/config/node-file.ts";
import type { NodeImage } from "../../../server/node/image.ts";
import { closeStore, openNodeData } from "../../../server/node-data.ts";
import { emptyBytes, textOf, writeUint32 } from "../../../storage/bytes.ts";
import { decodeGroupRecord, encodeGroupRecord } from "../../../storage/group-record.ts";
import { decodeHardState, encodeHardState } from "../../../storage/hard-state.ts";
import { decodeMark, markOperation } from "../../../storage/hard-state-mark.ts";
import { type MetaField, metaKey, metaRange } from "../../../storage/keys.ts";
import { LevelStore } from "../../../storage/level-store.ts";
import { decodeLogBoundary, decodeLogRun, encodeLogBoundary, encodeLogRun } from "../../../storage/log-rows.ts";
import { decodeVersion, encodeVersion } from "../../../storage/mvcc/versions.ts";
import type { Operation, ScanOutcome } from "../../../storage/ordered-store.ts";

const fixture = (name: string) => readFileSync(new URL(`fixtures/${name}`, import.meta.url), "utf8");

interface Shape {
  readonly value: unknown;
  /** null: this version writes another format. */
  readonly encode: (() => Uint8Array) | null;
  readonly decode: (bytes: Uint8Array) => unknown;
  /** Makes of the record one of a later format that is whole. */
  readonly newer: (bytes: Uint8Array) => void;
  readonly refusal: unknown;
}

const secondByte = (bytes: Uint8Array) => {
  bytes[0] = 2;
};
const thirdByte = (bytes: Uint8Array) => {
  bytes[0] = 3;
};
const kv = {
  key: Buffer.from("greeting"),
  value: Buffer.from("hello"),
  createRevision: toRevision(5),
  modRevision: toRevision(9),
  version: 3,
  lease: 0,
};
const versionAt = (value: Uint8Array) => decodeVersion({ revision: toRevision(9), ordinal: 0, value });
const logEnd = { term: toTerm(3), index: toLogIndex(17) };
const hash = { high: 0x01020304, low: 0xfffefdfc };
const logRecord = { entries: [{ ...logEnd, payload: Buffer.from("entry") }], hash };
const logRun = {
  entries: [...logRecord.entries, { term: toTerm(4), index: toLogIndex(18), payload: Buffer.alloc(0) }],
  hash,
};
const boundary = { ...logEnd, hash };
const hardState = {
  generation: 12,
  table: [
    {
      group: toGroupId("rg220"),
      incarnation: toIncarnation(1),
      member: founderId,
      term: toTerm(3),
      vote: toNodeId("n202"),
      acknowledged: toLogIndex(17),
      standIn: null,
    },
    {
      group: toGroupId("cluster"),
      incarnation: toIncarnation(1),
      member: toMemberId(4),
      term: toTerm(4),
      vote: null,
      acknowledged: toLogIndex(0),
      standIn: { term: 4, subterm: 1, owners: [toNodeId("n202"), toNodeId("n208")] },
    },
  ],
};
const groupRecord = { slot: 7, role: "owner", member: toMemberId(2) } as const;

function valueIn(operation: Operation): Uint8Array {
  assert.ok(operation.type === "put");
  return operation.value;
}

const shapes: Readonly<Record<string, Shape>> = {
  logRecord: {
    value: logRecord,
    encode: null,
    decode: decodeLogRun,
    newer: thirdByte,
    refusal: "run of format 3, this version knows 2",
  },
  logRun: {
    value: logRun,
    encode: () => encodeLogRun(logRun),
    decode: decodeLogRun,
    newer: thirdByte,
    refusal: "run of format 3, this version knows 2",
  },
  logBoundary: {
    value: boundary,
    encode: () => encodeLogBoundary(boundary),
    decode: decodeLogBoundary,
    newer: secondByte,
    refusal: "record of format 2, this version knows 1",
  },
  groupRecord: {
    value: groupRecord,
    encode: () => encodeGroupRecord(groupRecord),
    decode: decodeGroupRecord,
    newer: secondByte,
    refusal: "group record of format 2, this version knows 1",
  },
  versionPut: {
    value: { key: kv.key, kv, endedLease: 0 },
    encode: () => encodeVersion(kv.key, kv),
    decode: versionAt,
    newer: secondByte,
    refusal: "format 2, this version knows 1",
  },
  versionDeletion: {
    value: { key: kv.key, kv: null, endedLease: 0 },
    encode: () => encodeVersion(kv.key, null),
    decode: versionAt,
    newer: secondByte,
    refusal: "format 2, this version knows 1",
  },
  versionExpiry: {
    value: { key: kv.key, kv: null, endedLease: 2 ** 40 + 9 },
    encode: () => encodeVersion(kv.key, null, 2 ** 40 + 9),
    decode: versionAt,
    newer: secondByte,
    refusal: "format 2, this version knows 1",
  },
  hardStateMark: {
    value: 12,
    encode: () => valueIn(markOperation(12)),
    decode: decodeMark,
    newer: secondByte,
    refusal: "hard state mark of format 2, this version knows 1",
  },
  hardState: {
    value: hardState,
    encode: () => encodeHardState(hardState),
    decode: decodeHardState,
    newer: secondHardState,
    refusal: { unknownFormat: 2 },
  },
};

/** Version, generation, length and body are under the checksum, which stands between them. */
function secondHardState(bytes: Uint8Array): void {
  bytes[4] = 2;
  const body = bytes.subarray(21, 21 + Buffer.from(bytes).readUInt32BE(13));
  writeUint32(bytes, 17, crc32(body, crc32(bytes.subarray(4, 17))));
}

const kept = new Map(
  fixture("records.hex.txt")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.split(" ") as [string, string]),
);

for (const [name, shape] of Object.entries(shapes)) {
  test(`a ${name} is read to exact values, and one of a later format is refused by its number`, () => {
    const bytes = Buffer.from(kept.get(name) ?? "", "hex");
    if (shape.encode !== null) assert.equal(Buffer.from(shape.encode()).toString("hex"), kept.get(name));
    assert.deepEqual(shape.decode(bytes), shape.value);
    shape.newer(bytes);
    assert.deepEqual(shape.decode(bytes), shape.refusal);
  });
}

const first = "node-format-1.json";
const second = "node-format-2.json";

interface StoredNode {
  readonly "cluster.yaml": string;
  readonly "node.yaml": string;
  readonly "node.key": string;
  /** Files of the data directory, base64. */
  readonly data: Readonly<Record<string, string>>;
}

/** Lays a node out. @returns its directory */
function laidOut(context: TestContext, stored: string): string {
  const parent = mkdtempSync(join(tmpdir(), "bailiwick-formats-"));
  context.after(() => rmSync(parent, { recursive: true }));
  const { data, ...files } = JSON.parse(fixture(stored)) as StoredNode;
  const directory = join(parent, "n1");
  for (const [name, content] of Object.entries(data)) {
    const file = join(directory, "data", name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, Buffer.from(content, "base64"));
  }
  writeFileSync(join(parent, "cluster.yaml"), files["cluster.yaml"]);
  writeFileSync(join(directory, "node.yaml"), files["node.yaml"]);
  writeFileSync(join(directory, "node.key"), files["node.key"]);
  chmodSync(join(directory, "node.key"), 0o600);
  return directory;
}

async function start(directory: string): Promise<NodeImage> {
  const config = await loadNodeConfig({ file: join(directory, "node.yaml"), environment: {}, insecure: false });
  const { store, image } = await openNodeData(config, await readNodeKey(config.keyFile));
  await closeStore(store);
  return image;
}

test("a node that was stored in format 1 starts with all that it had", async (context) => {
  const directory = laidOut(context, first);
  const image = await start(directory);
  assert.deepEqual(
    [image.node, image.cluster, image.boot, image.quarantine],
    ["n1", "a155334f30c8fb682fbc20b3b35a166d", 2, null],
  );
  assert.equal((await readNodeKey(join(directory, "node.key"))).boot, 2);
  assert.deepEqual(image.hardStates, [
    { group: "g", incarnation: 1, member: 1, term: 2, vote: "n1", acknowledged: 12, standIn: null },
    { group: "cluster", incarnation: 1, member: 1, term: 1, vote: "n3", acknowledged: 1, standIn: null },
  ]);
  assert.deepEqual(keysIn(image), ["a 4 6", `b ${"x".repeat(40)} 5`]);
  assert.deepEqual(entriesIn(image), [
    "1/1 ",
    ...[2, 3, 4].map((index) => `1/${index} verdicts`),
    "1/5 own",
    ...[6, 7].map((index) => `1/${index} write`),
    "2/8 ",
    ...[9, 10, 11, 12].map((index) => `2/${index} write`),
  ]);
});

test("a node that was stored in format 2 starts with all that it had", async (context) => {
  const directory = laidOut(context, second);
  const image = await start(directory);
  assert.deepEqual(
    [image.node, image.cluster, image.boot, image.quarantine],
    ["n1", "6da9a321ddbd5666d626de72a52a62b8", 3, null],
  );
  assert.deepEqual(image.hardStates, [
    { group: "cluster", incarnation: 1, member: 1, term: 2, vote: "n2", acknowledged: 4, standIn: null },
    { group: "g", incarnation: 1, member: 1, term: 2, vote: "n3", acknowledged: 26, standIn: null },
  ]);
  assert.deepEqual(
    keysIn(image),
    ["a 2 15", "b 3 19", "k0  3", "k1 x 4", "k10 xxxxxxxxxx 13", "k11 xxxxxxxxxxx 14"].concat(
      [2, 3, 4, 5, 6, 7, 8, 9].map((size) => `k${size} ${"x".repeat(size)} ${size + 3}`),
    ),
  );
  const writes = Array.from({ length: 12 }, (_, more) => `1/${6 + more} write`);
  assert.deepEqual(entriesIn(image), [
    ...["1/1 ", "1/2 verdicts", "1/3 write", "1/4 verdicts", "1/5 own"],
    ...writes,
    ...["2/18 ", "2/19 verdicts", "2/20 own", "2/21 verdicts"],
    ...[22, 23, 24, 25, 26].map((index) => `2/${index} write`),
  ]);
});

/** Of its group: key, value and revision. */
function keysIn({ groups: [group] }: NodeImage): string[] {
  assert.deepEqual([group?.group, group?.role, group?.state.object.owners], ["g", "owner", ["n1", "n2", "n3"]]);
  const page = group?.state.mvcc.range({ start: Buffer.alloc(0), end: null }, { at: null, limit: 100 });
  assert(page?.type === "page");
  return page.kvs.map(({ key, value, modRevision }) => `${textOf(key)} ${textOf(value)} ${modRevision}`);
}

/** Of its group: term, index and kind. */
function entriesIn({ groups: [group] }: NodeImage): string[] {
  assert(group !== undefined);
  const kindOf = (payload: Uint8Array) => (payload.length === 0 ? "" : decodeGroupCommand(payload).type);
  return group.entries.map(({ term, index, payload }) => `${term}/${index} ${kindOf(payload)}`);
}

test("the start that reads data of format 1 makes it data of format 3, which earlier builds refuse", async (context) => {
  const directory = laidOut(context, first);
  await start(directory);
  assert.equal(textOf((await metaRow(directory, "formatVersion")) ?? emptyBytes), "3");
  const again = await start(directory);
  assert.deepEqual([again.boot, again.quarantine, again.groups[0]?.entries.length], [3, null, 12]);
});

test("a node that was stored in format 4 is refused by its number", async (context) => {
  const directory = laidOut(context, first);
  await withRows(directory, async (store) => {
    const put = { type: "put", key: metaKey("formatVersion"), value: Buffer.from("4") } as const;
    await new Promise((resolve) => store.write([put], true, resolve));
  });
  const files = readdirSync(join(directory, "data")).sort();
  await assert.rejects(start(directory), {
    code: "condition_failed",
    message: /the data has format 4, this version reads 1, 2, 3/,
  });
  assert.deepEqual(readdirSync(join(directory, "data")).sort(), files, "nothing is set aside");
});

test("a node with a hard state of format 2 is refused by its number, whichever slot says so", async (context) => {
  for (const name of ["hard-state.a", "hard-state.b"]) {
    const directory = laidOut(context, first);
    const slot = join(directory, "data", name);
    const bytes = readFileSync(slot);
    secondHardState(bytes);
    writeFileSync(slot, bytes);
    await assert.rejects(start(directory), { code: "condition_failed", message: /format 2, this version reads 1/ });
  }
});

async function metaRow(directory: string, field: MetaField): Promise<Uint8Array | undefined> {
  const { rows } = await withRows(directory, (store) => {
    const limits = { rowsMax: 100, bytesMax: 1e6 };
    return new Promise<Extract<ScanOutcome, { type: "rows" }>>((resolve, reject) => {
      store.scan(metaRange(), limits, (outcome) => (outcome.type === "rows" ? resolve(outcome) : reject(outcome)));
    });
  });
  return rows.find(({ key }) => textOf(key) === textOf(metaKey(field)))?.value;
}

async function withRows<Result>(directory: string, use: (store: LevelStore) => Promise<Result>): Promise<Result> {
  const store = await LevelStore.open(join(directory, "data", "rows"));
  try {
    return await use(store);
  } finally {
    await new Promise<void>((resolve) => store.close(resolve));
  }
}
