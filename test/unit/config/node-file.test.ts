// node.yaml: defaults, what the environment may change, and what is refused.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { isLoopback, parseAddress } from "../../../server/config/address.ts";
import { loadNodeConfig } from "../../../server/config/node-file.ts";

const directory = mkdtempSync(join(tmpdir(), "bailiwick-node-file-"));
after(() => rmSync(directory, { recursive: true }));

const identities = ["A", "B"].map((letter) => `12D3KooW${letter.repeat(44)}`);
writeFileSync(
  join(directory, "cluster.yaml"),
  `name: demo
nodes:
  - {name: n1, identity: ${identities[0]}, peerAddresses: ["127.0.0.1:7501"], apiAddress: "127.0.0.1:7401"}
  - {name: n2, identity: ${identities[1]}, peerAddresses: ["192.0.2.7:7502"], apiAddress: "127.0.0.1:7402"}
`,
);

function load(text: string, options: { environment?: Record<string, string>; insecure?: boolean } = {}) {
  const file = join(directory, "node.yaml");
  writeFileSync(file, text);
  return loadNodeConfig({ file, environment: options.environment ?? {}, insecure: options.insecure ?? false });
}

test("loadNodeConfig() takes everything but the name by default", async () => {
  const config = await load("node: n1\n");
  assert.equal(config.dataDirectory, join(directory, "data"));
  assert.equal(config.keyFile, join(directory, "node.key"));
  assert.equal(config.bootstrapFile, join(directory, "cluster.yaml"));
  assert.deepEqual(config.listen, { peer: { host: "127.0.0.1", port: 7501 }, api: { host: "127.0.0.1", port: 7401 } });
  assert.equal(config.logLevel, "info");
  assert.equal(config.diskFreeBytesMin, 128 * 1024 * 1024);
  assert.equal(config.record.identity, identities[0]);
  assert.ok(Object.isFrozen(config));
});

test("loadNodeConfig() lets the environment win over the file", async () => {
  const environment = {
    BAILIWICK_DATA_DIR: "/srv/other",
    BAILIWICK_LISTEN_API: "[::1]:9001",
    BAILIWICK_LOG_LEVEL: "debug",
  };
  const config = await load("node: n1\ndataDir: here\nlogLevel: warn\n", { environment });
  assert.equal(config.dataDirectory, "/srv/other");
  assert.deepEqual(config.listen.api, { host: "::1", port: 9001 });
  assert.equal(config.logLevel, "debug");
});

const refusals: readonly (readonly [string, string, RegExp, Record<string, string>?])[] = [
  ["an unknown key", "node: n1\ndatadir: x\n", /node\.yaml:2:1: Unknown key "datadir"; did you mean "dataDir"\?/],
  ["a missing name", "dataDir: x\n", /node\.yaml:1:1: node is missing/],
  ["a node of no cluster", "node: n3\n", /node\.yaml:1:7: Node "n3" is not in .*cluster\.yaml; did you mean "n1"\?/],
  [
    "a log level of its own",
    "node: n1\nlogLevel: loud\n",
    /node\.yaml:2:11: logLevel is "loud", it must be one of debug info/,
  ],
  [
    "a watermark of less than nothing",
    "node: n1\ndiskFreeBytesMin: -1\n",
    /node\.yaml:2:19: diskFreeBytesMin is -1, it must be a whole number of bytes, 0 or more/,
  ],
  [
    "room for less than one group",
    "node: n1\ngroupsBytesMax: 1000\n",
    /node\.yaml:2:17: groupsBytesMax is 1000, it must be a whole number of bytes, 1048576 or more/,
  ],
  [
    "half a byte",
    "node: n1\ndiskFreeBytesMin: 0.5\n",
    /node\.yaml:2:19: diskFreeBytesMin must be a whole number, not 0.5/,
  ],
  ["a bad address", "node: n1\nlisten: {api: here}\n", /node\.yaml:2:15: listen\.api is "here", it must be host:port/],
  [
    "a listener for everyone",
    "node: n1\nlisten: {api: '0.0.0.0:7401'}\n",
    /api would listen on 0\.0\.0\.0:7401.*--insecure/,
  ],
  ["an address of the bootstrap beyond loopback", "node: n2\n", /peer would listen on 192\.0\.2\.7:7502/],
  ["malformed YAML", "node: [n1\n", /node\.yaml:2:1: Not YAML/],
  [
    "a bad variable",
    "node: n1\n",
    /Environment variable BAILIWICK_LOG_LEVEL is "loud", it must/,
    { BAILIWICK_LOG_LEVEL: "loud" },
  ],
  ["an exposed variable", "node: n1\n", /api would listen on \[::\]:1/, { BAILIWICK_LISTEN_API: "[::]:1" }],
];

for (const [what, text, message, environment] of refusals) {
  test(`loadNodeConfig() refuses ${what}`, async () => {
    await assert.rejects(load(text, { environment: environment ?? {} }), { code: "invalid_argument", message });
  });
}

test("loadNodeConfig() listens beyond loopback when told to", async () => {
  assert.equal((await load("node: n2\n", { insecure: true })).listen.peer.host, "192.0.2.7");
  assert.equal((await load("node: n2\ninsecure: true\n")).listen.peer.host, "192.0.2.7");
});

test("loadNodeConfig() says which file is missing", async () => {
  const missing = { code: "not_found", message: /Cannot read .*other\.yaml: ENOENT/ };
  await assert.rejects(load("node: n1\nbootstrap: other.yaml\n"), missing);
});

test("parseAddress() and isLoopback() tell hosts apart", () => {
  assert.deepEqual(parseAddress("[::1]:80"), { host: "::1", port: 80 });
  for (const bad of ["", "a", ":80", "a:", "a:b", "a:99999", "::1:80", "a b:1", "a:1 ", "-a:1"]) {
    assert.equal(parseAddress(bad), null, bad);
  }
  for (const host of ["127.0.0.1", "127.1.2.3", "localhost", "::1"]) assert.ok(isLoopback(host), host);
  for (const host of ["0.0.0.0", "::", "10.0.0.1", "127.evil.example", "127.0.0.1.example"]) {
    assert.ok(!isLoopback(host), host);
  }
});
