// What a start finds on its disk: whole, or damaged and why; never something in between.

import assert from "node:assert/strict";
import { test } from "node:test";
import { toBootNumber, toLogIndex, toMemberId, toRevision } from "../../../proto/ids.ts";
import { genesisOperations } from "../../../server/node/genesis.ts";
import type { NodeImage } from "../../../server/node/image.ts";
import { textOf } from "../../../storage/bytes.ts";
import { decodeGroupRecord, encodeGroupRecord, type GroupRecord } from "../../../storage/group-record.ts";
import { markOperation } from "../../../storage/hard-state-mark.ts";
import { everyRange, parseKey, rowOfSlot, slotRange, tailOfRow, versionKey } from "../../../storage/keys.ts";
import type { Row } from "../../../storage/ordered-store.ts";
import { bootstrapOf, Cluster, Disk, n1, n2, n4, put, rg, smallShape } from "./cluster.ts";

const third = { boot: toBootNumber(3), nonce: "00000000000000ab", lap: 0 };
const everything = { rowsMax: 1e9, bytesMax: 1e12 };

function imageOf(disk: Disk): NodeImage {
  const stored = disk.read();
  assert.ok(stored.type === "image", JSON.stringify(stored));
  return stored.image;
}

function reasonOf(disk: Disk): string {
  const stored = disk.read();
  return stored.type === "damaged" ? stored.reason : stored.type;
}

/** The disk of an owner that has written something. */
function used(): Disk {
  const cluster = new Cluster();
  cluster.leader();
  for (let at = 0; at < 5; at++) cluster.ask(n1, put(`k${at}`, `v${at}`), "put");
  cluster.advance(1000);
  for (const node of [...cluster.members.keys()]) cluster.stop(node);
  return cluster.disks.get(n1) as Disk;
}

type Kind = ReturnType<typeof parseKey>;

function rowsOf(disk: Disk, isWanted: (key: Kind) => boolean): readonly Row[] {
  return disk.rows.page(everyRange(), everything).rows.filter(({ key }) => isWanted(parseKey(key)));
}

function drop(disk: Disk, isWanted: (key: Kind) => boolean): void {
  const [row] = rowsOf(disk, isWanted);
  assert.ok(row !== undefined);
  disk.write({ operations: [{ type: "delete", key: row.key }], hardStates: null });
}

function flip(disk: Disk, isWanted: (key: Kind) => boolean): void {
  const row = rowsOf(disk, isWanted).at(-1);
  assert.ok(row !== undefined && row.value.length > 0);
  const value = row.value.slice();
  value[value.length - 1] = (value[value.length - 1] as number) ^ 1;
  disk.write({ operations: [{ type: "put", key: row.key, value }], hardStates: null });
}

test("an empty disk is empty", () => {
  assert.equal(new Disk().read().type, "empty");
});

test("what the first start writes is read back: identity, groups of this node, the cluster database", () => {
  for (const [node, groups, log] of [
    [n1, [rg], true],
    [n4, [], false],
  ] as const) {
    const disk = new Disk();
    const genesis = { bootstrap: bootstrapOf(smallShape), self: node, start: third, quarantine: null };
    disk.write({ operations: genesisOperations(genesis), hardStates: null });
    const image = imageOf(disk);
    assert.deepEqual([image.node, image.boot, image.quarantine], [node, 3, null]);
    assert.deepEqual(
      image.groups.map(({ group }) => group),
      groups,
    );
    assert.equal(image.database.log !== null, log);
    assert.deepEqual(image.database.state.voters, smallShape.voters);
    assert.deepEqual(image.unnamed, []);
  }
});

test("a node in quarantine has no replica to vote with", () => {
  const disk = new Disk();
  const genesis = { bootstrap: bootstrapOf(smallShape), self: n1, start: third, quarantine: "wiped" };
  disk.write({ operations: genesisOperations(genesis), hardStates: null });
  const image = imageOf(disk);
  assert.deepEqual([image.quarantine, image.groups, image.database.log], ["wiped", [], null]);
});

test("a used disk is read back with its keys, its log and its statuses", () => {
  const disk = used();
  const image = imageOf(disk);
  assert.equal(image.groups[0]?.state.mvcc.keyCount, 5);
  assert.ok((image.groups[0]?.entries.length ?? 0) >= 6);
  assert.equal(image.statuses.length, 3);
  assert.ok(image.nextSlot > Math.max(...image.groups.map(({ rows }) => rows.slot)));
});

