// Starts that must be refused, each with a clear error and its code, and without a trace: nothing lost, nothing made.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { createNodeKey } from "../../server/adapters/node-key.ts";
import { bailiwick, errorOf, type Result, startCommand } from "./support/command.ts";
import { findPorts } from "./support/ports.ts";
import { type LogLine, TestCluster } from "./support/test-cluster.ts";
import { waitFor } from "./support/wait.ts";

const clusterFile = `
name: bad-start
nodes: [{name: m1}, {name: m2}, {name: m3}]
groups: [{name: good, owners: [m1, m2, m3]}]
`;
const hearMs = 15_000;

const cluster = await TestCluster.create({ name: "bad-start", clusterFile });
const other = await TestCluster.create({ name: "bad-start-other", clusterFile });
await cluster.start();
await cluster.client().put("good", { key: "before", value: "all this" }, { timeoutMs: hearMs });
await cluster.stop("m1");

const bootstrapFile = join(cluster.directory, "cluster.yaml");
const bootstrapText = readFileSync(bootstrapFile, "utf8");
/** Beside the nodes' directories, and none of theirs. */
const spare = join(cluster.directory, "..", "spare");
mkdirSync(spare);

/** A node that starts after all stops at once, for its input has ended. */
function serve(nodeDirectory: string, environment: Readonly<Record<string, string>> = {}): Promise<Result> {
  const config = join(nodeDirectory, "node.yaml");
  return bailiwick(["serve", "-c", config, "-o", "json", "--stop-with-stdin"], { environment });
}

function assertRefused(result: Result, expected: { code: string; exitCode: number; message: RegExp }): void {
  assert.notEqual(result.code, 0, `it started: ${result.stdout}`);
  const { code, message, effect } = errorOf(result);
  assert.match(message, expected.message);
  assert.deepEqual([code, effect, result.code], [expected.code, "none", expected.exitCode], message);
  assert.equal(result.stdout, "");
}

/** The number of starts on record, in the key that an accepted start would have changed. */
function keyText(directory: string): string {
  return readFileSync(join(directory, "node.key"), "utf8");
}

test("a cluster file that is no YAML is refused with line and column", async () => {
  const file = join(spare, "broken.yaml");
  writeFileSync(file, bootstrapText.replace("groups:", "groups: ["));
  const result = await serve(cluster.directoryOf("m1"), {
    BAILIWICK_BOOTSTRAP: file,
    BAILIWICK_DATA_DIR: join(spare, "a"),
  });
  assertRefused(result, { code: "invalid_argument", exitCode: 2, message: /broken\.yaml:\d+:\d+/ });
  assert.equal(existsSync(join(spare, "a")), false, "a data directory was made");
});

test("a node file with a wrong key is refused with line and column", async () => {
  const directory = join(spare, "wrong-key");
  mkdirSync(directory);
  writeFileSync(join(directory, "node.yaml"), `node: m1\nbootstrap: ${bootstrapFile}\nlisten: {apu: "127.0.0.1:1"}\n`);
  assertRefused(await serve(directory), { code: "invalid_argument", exitCode: 2, message: /node\.yaml:3:\d+.*apu/ });
});

test("a port in use is refused by its name, and the start is not on record", async () => {
  const address = cluster.apiOf("m1");
  const blocker = createServer();
  await new Promise<void>((resolve) => blocker.listen(Number(address.split(":")[1]), "127.0.0.1", resolve));
  try {
    const before = keyText(cluster.directoryOf("m1"));
    const result = await serve(cluster.directoryOf("m1"));
    assertRefused(result, {
      code: "condition_failed",
      exitCode: 3,
      message: new RegExp(`${address}.*another program`),
    });
    assert.equal(keyText(cluster.directoryOf("m1")), before);
  } finally {
    blocker.close();
  }
});

test("a listen address that other machines can reach is refused without --insecure (H6)", async () => {
  const port = await findPorts(1);
  const environment = { BAILIWICK_LISTEN_API: `0.0.0.0:${port}`, BAILIWICK_DATA_DIR: join(spare, "b") };
  const result = await serve(cluster.directoryOf("m1"), environment);
  assertRefused(result, { code: "invalid_argument", exitCode: 2, message: /0\.0\.0\.0.*--insecure/ });
  assert.equal(existsSync(join(spare, "b")), false, "a data directory was made");
});

