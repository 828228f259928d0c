// A node's data directory over its starts: what is recorded, what is refused without a trace, and what loses its vote.

import assert from "node:assert/strict";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { toBootNumber } from "../../../proto/ids.ts";
import { readNodeKey } from "../../../server/adapters/node-key.ts";
import { loadNodeConfig, type NodeConfig } from "../../../server/config/node-file.ts";
import { makeLayout } from "../../../server/dev/layout.ts";
import { inspectDirectory } from "../../../server/inspect/inspect-directory.ts";
import type { NodeImage } from "../../../server/node/image.ts";
import { closeStore, openNodeData } from "../../../server/node-data.ts";
import { metaKey } from "../../../storage/keys.ts";
import { LevelStore } from "../../../storage/level-store.ts";
import type { Operation } from "../../../storage/ordered-store.ts";
import { encodeStarts } from "../../../storage/start-record.ts";

const parent = mkdtempSync(join(tmpdir(), "bailiwick-node-data-"));
after(() => rmSync(parent, { recursive: true }));

const text = "name: demo\nnodes: [{name: n1}, {name: n2}, {name: n3}]\ngroups: [{name: g, owners: [n1, n2]}]\n";

async function makeCluster(): Promise<string> {
  const directory = join(mkdtempSync(join(parent, "case-")), "cluster");
  await makeLayout({ directory, clusterFile: { file: "cluster.yaml", text }, apiPort: 23_401, peerPort: 23_501 });
  return directory;
}

function configOf(directory: string, node = "n1"): Promise<NodeConfig> {
  return loadNodeConfig({ file: join(directory, node, "node.yaml"), environment: {}, insecure: false });
}

/** One start that ends at once. */
async function start(directory: string, node = "n1"): Promise<NodeImage> {
  const config = await configOf(directory, node);
  const { store, image } = await openNodeData(config, await readNodeKey(config.keyFile));
  await closeStore(store);
  return image;
}

async function bootOf(directory: string): Promise<number> {
  return (await readNodeKey(join(directory, "n1", "node.key"))).boot;
}

test("openNodeData() begins an empty directory, and counts the starts in it and in the key", async () => {
  const directory = await makeCluster();
  const first = await start(directory);
  assert.deepEqual([first.boot, first.quarantine], [1, null]);
  assert.deepEqual(
    first.groups.map(({ group }) => group),
    ["g"],
  );
  const second = await start(directory);
  assert.deepEqual([second.boot, second.quarantine], [2, null]);
  assert.equal(await bootOf(directory), 2);
  assert.deepEqual((await start(directory, "n3")).groups, []);
});

test("openNodeData() draws a number for each start, and keeps those of the starts before", async () => {
  const directory = await makeCluster();
  const lineages = [await start(directory), await start(directory), await start(directory)].map((one) => one.lineage);
  const last = lineages.at(-1) ?? [];
  assert.deepEqual(
    last.map(({ boot, lap }) => [boot, lap]),
    [1, 2, 3].map((boot) => [boot, 0]),
  );
  assert.equal(new Set(last.map(({ nonce }) => nonce)).size, 3);
  for (const [at, lineage] of lineages.entries()) assert.deepEqual(lineage, last.slice(0, at + 1));
});

/** Puts a row into the database of a node that does not run. */
async function putRow(directory: string, node: string, operation: Operation): Promise<void> {
  const rows = await LevelStore.open(join(directory, node, "data", "rows"));
  await new Promise<void>((resolve) => rows.write([operation], true, () => resolve()));
  await new Promise<void>((resolve) => rows.close(resolve));
}

/** Its checksum is that of another record. */
function damagedStart(): Operation {
  const value = encodeStarts([{ boot: toBootNumber(1), nonce: "00000000000000ab", lap: 0 }]);
  value[value.length - 1] = 1;
  return { type: "put", key: metaKey("start"), value };
}

function asides(directory: string, node = "n1"): readonly string[] {
  return readdirSync(join(directory, node, "data")).filter((name) => name.startsWith("damaged-"));
}

test("openNodeData() refuses the directory of another node, and changes nothing", async () => {
  const directory = await makeCluster();
  await start(directory);
  await start(directory, "n2");
  rmSync(join(directory, "n1", "data"), { recursive: true });
  cpSync(join(directory, "n2", "data"), join(directory, "n1", "data"), { recursive: true });
  const before = await inspectDirectory(join(directory, "n1"));
  const message = /data belongs to node n2, not to n1/;
  await assert.rejects(start(directory), { code: "condition_failed", message });
  assert.deepEqual(await inspectDirectory(join(directory, "n1")), before);
  assert.equal(await bootOf(directory), 1);
});

