// A node's data directory over its starts: what is recorded, what is refused without a trace, and what loses its vote.

import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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

test("openNodeData() refuses a directory whose record of starts is damaged", async () => {
  const directory = await makeCluster();
  await start(directory);
  const rows = await LevelStore.open(join(directory, "n1", "data", "rows"));
  const value = encodeStarts([{ boot: toBootNumber(1), nonce: "00000000000000ab", lap: 0 }]);
  value[value.length - 1] = 1;
  await new Promise<void>((resolve) =>
    rows.write([{ type: "put", key: metaKey("start"), value }], true, () => resolve()),
  );
  await new Promise<void>((resolve) => rows.close(resolve));
  await assert.rejects(start(directory), { code: "corrupt", message: /record of this node's starts is damaged/ });
});

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

test("openNodeData() refuses a damaged directory", async () => {
  const directory = await makeCluster();
  await start(directory);
  rmSync(join(directory, "n1", "data", "hard-state.a"));
  await assert.rejects(start(directory), { code: "corrupt", message: /Hard state in .* is damaged/ });
  rmSync(join(directory, "n1", "data", "rows", "CURRENT"));
  await assert.rejects(start(directory), { code: "corrupt", message: /CURRENT is missing/ });
});