test("a data directory of another cluster is refused", async () => {
  const data = join(cluster.directoryOf("m1"), "data");
  const before = keyText(other.directoryOf("m1"));
  const result = await serve(other.directoryOf("m1"), { BAILIWICK_DATA_DIR: data });
  assertRefused(result, { code: "condition_failed", exitCode: 3, message: /belongs to cluster [0-9a-f]{32}/ });
  assert.equal(keyText(other.directoryOf("m1")), before);
});

test("a bootstrap file that differs from the one of the first start is refused", async () => {
  const file = join(spare, "differs.yaml");
  const changed = bootstrapText.replace("name: bad-start", "name: bad-end");
  assert.notEqual(changed, bootstrapText);
  writeFileSync(file, changed);
  const result = await serve(cluster.directoryOf("m1"), { BAILIWICK_BOOTSTRAP: file });
  assertRefused(result, { code: "condition_failed", exitCode: 3, message: /put back the file/ });
});

test("a data directory that another process holds is refused, and its holder goes on", async () => {
  await cluster.stop("m3");
  const data = join(cluster.directoryOf("m2"), "data");
  const result = await serve(cluster.directoryOf("m3"), { BAILIWICK_DATA_DIR: data });
  assertRefused(result, { code: "condition_failed", exitCode: 3, message: /process/ });
  assert.deepEqual(cluster.running, ["m2"]);
  cluster.assertNobodyFell();
});

test("a data directory of another node is refused", async () => {
  const data = join(cluster.directoryOf("m1"), "data");
  const before = keyText(cluster.directoryOf("m3"));
  const result = await serve(cluster.directoryOf("m3"), { BAILIWICK_DATA_DIR: data });
  assertRefused(result, { code: "condition_failed", exitCode: 3, message: /belongs to node m1, not to m3/ });
  assert.equal(keyText(cluster.directoryOf("m3")), before);
});

test("a node without its key is refused", async () => {
  const result = await serve(cluster.directoryOf("m1"), { BAILIWICK_KEY_FILE: join(spare, "no.key") });
  assertRefused(result, { code: "not_found", exitCode: 3, message: /no\.key/ });
});

test("after all that the three nodes start with what they had", async () => {
  await cluster.start("m1", "m3");
  const { keyValue } = await cluster.client().get("good", "before", { timeoutMs: hearMs });
  assert.equal(Buffer.from(keyValue?.value ?? []).toString(), "all this");
  for (const node of cluster.nodes) {
    const told = await cluster.client([node]).node(node);
    assert.equal(told.node.quarantined, false, `${node}: ${told.node.quarantineReason}`);
  }
});

test("a peer of unknown identity is refused and noted by all that it dials, and harms nobody", async () => {
  const directory = join(spare, "m4");
  mkdirSync(directory);
  const { identity } = await createNodeKey(join(directory, "node.key"));
  const port = await findPorts(2);
  const addresses = `peerAddresses: ["127.0.0.1:${port}"], apiAddress: "127.0.0.1:${port + 1}"`;
  const text = bootstrapText
    .replace("nodes:", `nodes:\n  - {name: m4, identity: ${identity}, ${addresses}}`)
    .replace("groups:", "groups:\n  - {name: theirs, owners: [m4, m1, m2, m3]}");
  writeFileSync(join(directory, "cluster.yaml"), text);
  writeFileSync(join(directory, "node.yaml"), "node: m4\n");
  const stranger = startCommand(["serve", "-c", join(directory, "node.yaml")]);
  try {
    for (const node of cluster.nodes) {
      await waitFor(`${node} to refuse ${identity}`, hearMs, () => {
        const isNote = (line: LogLine) => /unknown identity/.test(String(line["msg"])) && line["identity"] === identity;
        return cluster.log(node).some(isNote) || null;
      });
    }
    await cluster.client().put("good", { key: "with", value: "a stranger about" }, { timeoutMs: hearMs });
  } finally {
    stranger.signal("SIGTERM");
  }
  assert.equal((await stranger.ended).code, 0);
  const { nodes } = await cluster.client().nodes();
  assert.deepEqual(
    nodes.map(({ name }) => name),
    ["m1", "m2", "m3"],
  );
  cluster.assertNobodyFell();
});
