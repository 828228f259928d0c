// What `inspect` says of a disk: on stores as a first start writes them, stopped and with a running writer, and with records
// planted that do not belong there.

import assert from "node:assert/strict";
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { encodeAllocationRecord } from "../../../proto/codec/allocations.ts";
import { encodeGroupSummary, encodeStatusComponent } from "../../../proto/codec/records.ts";
import {
  clusterGroup,
  toBootNumber,
  toClusterId,
  toEpoch,
  toGroupId,
  toIncarnation,
  toLogIndex,
  toNodeId,
  toRevision,
} from "../../../proto/ids.ts";
import { founderId } from "../../../proto/membership.ts";
import type { NodeRecord } from "../../../proto/model.ts";
import { copyRows } from "../../../server/inspect/copy-rows.ts";
import { inspectDirectory } from "../../../server/inspect/inspect-directory.ts";
import { genesisOperations, newGroupOperations, putGroupRecord } from "../../../server/node/genesis.ts";
import { usualReplacement } from "../../../server/node/voter-replacement.ts";
import { emptyBytes } from "../../../storage/bytes.ts";
import {
  allocationKey,
  interlockKey,
  nodeStatusKey,
  peerStartKey,
  stateKey,
  versionKey,
} from "../../../storage/keys.ts";
import { LevelStore } from "../../../storage/level-store.ts";
import { encodeVersion } from "../../../storage/mvcc/versions.ts";
import type { Operation } from "../../../storage/ordered-store.ts";
import { encodeStarts } from "../../../storage/start-record.ts";

const directory = mkdtempSync(join(tmpdir(), "bailiwick-inspect-test-"));
after(() => rmSync(directory, { recursive: true }));

const incarnation = toIncarnation(1);
const owners = {
  rg220: ["n202", "n208", "n214"],
  rg222: ["n204", "n210", "n216"],
  rg224: ["n206", "n212", "n218"],
  rg226: ["n208", "n210", "n212"],
};
const names = ["n202", "n204", "n206", "n208", "n210", "n212", "n214", "n216", "n218"];

const bootstrap = {
  cluster: toClusterId("0".repeat(32)),
  nodes: names.map(
    (name, at): NodeRecord => ({
      node: toNodeId(name),
      identity: name,
      peerAddress: `127.0.0.1:${7501 + at}`,
      apiAddress: `127.0.0.1:${7401 + at}`,
      labels: [],
      capacity: [],
    }),
  ),
  groups: Object.entries(owners).map(([name, list]) => object(name, list)),
  voters: ["n202", "n204", "n206"].map(toNodeId),
  leaseRead: null,
  voterReplacement: usualReplacement,
};

function object(name: string, list: readonly string[]) {
  return { group: toGroupId(name), incarnation, owners: list.map(toNodeId), config: emptyBytes };
}

function genesis(self: string): readonly Operation[] {
  const start = { boot: toBootNumber(1), nonce: "00000000000000ab", lap: 0 };
  return genesisOperations({ bootstrap, self: toNodeId(self), start, quarantine: null });
}

function put(key: Uint8Array, value: Uint8Array): Operation {
  return { type: "put", key, value };
}

function version(slot: number, revision: number, key: Uint8Array | string, isDeletion = false): Operation {
  const bytes = typeof key === "string" ? Buffer.from(key) : key;
  const at = toRevision(revision);
  const kv = { key: bytes, value: Buffer.from("v"), createRevision: at, modRevision: at, version: 1, lease: 0 };
  return put(versionKey(slot, at, 0), encodeVersion(bytes, isDeletion ? null : kv));
}

function summary(name: keyof typeof owners): Operation {
  const ownership = { currentOwner: null, epoch: toEpoch(0), state: "offline" as const, reason: "" };
  const index = toLogIndex(0);
  const value = { ...object(name, owners[name]), index, ownership, placement: emptyBytes };
  return put(interlockKey(toGroupId(name)), encodeGroupSummary(value));
}