const damages: readonly (readonly [what: string, reason: RegExp, damage: (disk: Disk) => void])[] = [
  ["a version of a key", /group rg/, (disk) => drop(disk, (key) => key.type === "version")],
  [
    "a verdict",
    /group rg: .*state hash/,
    (disk) => drop(disk, (key) => key.type === "state" && key.table === "verdicts"),
  ],
  ["the object", /group rg: .*object/, (disk) => drop(disk, (key) => key.type === "state" && key.table === "object")],
  [
    "the applied record",
    /applied record is missing/,
    (disk) => drop(disk, (key) => key.type === "state" && key.table === "applied"),
  ],
  ["the boundary of a log", /boundary/, (disk) => drop(disk, (key) => key.type === "logBoundary")],
  ["a record in the middle of a log", /record \d+ follows/, (disk) => drop(disk, (key) => key.type === "log")],
  [
    "the cluster database",
    /cluster database is missing/,
    (disk) => drop(disk, (key) => key.type === "group" && key.group === "cluster"),
  ],
];

for (const [what, reason, damage] of damages) {
  test(`without ${what} the disk is damaged, and says so`, () => {
    const disk = used();
    damage(disk);
    assert.match(reasonOf(disk), reason);
  });
}

test("a flipped bit is noticed, wherever it is", () => {
  const places: ((key: Kind) => boolean)[] = [
    (key) => key.type === "log",
    (key) => key.type === "version",
    (key) => key.type === "state" && key.table === "ownership",
    (key) => key.type === "state" && key.table === "cluster",
    (key) => key.type === "group",
  ];
  for (const [at, place] of places.entries()) {
    const disk = used();
    flip(disk, place);
    assert.equal(disk.read().type, "damaged", `place ${at}`);
  }
});

test("a log that ends before what was acknowledged is damaged", () => {
  const disk = used();
  disk.table = disk.table.map((row) => ({
    ...row,
    acknowledged: (row.acknowledged + 1000) as typeof row.acknowledged,
  }));
  assert.match(reasonOf(disk), /was acknowledged/);
});

test("a state that is ahead of its log is damaged", () => {
  const disk = used();
  const log = rowsOf(disk, (key) => key.type === "log");
  const newest = log.slice(-3).map(({ key }) => ({ type: "delete", key }) as const);
  disk.write({ operations: newest, hardStates: [] });
  assert.match(reasonOf(disk), /the state is as of index \d+, the log holds/);
});

test("another format is not read, and no damage", () => {
  const disk = used();
  const [row] = rowsOf(disk, (key) => key.type === "meta" && key.field === "formatVersion");
  assert.ok(row !== undefined && textOf(row.value) === "3");
  disk.write({ operations: [{ type: "put", key: row.key, value: new Uint8Array([57]) }], hardStates: null });
  assert.deepEqual(disk.read(), { type: "otherFormat", reason: "the data has format 9, this version reads 1, 2, 3" });
  disk.write({ operations: [{ type: "put", key: row.key, value: new Uint8Array([0x71]) }], hardStates: null });
  assert.match(reasonOf(disk), /the record of whose data it is/);
});

test("rows without the record of whose they are are damage, which says whose they are where that can be read", () => {
  const disk = used();
  flip(disk, (key) => key.type === "log");
  const stored = disk.read();
  assert.ok(stored.type === "damaged");
  assert.deepEqual(stored.identity, { node: n1, cluster: bootstrapOf(smallShape).cluster, boot: 1 });
  for (const row of rowsOf(disk, (key) => key.type === "meta")) {
    disk.write({ operations: [{ type: "delete", key: row.key }], hardStates: null });
  }
  assert.match(reasonOf(disk), /\d+ rows are there without the record of whose they are/);
  disk.write({ operations: [markOperation(3)], hardStates: null });
  const others = rowsOf(disk, (key) => key.type !== "hardStateMark");
  disk.write({ operations: others.map(({ key }) => ({ type: "delete", key })), hardStates: null });
  assert.equal(disk.read().type, "empty", "the hard state is written before the first rows");
});

/** Puts two rows under a slot: as one that is there already, and another behind it. */
function occupy(disk: Disk, slot: number): void {
  const [row] = rowsOf(disk, (key) => key.type === "version");
  assert.ok(row !== undefined);
  const keys = [versionKey(slot, toRevision(1), 0), versionKey(slot, toRevision(2), 0)];
  disk.write({ operations: keys.map((key) => ({ type: "put", key, value: row.value })), hardStates: null });
}

