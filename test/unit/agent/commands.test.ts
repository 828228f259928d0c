import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { cli } from "../cli/harness.ts";

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

test("resource debug-start refuses an action that there is not", async () => {
  const { code, err } = await cli("resource debug-start orders db --action promote");
  assert.equal(code, 2);
  assert.match(err, /--action is "promote", not start, stop, monitor/);
});