function status(node: string, group: string, about = node): Operation {
  const component = { node: toNodeId(about), group: toGroupId(group), incarnation, index: toLogIndex(1) };
  const value = encodeStatusComponent({ ...component, status: "up", reason: "" });
  return put(nodeStatusKey(toNodeId(node), toGroupId(group)), value);
}

function peerStart(node: string): Operation {
  const start = { boot: toBootNumber(4), nonce: "00000000000000ab", lap: 1 };
  return put(peerStartKey(toNodeId(node)), encodeStarts([start]));
}

function write(store: LevelStore, operations: readonly Operation[]): Promise<void> {
  return new Promise((resolve, reject) => {
    store.write(operations, true, (outcome) =>
      outcome.type === "done" ? resolve() : reject(new Error(outcome.reason)),
    );
  });
}

/** A node's directory with these rows in its `data`, closed. */
async function nodeDirectory(name: string, operations: readonly Operation[]): Promise<string> {
  const path = mkdtempSync(join(directory, `${name}-`));
  const store = await LevelStore.open(join(path, "data", "rows"));
  await write(store, operations);
  await new Promise<void>((resolve) => store.close(resolve));
  return path;
}

/** mission.md, the reference cluster: what each node must store, and nothing else. */
const table = [
  ["n202", "rg220", "n202 n208 n214", "rg226"],
  ["n214", "rg220", "n202 n208 n214", "rg226"],
  ["n204", "rg222", "n204 n210 n216", "rg226"],
  ["n218", "rg224", "n206 n212 n218", "rg226"],
  ["n208", "rg220 rg226", "n202 n208 n210 n212 n214", "rg222 rg224"],
  ["n210", "rg222 rg226", "n204 n208 n210 n212 n216", "rg220 rg224"],
  ["n212", "rg224 rg226", "n206 n208 n210 n212 n218", "rg220 rg222"],
] as const;

for (const [node, groups, nodeStatuses, interlocked] of table) {
  test(`inspectDirectory() finds on ${node} what it must store and nothing foreign`, async () => {
    const summaries = interlocked.split(" ").map((name) => summary(name as keyof typeof owners));
    const path = await nodeDirectory(node, [...genesis(node), ...summaries]);
    assert.deepEqual(await inspectDirectory(path), {
      node,
      groups: groups.split(" ").map((name) => ({ name, keys: [], revision: 1 })),
      witnessOf: [],
      nodeStatuses: nodeStatuses.split(" "),
      interlocked: interlocked.split(" "),
      cluster: { nodes: names },
      foreign: [],
    });
    assert.deepEqual(await inspectDirectory(join(path, "data")), await inspectDirectory(path));
  });
}

test("inspectDirectory() lists live keys, as text where that prints", async () => {
  const keys = [
    version(1, 2, "b"),
    version(1, 3, "a/ü"),
    version(1, 4, "gone"),
    version(1, 5, "gone", true),
    version(1, 6, Uint8Array.of(0xff, 0x01)),
    version(1, 7, "line\nbreak"),
    version(1, 8, "0xab"),
  ];
  const { groups, foreign } = await inspectDirectory(await nodeDirectory("n202", [...genesis("n202"), ...keys]));
  assert.deepEqual(groups[0]?.keys, ["0x30786162", "0x6c696e650a627265616b", "0xff01", "a/ü", "b"]);
  assert.deepEqual(foreign, []);
});

const reservation = {
  group: toGroupId("rg226"),
  incarnation,
  epoch: toEpoch(3),
  demand: new Map([["cpu", 2]]),
  sameNode: [],
  differentNode: [],
};

