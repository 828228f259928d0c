// The examples in README.md, each run as it stands, against a cluster with the groups that they name.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { startCommand } from "../e2e/support/command.ts";
import { createScratch } from "../e2e/support/scratch.ts";
import { TestCluster } from "../e2e/support/test-cluster.ts";
import { type Example, examplesOf } from "./examples.ts";

const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
const library = new URL("../../client/index.ts", import.meta.url).href;
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

/** With the library and the nodes of this test. @returns where it is */
function write({ code }: Example, name: string): string {
  const addresses: Readonly<Record<string, string>> = {
    "127.0.0.1:7401": cluster.apiOf("n202"),
    "127.0.0.1:7402": cluster.apiOf("n208"),
  };
  const script = code
    .replace('from "bailiwick"', `from ${JSON.stringify(library)}`)
    .replace(/127\.0\.0\.1:740[12]/g, (address) => addresses[address] ?? address);
  const path = join(scratch.directory, name);
  writeFileSync(path, script);
  return path;
}
