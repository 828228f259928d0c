// `bailiwick simulate` as its users have it: two runs of a seed, the contract of its JSON, and Ctrl-C.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { bailiwick, startCommand } from "./support/command.ts";
import { createScratch } from "./support/scratch.ts";
import { eventually } from "./support/wait.ts";

const scratch = createScratch("simulate");
after(scratch.remove);
const startMs = 30_000;

interface Told {
  readonly hash: string;
  readonly violations: readonly unknown[];
  readonly groups: readonly { readonly group: string; readonly availability: number; readonly failovers: object }[];
}

test("two runs of one seed on the reference cluster give one hash and the documented JSON", async () => {
  const args = ["simulate", "--seed", "7", "--hours", "0.05", "-o", "json"];
  const [first, second] = [await bailiwick(args), await bailiwick(args)];
  assert.deepEqual([first.code, second.code], [0, 0], first.stderr);
  const told = JSON.parse(first.stdout) as Told;
  assert.deepEqual(Object.keys(told), [
    "seed",
    "virtualHours",
    "isComplete",
    "topology",
    "groups",
    "faults",
    "operations",
    "checkpoints",
    "violations",
    "hash",
    "replay",
  ]);
  assert.deepEqual(told.violations, []);
  assert.deepEqual(
    told.groups.map(({ group }) => group),
    ["cluster", "rg220", "rg222", "rg224", "rg226"],
  );
  for (const { availability } of told.groups) assert.ok(availability > 0.5 && availability <= 1);
  assert.equal(first.stdout, second.stdout);
  assert.match(first.stderr, /100 %, 0.05 of 0.05 virtual hours/);
});

test("a cluster of one's own comes out with a table", async () => {
  const file = join(scratch.directory, "cluster.yaml");
  writeFileSync(
    file,
    "name: demo\nnodes: [{name: a}, {name: b}, {name: c}]\ngroups: [{name: mine, owners: [c, a, b]}]\n",
  );
  const { code, stdout } = await bailiwick(["simulate", "-f", file, "--hours", "0.02", "--faults", "none"]);
  assert.equal(code, 0);
  assert.match(stdout, /^GROUP[^\n]*\ncluster +3 +100 %[^\n]*\nmine +3 +100 %/);
  assert.match(stdout, /audit hash [0-9a-f]{16}\n$/);
});

test("Ctrl-C prints what has happened so far and ends with 130", async () => {
  const running = startCommand(["simulate", "--hours", "1000"]);
  await eventually(startMs, () => {
    assert.match(running.stderr(), /virtual hours/);
  });
  running.signal("SIGINT");
  const { code, stdout } = await running.ended;
  assert.equal(code, 130);
  assert.match(stdout, /virtual hours +[0-9.]+, not to the end/);
});