/** [what is planted on n202, rows, expected kind, name and problem] */
const planted: readonly (readonly [string, readonly Operation[], string, string, RegExp])[] = [
  ["a group of others", newGroupOperations(object("rg222", owners.rg222), 9), "group", "rg222", /not an owner/],
  [
    "a group that does not exist",
    newGroupOperations(object("rg9", ["n204", "n206"]), 9),
    "group",
    "rg9",
    /not an owner/,
  ],
  ["rows of a slot without a record", [version(77, 2, "stolen")], "slot", "77", /an unknown group/],
  [
    "a slot of a group of others",
    newGroupOperations(object("rg224", owners.rg224), 8).slice(1),
    "slot",
    "8",
    /rows of group rg224/,
  ],
  ["a status from beyond the sphere", [status("n204", "rg222")], "nodeStatus", "n204", /sphere of n202/],
  ["a status under another name", [status("n208", "rg226", "n210")], "nodeStatus", "n208", /is that of n210/],
  [
    "a damaged status",
    [put(nodeStatusKey(toNodeId("n208"), toGroupId("rg226")), Uint8Array.of(0xff))],
    "nodeStatus",
    "n208",
    /damaged/,
  ],
  ["a summary of a group that is not interlocked", [summary("rg224")], "interlock", "rg224", /not interlocked/],
  ["a summary of its own group", [summary("rg220")], "interlock", "rg220", /its own/],
  ["a start of a node that shares no group", [peerStart("n218")], "peerStart", "n218", /shares no group with n202/],
  [
    "a damaged start of a fellow member",
    [put(peerStartKey(toNodeId("n208")), Uint8Array.of(1, 2))],
    "peerStart",
    "n208",
    /damaged/,
  ],
  [
    "an allocation under another name",
    [put(allocationKey(toGroupId("rg220")), encodeAllocationRecord({ reservation }))],
    "allocation",
    "rg220",
    /is that of group rg226/,
  ],
  [
    "a damaged allocation",
    [put(allocationKey(toGroupId("rg220")), Uint8Array.of(0xff))],
    "allocation",
    "rg220",
    /damaged/,
  ],
  ["a key of no kind", [put(Uint8Array.of(9, 9), emptyBytes)], "unknown", "0909", /no(?:ne)? that this version/],
  [
    "a version that is none",
    [put(versionKey(1, toRevision(2), 0), Uint8Array.of(9))],
    "unknown",
    "03000000010201",
    /format 9, this version knows 1/,
  ],
  [
    "a verdict on a stranger",
    [
      put(
        stateKey(1, "verdicts", Buffer.from("n204")),
        encodeStatusComponent({
          ...{ node: toNodeId("n204"), group: toGroupId("rg220"), incarnation },
          ...{ index: toLogIndex(1), status: "up", reason: "" },
        }),
      ),
    ],
    "group",
    "rg220",
    /verdict on n204, which is not one of its owners/,
  ],
];

for (const [what, operations, kind, name, problem] of planted) {
  test(`inspectDirectory() reports ${what}`, async () => {
    const { foreign } = await inspectDirectory(await nodeDirectory("n202", [...genesis("n202"), ...operations]));
    assert.equal(foreign.length, 1, JSON.stringify(foreign));
    assert.equal(foreign[0]?.kind, kind);
    assert.ok(foreign[0].name.startsWith(name), foreign[0].name);
    assert.match(foreign[0].problem, problem);
  });
}

test("inspectDirectory() finds the starts of fellow owners and fellow voters in their place", async () => {
  const rows = [...genesis("n202"), peerStart("n208"), peerStart("n206")];
  assert.deepEqual((await inspectDirectory(await nodeDirectory("n202", rows))).foreign, []);
});

test("inspectDirectory() takes a status that belongs to the sphere for what it is", async () => {
  const rows = [...genesis("n202"), status("n208", "rg226")];
  assert.deepEqual((await inspectDirectory(await nodeDirectory("n202", rows))).foreign, []);
});

test("inspectDirectory() does not take a group's leftover of its own for foreign", async () => {
  const rows = [...genesis("n202"), ...newGroupOperations(object("rg220", owners.rg220), 30).slice(1)];
  assert.deepEqual((await inspectDirectory(await nodeDirectory("n202", rows))).foreign, []);
});