test("openNodeData() refuses a differing bootstrap file, naming both clusters and what to do", async () => {
  const directory = await makeCluster();
  const { cluster } = await start(directory);
  const file = join(directory, "cluster.yaml");
  const original = readFileSync(file, "utf8");
  writeFileSync(file, original.replace("name: demo", "name: demo2"));
  const { bootstrap } = await configOf(directory);
  assert.notEqual(bootstrap.cluster, cluster);
  const message = new RegExp(`${cluster}.*${bootstrap.cluster}.*put back the file`);
  await assert.rejects(start(directory), { code: "condition_failed", message });
  assert.equal(await bootOf(directory), 1);
  writeFileSync(file, original);
  assert.equal((await start(directory)).boot, 2);
});

/** Beside the name that it gives to the key nothing can be written, by root neither; the rest is as it was. */
async function withUnwritableKey(config: NodeConfig, use: (config: NodeConfig) => Promise<void>): Promise<void> {
  const key = await open(config.keyFile);
  try {
    await use({ ...config, keyFile: `/proc/self/fd/${key.fd}` });
  } finally {
    await key.close();
  }
}

async function assertKeyRefused(config: NodeConfig): Promise<void> {
  const message = new RegExp(`Node key ${config.keyFile} cannot be written: E[A-Z]+`);
  await assert.rejects(openNodeData(config, await readNodeKey(config.keyFile)), { code: "condition_failed", message });
}

test("openNodeData() refuses a key file that cannot be written, however often, and costs the data nothing", async () => {
  const directory = await makeCluster();
  await start(directory);
  const before = await inspectDirectory(join(directory, "n1"));
  await withUnwritableKey(await configOf(directory), async (config) => {
    for (let attempt = 0; attempt < 3; attempt++) await assertKeyRefused(config);
  });
  assert.deepEqual(await inspectDirectory(join(directory, "n1")), before);
  const { boot, quarantine } = await start(directory);
  assert.deepEqual([boot, quarantine], [2, null]);
});

test("openNodeData() sets no damaged data aside while the key file cannot be written", async () => {
  const directory = await makeCluster();
  await start(directory);
  await putRow(directory, "n1", damagedStart());
  await withUnwritableKey(await configOf(directory), assertKeyRefused);
  assert.deepEqual(asides(directory), []);
});

test("openNodeData() refuses a directory that is in use", async () => {
  const directory = await makeCluster();
  const config = await configOf(directory);
  const { store } = await openNodeData(config, await readNodeKey(config.keyFile));
  await assert.rejects(start(directory), { code: "condition_failed", message: /held by another process/ });
  await closeStore(store);
  assert.equal((await start(directory)).boot, 2);
});

test("openNodeData() quarantines a node whose directory was wiped: it holds no replica that could vote", async () => {
  const directory = await makeCluster();
  await start(directory);
  await start(directory);
  rmSync(join(directory, "n1", "data"), { recursive: true });
  const image = await start(directory);
  assert.match(image.quarantine ?? "", /wiped: the key has seen start 2/);
  assert.deepEqual([image.groups, image.database.role, image.database.log], [[], "learner", null]);
  // And it stays so.
  assert.match((await start(directory)).quarantine ?? "", /wiped/);
});

test("openNodeData() quarantines an old copy of the directory, whose replicas take no part", async () => {
  const directory = await makeCluster();
  await start(directory);
  cpSync(join(directory, "n1", "data"), join(directory, "copy"), { recursive: true });
  for (let more = 0; more < 3; more++) await start(directory);
  rmSync(join(directory, "n1", "data"), { recursive: true });
  cpSync(join(directory, "copy"), join(directory, "n1", "data"), { recursive: true });
  const image = await start(directory);
  assert.match(image.quarantine ?? "", /old copy: the key has seen start 4, the data only start 1/);
  assert.deepEqual([image.boot, image.groups, image.database.log], [5, [], null]);
  // What it held is still there for whoever looks.
  assert.deepEqual((await inspectDirectory(join(directory, "n1"))).groups[0]?.name, "g");
  assert.match((await start(directory)).quarantine ?? "", /old copy/);
});

