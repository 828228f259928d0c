// Every key layout: its bytes, what parses back, what each range holds.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Incarnation, type LogIndex, toGroupId, toMemberId, toNodeId, toRevision } from "../../../proto/ids.ts";
import { compareBytes } from "../../../storage/bytes.ts";
import { decodeGroupRecord, encodeGroupRecord } from "../../../storage/group-record.ts";
import {
  allocationKey,
  allocationRange,
  answerKey,
  everyRange,
  groupKey,
  groupRange,
  hardStateMarkKey,
  interlockKey,
  interlockRange,
  ledgerMarkKey,
  logBoundaryKey,
  logKey,
  logRange,
  metaKey,
  metaRange,
  nodeStatusKey,
  nodeStatusRange,
  type ParsedKey,
  parseKey,
  peerStartKey,
  peerStartRange,
  slotRange,
  slotsRange,
  stateKey,
  stateRange,
  versionKey,
  versionRange,
} from "../../../storage/keys.ts";
import type { KeyRange } from "../../../storage/ordered-store.ts";

const rg = toGroupId("rg220");
const n202 = toNodeId("n202");
const index = (value: number) => value as LogIndex;

const examples: readonly (readonly [string, Uint8Array, ParsedKey])[] = [
  ["0101", metaKey("formatVersion"), { type: "meta", field: "formatVersion" }],
  ["0104", metaKey("bootNumber"), { type: "meta", field: "bootNumber" }],
  ["0106", metaKey("lineage"), { type: "meta", field: "lineage" }],
  ["0107", metaKey("start"), { type: "meta", field: "start" }],
  ["0109", metaKey("disowned"), { type: "meta", field: "disowned" }],
  [
    "020572673232300000000000000003",
    groupKey(rg, 3 as Incarnation),
    { type: "group", group: rg, incarnation: 3 as Incarnation },
  ],
  ["03000000ff00", logBoundaryKey(255), { type: "logBoundary", slot: 255 }],
  ["0300000001010000000100000000", logKey(1, index(2 ** 32)), { type: "log", slot: 1, index: index(2 ** 32) }],
  [
    "03000000010201000000000000000700000002",
    versionKey(1, toRevision(7), 2),
    { type: "version", slot: 1, revision: toRevision(7), ordinal: 2 },
  ],
  [
    "03ffffffff020200ff",
    stateKey(2 ** 32 - 1, "object", Uint8Array.of(0, 255)),
    { type: "state", slot: 2 ** 32 - 1, table: "object", key: Uint8Array.of(0, 255) },
  ],
  [
    "03000000000205",
    stateKey(0, "applied", new Uint8Array(0)),
    { type: "state", slot: 0, table: "applied", key: new Uint8Array(0) },
  ],
  [
    "03000000000208",
    stateKey(0, "dispute", new Uint8Array(0)),
    { type: "state", slot: 0, table: "dispute", key: new Uint8Array(0) },
  ],
  [
    "030000000002096b",
    stateKey(0, "coordinated", Uint8Array.of(0x6b)),
    { type: "state", slot: 0, table: "coordinated", key: Uint8Array.of(0x6b) },
  ],
  [
    "0300000000020a6b",
    stateKey(0, "prepared", Uint8Array.of(0x6b)),
    { type: "state", slot: 0, table: "prepared", key: Uint8Array.of(0x6b) },
  ],
  [
    "0300000000020b6b",
    stateKey(0, "closed", Uint8Array.of(0x6b)),
    { type: "state", slot: 0, table: "closed", key: Uint8Array.of(0x6b) },
  ],
  [
    "0300000000020c6b",
    stateKey(0, "intents", Uint8Array.of(0x6b)),
    { type: "state", slot: 0, table: "intents", key: Uint8Array.of(0x6b) },
  ],
  [
    "0300000000020d6b",
    stateKey(0, "placement", Uint8Array.of(0x6b)),
    { type: "state", slot: 0, table: "placement", key: Uint8Array.of(0x6b) },
  ],
  [
    "030000000002100000000000000007",
    stateKey(0, "leases", Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 7)),
    { type: "state", slot: 0, table: "leases", key: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 7) },
  ],
  [
    "030000000002116b",
    stateKey(0, "sessions", Uint8Array.of(0x6b)),
    { type: "state", slot: 0, table: "sessions", key: Uint8Array.of(0x6b) },
  ],
  [
    "030000000002126b000000000000000007",
    stateKey(0, "answers", answerKey("k", 7)),
    { type: "state", slot: 0, table: "answers", key: Uint8Array.of(0x6b, 0, 0, 0, 0, 0, 0, 0, 0, 7) },
  ],
  ["04046e323032057267323230", nodeStatusKey(n202, rg), { type: "nodeStatus", node: n202, group: rg }],
  ["05057267323230", interlockKey(rg), { type: "interlock", group: rg }],
  ["06", hardStateMarkKey(), { type: "hardStateMark" }],
  ["07046e323032", peerStartKey(n202), { type: "peerStart", node: n202 }],
  ["08", ledgerMarkKey(), { type: "ledgerMark" }],
  ["08057267323230", allocationKey(rg), { type: "allocation", group: rg }],
];

