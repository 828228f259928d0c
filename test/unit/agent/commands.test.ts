import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { cli } from "../cli/harness.ts";
import { FakeCluster } from "../client/fake-cluster.ts";
import { groupInError } from "../client/fake-placements.ts";

test("agent refuses a file that is for another node", async () => {
  const directory = mkdtempSync(join(tmpdir(), "bailiwick-agent-"));
  const file = join(directory, "agent.yaml");
  writeFileSync(file, "node: n204\nallow: {}\n");
  const { code, err } = await cli(["agent", "--node", "n202", "-c", file]);
  assert.deepEqual([code, /--node is "n202", and .* is for "n204"/.test(err)], [2, true], err);
  rmSync(directory, { recursive: true });
});

test("agent names a file that cannot be read", async () => {
  const { code, err } = await cli("agent -c /nowhere/agent.yaml");
  assert.equal(code, 2);
  assert.match(err, /\/nowhere\/agent\.yaml cannot be read/);
});

test("resource debug-start passes a group in error only when all of its resources are known to be stopped", async () => {
  const cluster = new FakeCluster();
  cluster.group = { ...groupInError, currentOwner: "n202" };
  const line = "resource debug-start rg220 postgres -c /nowhere/agent.yaml";
  const running = await cli(line, { cluster });
  assert.match(running.err, /rg220 is error on n202: stop it first, or give --force/);
  cluster.group = { ...cluster.group, resources: [] };
  assert.match((await cli(line, { cluster })).err, /stop it first/);
  cluster.group = { ...cluster.group, resources: [{ resource: "postgres", node: "n202", epoch: 0n }] };
  assert.match((await cli(line, { cluster })).err, /agent\.yaml cannot be read/);
});

test("resource debug-start refuses an action that there is not", async () => {
  const { code, err } = await cli("resource debug-start orders db --action promote");
  assert.equal(code, 2);
  assert.match(err, /--action is "promote", not start, stop, monitor/);
});