test("slots that no group names are erased by the start and not read, and none of them is given out again", () => {
  const disk = used();
  const before = imageOf(disk);
  const named = [before.database.rows.slot, ...before.groups.map(({ rows }) => rows.slot)];
  for (const slot of [7, 8, 200]) occupy(disk, slot);
  const image = imageOf(disk);
  assert.ok(named.every((slot) => slot < 7));
  assert.deepEqual(image.unnamed, [{ start: slotRange(7).start, end: slotRange(200).end }]);
  const slotsRead = disk.lastRead.map(({ key }) => parseKey(key)).flatMap((key) => ("slot" in key ? [key.slot] : []));
  assert.deepEqual(
    slotsRead.filter((slot) => !named.includes(slot)),
    [7, 8, 200],
    "of each the first row, to find it",
  );
  assert.equal(image.nextSlot, 201);
  assert.equal(image.groups[0]?.state.rows.digest(), before.groups[0]?.state.rows.digest());
});

test("no range that is erased has a slot in it that is named", () => {
  const disk = used();
  const from = imageOf(disk).groups[0]?.rows.slot ?? assert.fail("there is no group");
  const [at] = rowsOf(disk, (key) => key.type === "group" && key.group === rg);
  assert.ok(at !== undefined);
  const moved = rowsOf(disk, (key) => "slot" in key && key.slot === from).flatMap(({ key, value }) => [
    { type: "put", key: rowOfSlot(9, tailOfRow(key)), value } as const,
    { type: "delete", key } as const,
  ]);
  const record = decodeGroupRecord(at.value);
  assert.ok(typeof record !== "string");
  const renamed = { type: "put", key: at.key, value: encodeGroupRecord({ ...record, slot: 9 }) } as const;
  disk.write({ operations: [...moved, renamed], hardStates: null });
  for (const slot of [7, 8, 10, 12]) occupy(disk, slot);
  const image = imageOf(disk);
  assert.deepEqual(image.unnamed, [
    { start: slotRange(7).start, end: slotRange(8).end },
    { start: slotRange(10).start, end: slotRange(12).end },
  ]);
  assert.equal(image.groups[0]?.state.mvcc.keyCount, 5);
});

test("a start erases what no group names, and goes on with the rest", () => {
  const cluster = new Cluster();
  cluster.leader();
  cluster.ask(n1, put("k", "v"), "put");
  cluster.advance(1000);
  cluster.stop(n1);
  const disk = cluster.disks.get(n1) as Disk;
  occupy(disk, 200);
  cluster.start(n1);
  cluster.advance(1000);
  assert.deepEqual(
    rowsOf(disk, (key) => "slot" in key && key.slot === 200),
    [],
  );
  assert.equal(imageOf(disk).groups[0]?.state.mvcc.keyCount, 1);
});

test("the owners of a group hold it, and nobody else", () => {
  const cluster = new Cluster();
  cluster.leader();
  cluster.ask(n4, put("k", "v"), "put");
  cluster.advance(1000);
  const held = [n1, n2, n4].map((node) => imageOf(cluster.disks.get(node) as Disk).groups.map(({ group }) => group));
  assert.deepEqual(held, [[rg], [rg], []]);
});

test("a group that something was acknowledged in and whose record is gone is damage, not a group to be made anew", () => {
  const disk = used();
  assert.ok(disk.table.some(({ group, acknowledged }) => group === rg && acknowledged > 0));
  drop(disk, (key) => key.type === "group" && key.group === rg);
  assert.match(reasonOf(disk), /record of group rg is missing/);
});

test("what a crash has left in the hard state of a member that is gone, or was followed by another, is left out", () => {
  const disk = used();
  const [row] = rowsOf(disk, (key) => key.type === "group" && key.group === rg);
  assert.ok(row !== undefined);
  const hardStates = disk.table.map((state) => ({ ...state, acknowledged: toLogIndex(0) }));
  const groupsWith = (record: GroupRecord) => {
    const value = encodeGroupRecord(record);
    disk.write({ operations: [{ type: "put", key: row.key, value }], hardStates });
    return imageOf(disk).hardStates.map(({ group }) => group);
  };
  const member = hardStates.find(({ group }) => group === rg)?.member ?? assert.fail("rg has no hard state");
  assert.deepEqual(groupsWith({ slot: 0, role: "witness", member }).sort(), ["cluster", rg]);
  assert.deepEqual(groupsWith({ slot: 0, role: "gone", member }), ["cluster"]);
  assert.deepEqual(groupsWith({ slot: 0, role: "witness", member: toMemberId(member + 1) }), ["cluster"]);
});

test("a group whose record did not become durable with its first vote is no damage", () => {
  const disk = used();
  drop(disk, (key) => key.type === "group" && key.group === rg);
  disk.table = disk.table.map((row) => (row.group === rg ? { ...row, acknowledged: toLogIndex(0) } : row));
  assert.deepEqual(imageOf(disk).groups, []);
});