test("inspectDirectory() does not take the number of a group that was left, or is over, for a replica", async () => {
  const left = { group: toGroupId("rg224"), incarnation };
  const before = { group: clusterGroup, incarnation };
  const now = { group: clusterGroup, incarnation: toIncarnation(7) };
  const path = await nodeDirectory("n202", [
    ...genesis("n202"),
    summary("rg226"),
    putGroupRecord(left, { slot: 0, role: "gone", member: founderId }),
    putGroupRecord(before, { slot: 0, role: "gone", member: founderId }),
    putGroupRecord(now, { slot: 0, role: "learner", member: founderId }),
  ]);
  const { groups, cluster, foreign } = await inspectDirectory(path);
  assert.deepEqual([groups.map(({ name }) => name), cluster.nodes, foreign], [["rg220"], names, []]);
});

test("inspectDirectory() reports a disk without a cluster database", async () => {
  const rows = newGroupOperations(object("rg220", owners.rg220), 1);
  const { foreign } = await inspectDirectory(await nodeDirectory("n202", rows));
  assert.match(foreign[0]?.problem ?? "", /cluster database is missing/);
});

test("inspectDirectory() reads beside a running writer, each time one moment of it", async () => {
  const padding = "x".repeat(20_000);
  const path = mkdtempSync(join(directory, "running-"));
  const store = await LevelStore.open(join(path, "data", "rows"));
  await write(store, genesis("n202"));
  let written = 0;
  let isDone = false;
  const writer = (async () => {
    // More than the write buffer holds several times over: logs are replaced and tables made meanwhile.
    for (let revision = 2; !isDone && revision < 3_000; revision++) {
      await write(store, [version(1, revision, `k${String(revision).padStart(5, "0")}/${padding}`)]);
      written = revision - 1;
    }
  })();
  for (let round = 0; round < 200 && written < 700; round++) {
    const before = written;
    const { groups, foreign } = await inspectDirectory(path);
    const keys = groups[0]?.keys.map((key) => Number(key.slice(1, 6))) ?? [];
    assert.deepEqual(foreign, []);
    assert.ok(keys.length >= before, `${keys.length} keys copied, ${before} were written before`);
    assert.deepEqual(
      keys,
      Array.from({ length: keys.length }, (_, at) => at + 2),
    );
  }
  isDone = true;
  assert.ok(written > 500, `${written} writes are too few to replace a log`);
  await writer;
  await new Promise<void>((resolve) => store.close(resolve));
});

test("copyRows() accepts no copy during which the manifest has changed", async () => {
  const rows = join(await nodeDirectory("n202", genesis("n202")), "data", "rows");
  const manifest = join(rows, readFileSync(join(rows, "CURRENT"), "utf8").trim());
  const to = join(directory, "changing");
  // In every turn of the event loop, so that no copy, of several turns, escapes it.
  let writer = setImmediate(function append() {
    appendFileSync(manifest, "x");
    writer = setImmediate(append);
  });
  const copied = copyRows(rows, to, { attempts: 3, pauseMs: 1 });
  await assert.rejects(copied, { code: "overloaded", message: /changed during each of 3 copies/ }).finally(() => {
    clearImmediate(writer);
  });
  await copyRows(rows, to, { attempts: 1, pauseMs: 1 });
});

test("inspectDirectory() says when there is nothing", async () => {
  await assert.rejects(inspectDirectory(join(directory, "none")), { code: "not_found" });
});

test("inspectDirectory() that is interrupted leaves no copy behind", async () => {
  const path = await nodeDirectory("n208", genesis("n208"));
  const copies = join(directory, "copies");
  mkdirSync(copies);
  const before = process.env["TMPDIR"];
  process.env["TMPDIR"] = copies;
  try {
    await assert.rejects(inspectDirectory(path, AbortSignal.abort()), { name: "AbortError" });
  } finally {
    if (before === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = before;
  }
  assert.deepEqual(readdirSync(copies), []);
});

test("inspectDirectory() does not take what it cannot read for nothing", async () => {
  const loop = join(directory, "loop");
  symlinkSync(loop, loop);
  await assert.rejects(inspectDirectory(loop), { code: "condition_failed", message: /^Cannot read .*ELOOP/ });
});