test("openNodeData() quarantines a node that has lost its votes", async () => {
  const directory = await makeCluster();
  await start(directory);
  for (const slot of ["a", "b"]) rmSync(join(directory, "n1", "data", `hard-state.${slot}`));
  const image = await start(directory);
  assert.match(image.quarantine ?? "", /votes were lost/);
  assert.deepEqual(image.groups, []);
});

const damages: readonly (readonly [
  what: string,
  damage: (directory: string) => Promise<void> | void,
  reason: RegExp,
])[] = [
  [
    "a hard state slot lost",
    (directory) => rmSync(join(directory, "n1", "data", "hard-state.a")),
    /Hard state in .* is damaged: slot a is absent/,
  ],
  ["CURRENT lost", (directory) => rmSync(join(directory, "n1", "data", "rows", "CURRENT")), /CURRENT is missing/],
  [
    "a record that nobody wrote",
    (directory) => putRow(directory, "n1", damagedStart()),
    /record of this node's starts is damaged/,
  ],
  [
    "the record of whose it is lost",
    async (directory) => {
      for (const field of ["formatVersion", "nodeId", "clusterId", "bootNumber", "lineage", "start"] as const) {
        await putRow(directory, "n1", { type: "delete", key: metaKey(field) });
      }
    },
    /rows are there without the record of whose they are/,
  ],
];

for (const [what, damage, reason] of damages) {
  test(`openNodeData() sets damaged data aside and quarantines the node under a number never used: ${what}`, async () => {
    const directory = await makeCluster();
    await start(directory);
    await damage(directory);
    const image = await start(directory);
    assert.match(image.quarantine ?? "", reason);
    assert.deepEqual([image.boot, image.groups, image.hardStates, image.database.role], [2, [], [], "learner"]);
    assert.equal(await bootOf(directory), 2);
    const [aside = "", ...more] = asides(directory);
    assert.deepEqual(more, []);
    assert.match(image.quarantine ?? "", new RegExp(`set aside in .*${aside}$`));
    assert.match(readFileSync(join(directory, "n1", "data", aside, "reason.txt"), "utf8"), reason);
    assert.ok(existsSync(join(directory, "n1", "data", aside, "rows")));
    const next = await start(directory);
    assert.deepEqual([next.boot, next.quarantine], [3, image.quarantine]);
  });
}

test("openNodeData() keeps the newest of what was damaged, and no more", async () => {
  const directory = await makeCluster();
  for (let round = 0; round < 3; round++) {
    await start(directory);
    rmSync(join(directory, "n1", "data", "hard-state.b"));
    await start(directory);
    const [aside = "", ...more] = asides(directory);
    assert.deepEqual(more, []);
    assert.deepEqual(existsSync(join(directory, "n1", "data", aside, "hard-state.a")), true);
  }
  assert.equal(await bootOf(directory), 6);
});

test("openNodeData() sets nothing aside of another node, damaged or not", async () => {
  const directory = await makeCluster();
  await start(directory, "n2");
  await putRow(directory, "n2", damagedStart());
  cpSync(join(directory, "n2", "data"), join(directory, "n1", "data"), { recursive: true });
  await assert.rejects(start(directory), { code: "condition_failed", message: /belongs to node n2, not to n1/ });
  assert.deepEqual(asides(directory), []);
});

test("openNodeData() sets nothing aside that another process holds, or that cannot be read", async () => {
  const directory = await makeCluster();
  await start(directory);
  const rows = join(directory, "n1", "data", "rows");
  const holder = await LevelStore.open(rows);
  const current = readFileSync(join(rows, "CURRENT"));
  rmSync(join(rows, "CURRENT"));
  await assert.rejects(start(directory), { code: "condition_failed", message: /held by another process/ });
  await new Promise<void>((resolve) => holder.close(resolve));
  writeFileSync(join(rows, "CURRENT"), current);
  // The log of the holder's opening is in a table now.
  const table = readdirSync(rows).find((name) => name.endsWith(".ldb"));
  assert.ok(table !== undefined);
  renameSync(join(rows, table), join(directory, table));
  mkdirSync(join(rows, table));
  await assert.rejects(start(directory), { code: "internal", message: /EISDIR/ });
  rmSync(join(rows, table), { recursive: true });
  renameSync(join(directory, table), join(rows, table));
  assert.deepEqual(asides(directory), []);
  assert.equal((await start(directory)).quarantine, null);
});
