// The examples in README.md, programs and command lines, each run as it stands, against a cluster with the groups that they name.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { startCommand } from "../e2e/support/command.ts";
import { createScratch } from "../e2e/support/scratch.ts";
import { TestCluster } from "../e2e/support/test-cluster.ts";
import { commandsOf, type Example, examplesOf } from "./examples.ts";

const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
const library = new URL("../../client/index.ts", import.meta.url).href;
const root = fileURLToPath(new URL("../..", import.meta.url));
const commandMsMax = 60_000;
const clusterFile = `name: readme
nodes: [{name: n202}, {name: n208}, {name: n214}]
groups: [{name: rg220, owners: [n202, n208, n214]}, {name: rg226, owners: [n208, n214, n202]}]
`;

const scratch = createScratch("readme");
const cluster = await TestCluster.create({ name: "readme", clusterFile });
await cluster.start();
after(() => scratch.remove());

const examples = examplesOf(readme, "### Client library");

test("the section has examples, and each says what it prints", () => {
  assert.ok(examples.length >= 6);
  for (const { code, prints } of examples) assert.ok(prints.length > 0, code);
});

for (const [position, example] of examples.entries()) {
  test(`example ${position + 1} of the client library prints what it says`, async () => {
    const script = write(example, `example-${position + 1}.mts`);
    const { code, stdout, stderr } = await startCommand([], { script }).ended;
    assert.deepEqual([code, stderr], [0, ""]);
    assert.deepEqual(stdout.split("\n").slice(0, -1), example.prints);
  });
}

const commands = commandsOf(readme, "### Without the library");

test("the section has commands, and each says what it prints", () => {
  assert.ok(commands.length >= 6);
  for (const { line, prints } of commands) assert.notEqual(prints, "", line);
});

for (const { line, prints } of commands) {
  test(`as a command line says: ${line}`, () => {
    const environment = { ...process.env, BAILIWICK_ENDPOINTS: cluster.apiOf("n202") };
    const options = { shell: "/bin/sh", cwd: root, env: environment, encoding: "utf8", timeout: commandMsMax } as const;
    const { status, stdout, stderr } = spawnSync(withAddresses(withoutNpx(line)), options);
    assert.equal(status, 0, stderr);
    assert.ok(stdout.includes(prints), stdout);
  });
}

/** With the library and the nodes of this test. @returns where it is */
function write({ code }: Example, name: string): string {
  const script = withAddresses(code.replace('from "bailiwick"', `from ${JSON.stringify(library)}`));
  const path = join(scratch.directory, name);
  writeFileSync(path, script);
  return path;
}

/** What npx would find, without asking a registry for it. */
function withoutNpx(line: string): string {
  return line
    .replaceAll("npx bailiwick", `"${process.execPath}" server/bailiwick.mjs`)
    .replaceAll("npx buf", "node_modules/.bin/buf");
}

/** Those of the nodes of this test instead of those that the README names. */
function withAddresses(text: string): string {
  const addresses: Readonly<Record<string, string>> = {
    "127.0.0.1:7401": cluster.apiOf("n202"),
    "127.0.0.1:7402": cluster.apiOf("n208"),
  };
  return text.replace(/127\.0\.0\.1:740[12]/g, (address) => addresses[address] ?? address);
}
