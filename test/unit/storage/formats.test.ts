// What earlier builds have stored is read to exact values for ever, and what a later one stores is refused by its number.
// fixtures/records.hex.txt holds one record of each shape (rows in protobuf have theirs in test/unit/proto/records.hex.txt);
// fixtures/node-format-1.json a whole node as it was stopped, with a key that was made for it. Neither is ever changed.

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
import { textOf, writeUint32 } from "../../../storage/bytes.ts";
import { decodeGroupRecord, encodeGroupRecord } from "../../../storage/group-record.ts";
import { decodeHardState, encodeHardState } from "../../../storage/hard-state.ts";
import { decodeMark, markOperation } from "../../../storage/hard-state-mark.ts";
import { metaKey } from "../../../storage/keys.ts";
import { LevelStore } from "../../../storage/level-store.ts";
import { decodeLogRecord, encodeLogRecord } from "../../../storage/log-record.ts";
import { decodeVersion, encodeVersion } from "../../../storage/mvcc/versions.ts";
import type { Operation } from "../../../storage/ordered-store.ts";

const fixture = (name: string) => readFileSync(new URL(`fixtures/${name}`, import.meta.url), "utf8");

interface Shape {
  readonly value: unknown;
  readonly encode: () => Uint8Array;
  readonly decode: (bytes: Uint8Array) => unknown;
  /** Makes of the record one of format 2 that is whole. */
  readonly newer: (bytes: Uint8Array) => void;
  readonly refusal: unknown;
}

const secondByte = (bytes: Uint8Array) => {
  bytes[0] = 2;
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
const logRecord = {
  term: toTerm(3),
  index: toLogIndex(17),
  hash: { high: 0x01020304, low: 0xfffefdfc },
  payload: Buffer.from("entry"),
};
const boundary = { ...logRecord, payload: Buffer.alloc(0) };
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
    encode: () => encodeLogRecord(logRecord),
    decode: decodeLogRecord,
    newer: secondByte,
    refusal: "record of format 2, this version knows 1",
  },
  logBoundary: {
    value: boundary,
    encode: () => encodeLogRecord(boundary),
    decode: decodeLogRecord,
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
  test(`a ${name} of format 1 is read to exact values, and one of format 2 is refused by its number`, () => {
    const bytes = Buffer.from(kept.get(name) ?? "", "hex");
    assert.equal(Buffer.from(shape.encode()).toString("hex"), kept.get(name));
    assert.deepEqual(shape.decode(bytes), shape.value);
    shape.newer(bytes);
    assert.deepEqual(shape.decode(bytes), shape.refusal);
  });
}

interface StoredNode {
  readonly "cluster.yaml": string;
  readonly "node.yaml": string;
  readonly "node.key": string;
  /** Files of the data directory, base64. */
  readonly data: Readonly<Record<string, string>>;
}

/** Lays the node of format 1 out. @returns its directory */
function laidOut(context: TestContext): string {
  const parent = mkdtempSync(join(tmpdir(), "bailiwick-formats-"));
  context.after(() => rmSync(parent, { recursive: true }));
  const stored = JSON.parse(fixture("node-format-1.json")) as StoredNode;
  const directory = join(parent, "n1");
  for (const [name, content] of Object.entries(stored.data)) {
    const file = join(directory, "data", name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, Buffer.from(content, "base64"));
  }
  writeFileSync(join(parent, "cluster.yaml"), stored["cluster.yaml"]);
  writeFileSync(join(directory, "node.yaml"), stored["node.yaml"]);
  writeFileSync(join(directory, "node.key"), stored["node.key"]);
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
  const directory = laidOut(context);
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
  const [group] = image.groups;
  assert.deepEqual([group?.group, group?.role, group?.state.object.owners], ["g", "owner", ["n1", "n2", "n3"]]);
  const page = group?.state.mvcc.range({ start: Buffer.alloc(0), end: null }, { at: null, limit: 10 });
  assert.deepEqual(
    page?.type === "page" &&
      page.kvs.map(({ key, value, modRevision }) => `${textOf(key)} ${textOf(value)} ${modRevision}`),
    ["a 4 6", `b ${"x".repeat(40)} 5`],
  );
  assert.deepEqual(
    group?.entries.map(
      ({ term, index, payload }) => `${term}/${index} ${payload.length === 0 ? "" : decodeGroupCommand(payload).type}`,
    ),
    [
      "1/1 ",
      ...[2, 3, 4].map((index) => `1/${index} verdicts`),
      "1/5 own",
      ...[6, 7].map((index) => `1/${index} write`),
      "2/8 ",
      ...[9, 10, 11, 12].map((index) => `2/${index} write`),
    ],
  );
});

test("a node that was stored in format 2 is refused by its number, whichever of its files says so", async (context) => {
  const rows = laidOut(context);
  const store = await LevelStore.open(join(rows, "data", "rows"));
  const put = { type: "put", key: metaKey("formatVersion"), value: Buffer.from("2") } as const;
  await new Promise((resolve) => store.write([put], true, resolve));
  await new Promise<void>((resolve) => store.close(resolve));
  const files = readdirSync(join(rows, "data")).sort();
  await assert.rejects(start(rows), {
    code: "condition_failed",
    message: /the data has format 2, this version reads 1/,
  });
  assert.deepEqual(readdirSync(join(rows, "data")).sort(), files, "nothing is set aside");

  for (const name of ["hard-state.a", "hard-state.b"]) {
    const directory = laidOut(context);
    const slot = join(directory, "data", name);
    const bytes = readFileSync(slot);
    secondHardState(bytes);
    writeFileSync(slot, bytes);
    await assert.rejects(start(directory), { code: "condition_failed", message: /format 2, this version reads 1/ });
  }
});
