// The known bugs that the simulator is tried with (test/mutants) are patches: each has to fit the product as it is.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { readMutants } from "../../mutants/mutant.ts";

const root = join(import.meta.dirname, "../../..");

test("every mutant says whose bug it is, and its patch applies", () => {
  const mutants = readMutants(join(root, "test/mutants/patches"));
  assert.ok(mutants.length > 90);
  const misfits = mutants.flatMap(({ name, file }) => {
    const { status, stderr } = spawnSync("git", ["apply", "--check", file], { cwd: root, encoding: "utf8" });
    return status === 0 ? [] : [`${name}: ${stderr.trim()}`];
  });
  assert.deepEqual(misfits, []);
});
