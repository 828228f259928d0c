// The directory of a `dev` cluster: what is made, when it is taken up again, and that a refusal leaves nothing behind.

import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { loadNodeConfig } from "../../../server/config/node-file.ts";
import { DevCluster } from "../../../server/dev/dev-cluster.ts";
import { makeLayout, readLayout } from "../../../server/dev/layout.ts";
import { referenceCluster } from "../../../server/dev/reference-cluster.ts";

const parent = mkdtempSync(join(tmpdir(), "bailiwick-layout-"));
after(() => rmSync(parent, { recursive: true }));

const text = "name: demo\nnodes: [{name: n2}, {name: n1}]\ngroups: [{name: g, owners: [n1, n2]}]\n";
// Ports that nothing listens on: the checks for free ones ask the system.
const ports = { apiPort: 21_401, peerPort: 21_501 };

function options(directory: string, file = text) {
  return { directory, clusterFile: { file: "cluster.yaml", text: file }, ...ports };
}

function fresh(): string {
  return join(mkdtempSync(join(parent, "case-")), "cluster");
}

test("makeLayout() fills in keys and ports in the order of the file, and `serve` can read the result", async () => {
  const directory = fresh();
  const { nodes } = await makeLayout(options(directory));
  assert.deepEqual(
    nodes.map(({ node, apiAddress, peerAddress }) => [node, apiAddress, peerAddress]),
    [
      ["n2", "127.0.0.1:21401", "127.0.0.1:21501"],
      ["n1", "127.0.0.1:21402", "127.0.0.1:21502"],
    ],
  );
  assert.equal(statSync(join(directory, "n1", "node.key")).mode & 0o777, 0o600);
  const file = join(directory, "n1", "node.yaml");
  const config = await loadNodeConfig({ file, environment: {}, insecure: false });
  assert.equal(config.record.identity, nodes[1]?.identity);
  assert.equal(config.dataDirectory, join(directory, "n1", "data"));
  assert.equal(config.listen.api.port, 21_402);
});

test("makeLayout() takes up a directory of the same cluster, with its keys", async () => {
  const directory = fresh();
  const first = await makeLayout(options(directory));
  const again = await makeLayout(options(directory, `# Another comment\n${text}`));
  assert.deepEqual(again, first);
  assert.deepEqual(await makeLayout(options(directory, readFileSync(join(directory, "cluster.yaml"), "utf8"))), first);
  assert.deepEqual(await readLayout(directory), first);
});

test("makeLayout() refuses a directory of another cluster, and leaves it as it is", async () => {
  const directory = fresh();
  await makeLayout(options(directory));
  const before = readFileSync(join(directory, "cluster.yaml"), "utf8");
  const refused = { code: "condition_failed", message: /belongs to another cluster/ };
  const others = [referenceCluster, text.replace("name: demo", "name: other"), text.replace("[n1, n2]", "[n2, n1]")];
  for (const other of others) await assert.rejects(makeLayout(options(directory, other)), refused);
  await assert.rejects(makeLayout({ ...options(directory), apiPort: 22_401 }), refused);
  assert.equal(readFileSync(join(directory, "cluster.yaml"), "utf8"), before);
  assert.deepEqual(readdirSync(directory).sort(), ["cluster.yaml", "n1", "n2"]);
});

test("makeLayout() makes nothing when a port is taken, and names port and node", async () => {
  const directory = fresh();
  const taken = await listening(21_502);
  const message = /Node n1 cannot listen on 127\.0\.0\.1:21502: another program listens there/;
  await assert.rejects(makeLayout(options(directory)), { code: "condition_failed", message });
  await new Promise((resolve) => taken.close(resolve));
  assert.equal(existsSync(directory), false);
});

test("makeLayout() makes nothing for a bad file", async () => {
  const directory = fresh();
  const bad = text.replace("[n1, n2]", "[n1, n3]");
  await assert.rejects(makeLayout(options(directory, bad)), { code: "invalid_argument", message: /^cluster\.yaml:3:/ });
  assert.equal(existsSync(directory), false);
});

test("makeLayout() does not fill a directory that holds something else", async () => {
  const directory = fresh();
  mkdirSync(directory);
  writeFileSync(join(directory, "thesis.txt"), "");
  await assert.rejects(makeLayout(options(directory)), { code: "condition_failed", message: /holds thesis\.txt/ });
  assert.deepEqual(readdirSync(directory), ["thesis.txt"]);
});

test("makeLayout() goes on where it was cut short", async () => {
  const directory = fresh();
  const first = await makeLayout(options(directory));
  rmSync(join(directory, "cluster.yaml"));
  assert.deepEqual(await makeLayout(options(directory)), first);
});

test("makeLayout() refuses addresses beyond loopback", async () => {
  const far = text.replace("{name: n2}", '{name: n2, apiAddress: "192.0.2.1:7401"}');
  const refused = { code: "invalid_argument", message: /192\.0\.2\.1:7401 of node "n2" is not of this machine/ };
  await assert.rejects(makeLayout(options(fresh(), far)), refused);
});

test("makeLayout() refuses first ports that leave none for the last node, names the option, and makes nothing", async () => {
  for (const [given, option, port] of [
    [{ apiPort: 65_535 }, "--api-port", "api port"],
    [{ peerPort: 65_535 }, "--peer-port", "peer port"],
  ] as const) {
    const directory = fresh();
    const message = `The ${port} of node "n1" would be 65536, above 65535: give a lower ${option}`;
    await assert.rejects(makeLayout({ ...options(directory), ...given }), { code: "invalid_argument", message });
    assert.ok(!existsSync(directory));
  }
});

test("DevCluster knows its nodes, and none that runs before any was started", async () => {
  const directory = fresh();
  await assert.rejects(DevCluster.open(directory), { code: "not_found", message: /No cluster in/ });
  const cluster = await DevCluster.create(options(directory));
  assert.deepEqual(cluster.nodes, ["n2", "n1"]);
  assert.deepEqual(
    (await cluster.endpoints()).map(({ node, pid }) => [node, pid]),
    [
      ["n2", null],
      ["n1", null],
    ],
  );
  assert.deepEqual(await cluster.stopAll(), []);
  await assert.rejects(cluster.kill("n1"), { code: "condition_failed", message: /n1 does not run/ });
  await assert.rejects(cluster.start("n3"), { code: "not_found", message: /"n3" is not in .*n2 n1/ });
});

test("DevCluster starts no node any more once all are being stopped", async (t) => {
  const launcher = join(parent, "ready.mjs");
  writeFileSync(
    launcher,
    'console.log(JSON.stringify({ ready: true })); process.stdin.on("end", process.exit).resume();',
  );
  const cluster = await DevCluster.create({ ...options(fresh()), launcher });
  t.after(() => cluster.stopAll());
  const stopping = cluster.stopAll();
  await assert.rejects(cluster.start("n1"), { code: "canceled" });
  assert.deepEqual(await stopping, []);
});

test("DevCluster says why a node did not start, from its log, and leaves no process", async () => {
  const directory = fresh();
  const launcher = join(parent, "broken.mjs");
  writeFileSync(launcher, 'process.stderr.write("the reason why\\n"); process.exit(7);');
  const cluster = await DevCluster.create({ ...options(directory), launcher });
  const message = /Node n1 did not start: it ended with exit code 7\nthe reason why$/;
  await assert.rejects(cluster.start("n1"), { code: "condition_failed", message });
  assert.equal(
    (await cluster.endpoints()).every(({ pid }) => pid === null),
    true,
  );
});

function listening(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen({ port, host: "127.0.0.1" }, () => resolve(server));
  });
}