test("keys have the bytes of the picture, and parseKey() reads each back", () => {
  for (const [hex, key, parsed] of examples) {
    assert.equal(Buffer.from(key).toString("hex"), hex);
    assert.deepEqual(parseKey(key), parsed);
  }
});

test("parseKey() calls everything else unknown: cut short, longer, other tags, fields, tables, names", () => {
  const unknown = { type: "unknown" };
  for (const [, key, parsed] of examples) {
    const isOpenEnded = parsed.type === "state";
    if (!isOpenEnded) assert.deepEqual(parseKey(Buffer.concat([key, Uint8Array.of(0)])), unknown);
    if (!isOpenEnded) assert.deepEqual(parseKey(key.subarray(0, -1)), unknown);
  }
  const strange = [
    "",
    "00",
    "0100",
    "010a",
    "01ff",
    "09",
    "080141",
    "ff",
    "030000000103",
    "0300000001020e00",
    "03000000010200",
    "0501",
    "050120",
  ];
  strange.push("0300000001010020000000000000", "0401610141", "02016100200000000000000000");
  for (const hex of strange) assert.deepEqual(parseKey(Buffer.from(hex, "hex")), unknown, hex);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 24 }), (key) => typeof parseKey(key).type === "string"));
});

const inRange = (key: Uint8Array, { start, end }: KeyRange) =>
  compareBytes(key, start) >= 0 && compareBytes(key, end) < 0;

test("each range holds its own keys and no others", () => {
  const other = 2 ** 32 - 1;
  const keys = {
    meta: metaKey("clusterId"),
    group: groupKey(rg, 1 as Incarnation),
    boundary: logBoundaryKey(4),
    log: logKey(4, index(Number.MAX_SAFE_INTEGER)),
    version: versionKey(4, toRevision(Number.MAX_SAFE_INTEGER), 2 ** 32 - 1),
    verdict: stateKey(4, "verdicts", new Uint8Array(300).fill(255)),
    otherLog: logKey(5, index(1)),
    lastSlot: stateKey(other, "applied", new Uint8Array(3).fill(255)),
    status: nodeStatusKey(n202, rg),
    longerStatus: nodeStatusKey(toNodeId("n2021"), rg),
    interlock: interlockKey(rg),
    peerStart: peerStartKey(n202),
    ledgerMark: ledgerMarkKey(),
    allocation: allocationKey(rg),
    longestAllocation: allocationKey(toGroupId("z".repeat(63))),
  };
  const held = (range: KeyRange) => Object.entries(keys).flatMap(([name, key]) => (inRange(key, range) ? [name] : []));
  assert.deepEqual(held(metaRange()), ["meta"]);
  assert.deepEqual(held(groupRange()), ["group"]);
  assert.deepEqual(held(logRange(4)), ["boundary", "log"]);
  assert.deepEqual(held(versionRange(4)), ["version"]);
  assert.deepEqual(held(stateRange(4, "verdicts")), ["verdict"]);
  assert.deepEqual(held(slotRange(4)), ["boundary", "log", "version", "verdict"]);
  assert.deepEqual(held(slotRange(other)), ["lastSlot"]);
  assert.deepEqual(held(slotsRange()), ["boundary", "log", "version", "verdict", "otherLog", "lastSlot"]);
  assert.deepEqual(held(nodeStatusRange(n202)), ["status"]);
  assert.deepEqual(held(nodeStatusRange(null)), ["status", "longerStatus"]);
  assert.deepEqual(held(interlockRange()), ["interlock"]);
  assert.deepEqual(held(peerStartRange()), ["peerStart"]);
  assert.deepEqual(held(allocationRange()), ["ledgerMark", "allocation", "longestAllocation"]);
  assert.deepEqual(held(everyRange()), Object.keys(keys));
});

test("log and version keys sort by number", () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.maxSafeNat(), (left, right) => {
      const sign = Math.sign(left - right);
      assert.equal(compareBytes(logKey(1, index(left)), logKey(1, index(right))), sign);
      assert.equal(compareBytes(versionKey(1, toRevision(left), 0), versionKey(1, toRevision(right), 0)), sign);
    }),
  );
});

test("a group record survives its bytes, and nothing else passes for one", () => {
  const record = { slot: 4_000_000_000, role: "witness", member: toMemberId(7) } as const;
  const bytes = encodeGroupRecord(record);
  const whole = "018e06aecaee6b2800020000000000000007";
  assert.equal(Buffer.from(bytes).toString("hex"), whole);
  assert.deepEqual(decodeGroupRecord(bytes), record);
  for (const hex of ["01", whole.slice(0, -2), `${whole}00`, whole.replace(/7$/, "6")]) {
    assert.equal(decodeGroupRecord(Buffer.from(hex, "hex")), "group record is damaged");
  }
  const newer = decodeGroupRecord(Buffer.from(whole.replace("01", "02"), "hex"));
  assert.equal(newer, "group record of format 2, this version knows 1");
});
