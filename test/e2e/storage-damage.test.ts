// What disks do to the files of a node, row by row, on the disk of a real node after real writes: LevelDB itself opens most
// of it without an error, with records missing or wrong. Each damage is noticed at the start, or nothing is lost by it.

import assert from "node:assert/strict";
import { cpSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import type { Client } from "../../client/index.ts";
import { toGroupId } from "../../proto/ids.ts";
import { Random } from "../../proto/random.ts";
import { decodeHardState } from "../../storage/hard-state.ts";
import { readHardState } from "../../storage/hard-state-file.ts";
import { bailiwick, errorOf } from "./support/command.ts";
import {
  assertDetected,
  assertDetectedOrWhole,
  change,
  copyNode,
  flipBit,
  judge,
  levelFile,
  type Promised,
} from "./support/damaged-disk.ts";
import { inspectHere } from "./support/disks.ts";
import { createScratch } from "./support/scratch.ts";
import { TestCluster } from "./support/test-cluster.ts";
import { waitFor } from "./support/wait.ts";
import { readKeys, writeMany } from "./support/writes.ts";

const clusterFile = `
name: storage-damage
nodes: [{name: m1}, {name: m2}]
groups: [{name: both, owners: [m1, m2]}]
`;
const group = toGroupId("both");
const hearMs = 20_000;
const writes = 1_000;
const lastWrites = 20;
const flips = 40;
const random = new Random(20_301);

const scratch = createScratch("storage-damage-copies");
after(() => scratch.remove());
const cluster = await TestCluster.create({ name: "storage-damage", clusterFile });
const node = cluster.directoryOf("m1");

/** All in the log of LevelDB. */
await cluster.start();
const client = cluster.client();
await waitFor("the first write", hearMs, () => client.put(group, { key: "first", value: "" }));
await writeMany(client, group, { writes, valueBytes: 100 });
// One by one, so that the end of the file holds entries, and not only what they have changed.
for (let last = 0; last < lastWrites; last++) await client.put(group, { key: `last/${last}`, value: "" });
await stopSettled();
const inLog = copyNode(node, scratch.directory, "in-log");

/** All in a table: an opening makes one of the log that it finds. */
await cluster.start();
await waitFor("another write", hearMs, () => client.put(group, { key: "second", value: "" }));
await stopSettled();
const inTable = copyNode(node, scratch.directory, "in-table");

const whole = { inLog: await promisedBy(inLog), inTable: await promisedBy(inTable) };

/**
 * When the disk of m1 has all that either node has applied on record as acknowledged, and its votes in both slots. A
 * follower learns a moment after the writer that the last write is committed: its own index alone would be one behind.
 */
async function stopSettled(): Promise<void> {
  const both = ["m1", "m2"].map((name) => cluster.client([name]));
  await waitFor("m1 to settle", hearMs, async () => {
    const applied = await appliedByAny(both);
    const table = await readHardState(join(node, "data"));
    const row = table?.find((one) => one.group === group);
    const isSettled = row !== undefined && applied > writes && row.acknowledged >= applied;
    return isSettled && votesIn("a") === votesIn("b") ? true : null;
  });
  // At once: nodes that are asked to stop hand over what they lead, and write that down.
  await cluster.kill("m1", "m2");
}

async function appliedByAny(clients: readonly Client[]): Promise<number> {
  const told = await Promise.all(clients.map((each) => each.group(group)));
  return Math.max(...told.map(({ group: { appliedIndex } }) => Number(appliedIndex)));
}

/** What one slot of m1 holds of votes; it may be read while it is written, and is then none. */
function votesIn(name: "a" | "b"): string {
  const image = decodeHardState(readFileSync(join(node, "data", `hard-state.${name}`)));
  const table = image !== null && "table" in image ? image.table : [];
  return table.map(({ group: of, incarnation, term, vote }) => `${of}/${incarnation} ${term} ${vote}`).join();
}

async function promisedBy(directory: string): Promise<Promised> {
  const verdict = await judge(copyNode(directory, scratch.directory, "whole"));
  rmSync(join(scratch.directory, "whole"), { recursive: true });
  assert(verdict.type === "served", JSON.stringify(verdict));
  assert(Object.values(verdict.promised.logs).flat().length > writes);
  return verdict.promised;
}

/** Damages a fresh copy and looks what a start makes of it. */
async function damaged(directory: string, damage: (copy: string) => void) {
  const copy = copyNode(directory, scratch.directory, "damaged");
  try {
    damage(copy);
    return await judge(copy);
  } finally {
    rmSync(join(scratch.directory, "damaged"), { recursive: true });
  }
}

const log = (copy: string) => levelFile(copy, /\.log$/);
const table = (copy: string) => levelFile(copy, /\.ldb$/);
const manifest = (copy: string) => levelFile(copy, /^MANIFEST/);
const slot = (copy: string, name: "a" | "b") => join(copy, "data", `hard-state.${name}`);

interface Row {
  readonly what: string;
  readonly disk: string;
  readonly damage: (copy: string) => void;
  readonly reason: RegExp;
}

const detected: readonly Row[] = [
  {
    what: "a bit flipped in the middle of the .log",
    disk: inLog,
    damage: (copy) => flipBit(log(copy), Math.floor(statSync(log(copy)).size / 2)),
    reason: /The data was damaged: group both: .*; it is set aside in /,
  },
  {
    what: "the last 5000 B of the .log zeroed",
    disk: inLog,
    damage: (copy) => change(log(copy), (bytes) => bytes.fill(0, bytes.length - 5000)),
    reason: /group both: the log ends at \d+, but \d+ was acknowledged/,
  },
  {
    what: "a bit flipped in the middle of a table",
    disk: inTable,
    damage: (copy) => flipBit(table(copy), Math.floor(statSync(table(copy)).size / 2)),
    reason: /table \d+\.ldb: checksum of the block at \d+ is wrong/,
  },
  {
    what: "a table deleted",
    disk: inTable,
    damage: (copy) => rmSync(table(copy)),
    reason: /missing files/,
  },
  {
    what: "the MANIFEST torn",
    disk: inTable,
    damage: (copy) => change(manifest(copy), (bytes) => bytes.subarray(0, bytes.length - 3)),
    reason: /./,
  },
  {
    what: "the MANIFEST emptied",
    disk: inTable,
    damage: (copy) => change(manifest(copy), () => Buffer.alloc(0)),
    reason: /descriptor/,
  },
  {
    what: "CURRENT zeroed",
    disk: inTable,
    damage: (copy) => change(levelFile(copy, /^CURRENT$/), (bytes) => bytes.fill(0)),
    reason: /CURRENT file does not end with newline/,
  },
  {
    what: "both hard state slots damaged",
    disk: inTable,
    damage: (copy) => {
      flipBit(slot(copy, "a"), 30);
      flipBit(slot(copy, "b"), 30);
    },
    reason: /Hard state in .* is damaged: slot a is invalid, slot b is invalid/,
  },
  {
    what: "a hard state slot lost",
    disk: inTable,
    damage: (copy) => rmSync(slot(copy, "a")),
    reason: /Hard state in .* is damaged: slot a is absent/,
  },
  {
    what: "both hard state slots lost",
    disk: inTable,
    damage: (copy) => {
      rmSync(slot(copy, "a"));
      rmSync(slot(copy, "b"));
    },
    reason: /votes were lost: the hard state files are missing/,
  },
];

for (const { what, disk, damage, reason } of detected) {
  test(`${what} is noticed at the start, which says what is wrong`, async () => {
    assertDetected(await damaged(disk, damage), what, reason);
  });
}

test("both hard state slots of an earlier day are noticed: a later one was durable", async () => {
  const verdict = await damaged(inTable, (copy) => {
    for (const name of ["a", "b"] as const) cpSync(slot(inLog, name), slot(copy, name));
  });
  assertDetected(
    verdict,
    "old slots",
    /votes were lost: the newest hard state that is whole has generation \d+, but \d+/,
  );
});

for (const name of ["a", "b"] as const) {
  test(`hard state slot ${name} damaged alone loses no vote: the other one holds them all`, async () => {
    const verdict = await damaged(inTable, (copy) => flipBit(slot(copy, name), 30));
    assert.deepEqual(verdict, { type: "served", promised: whole.inTable });
  });
}

test("the .log cut by 50 B is noticed, or loses nothing that was promised", async () => {
  const verdict = await damaged(inLog, (copy) => change(log(copy), (bytes) => bytes.subarray(0, bytes.length - 50)));
  assertDetectedOrWhole(verdict, "cut by 50 B", whole.inLog);
});

test("a bit flipped anywhere in the .log is noticed, or loses nothing that was promised", async () => {
  await flipAnywhere(inLog, log, (verdict, what) => assertDetectedOrWhole(verdict, what, whole.inLog));
});

test("a bit flipped anywhere in a table is noticed", async () => {
  await flipAnywhere(inTable, table, (verdict, what, fromEnd) => {
    // Its last bytes are a magic number behind padding.
    if (fromEnd > 48) assertDetected(verdict, what, /checksum|block|footer/);
    else assertDetectedOrWhole(verdict, what, whole.inTable);
  });
});

type Expectation = (verdict: Awaited<ReturnType<typeof judge>>, what: string, fromEnd: number) => void;

async function flipAnywhere(disk: string, fileOf: (copy: string) => string, expect: Expectation): Promise<void> {
  const { size } = statSync(fileOf(disk));
  for (let flip = 0; flip < flips; flip++) {
    const at = random.between(0, size - 1);
    const bit = random.between(0, 7);
    const verdict = await damaged(disk, (copy) => flipBit(fileOf(copy), at, bit));
    expect(verdict, `bit ${bit} of byte ${at} of ${size}`, size - at);
  }
}

test("bailiwick serve sets damaged data aside, says why it is quarantined, and holds nothing of it any more", async () => {
  const kinds = [detected[0], detected[2], detected[7]] as readonly Row[];
  for (const { what, disk, damage, reason } of kinds) {
    const copy = copyNode(disk, scratch.directory, "served");
    damage(copy);
    const { code, stdout, stderr } = await bailiwick(["serve", "-c", join(copy, "node.yaml"), "--stop-with-stdin"]);
    assert.equal(code, 0, stderr);
    assert.equal((JSON.parse(stdout) as { ready: boolean }).ready, true, what);
    const line = stderr.split("\n").find((each) => each.includes('"Quarantined"'));
    assert.match(line ?? stderr, reason, what);
    const asides = readdirSync(join(copy, "data")).filter((name) => name.startsWith("damaged-"));
    assert.equal(asides.length, 1, what);
    assert.match(readFileSync(join(copy, "data", asides[0] ?? "", "reason.txt"), "utf8"), /./, what);
    assert.deepEqual((await inspectHere(copy)).report.groups, [], what);
    rmSync(join(scratch.directory, "served"), { recursive: true });
  }
});

test("inspect says what is wrong with a table, and changes nothing", async () => {
  const { what, disk, damage, reason } = detected[2] as Row;
  const copy = copyNode(disk, scratch.directory, "inspected");
  damage(copy);
  const result = await bailiwick(["inspect", copy, "-o", "json"]);
  assert.equal(errorOf(result).code, "corrupt", what);
  assert.match(errorOf(result).message, reason);
  assertDetected(await judge(copy), what, reason);
});

test("with what is harmless in place the cluster serves every acknowledged write", async () => {
  flipBit(slot(node, "a"), 30);
  const file = readdirSync(join(node, "data", "rows")).find((name) => name.endsWith(".log"));
  assert(file !== undefined);
  change(join(node, "data", "rows", file), (bytes) => bytes.subarray(0, Math.max(0, bytes.length - 50)));
  await cluster.start();
  await waitFor("a write", hearMs, () => client.put(group, { key: "third", value: "" }));
  assert.equal((await readKeys(client, group)).size, writes + lastWrites + 3);
  for (const name of cluster.nodes) assert.equal((await client.node(name)).node.quarantined, false);
});
