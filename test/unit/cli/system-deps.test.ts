// The command line in a real process: what it does where its output cannot go.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("../../../server/main.ts", import.meta.url));

test("output that cannot be written ends the program with 1, and one line says why", () => {
  const full = openSync("/dev/full", "w");
  const { status, stderr } = spawnSync(process.execPath, [program, "--help"], { stdio: ["ignore", full, "pipe"] });
  closeSync(full);
  assert.deepEqual([status, String(stderr)], [1, "error: Cannot write to standard output: ENOSPC\n"]);
});

test("a reader that has ended ends the program without a word", () => {
  const line = 'set -o pipefail; "$0" "$1" --help | true; echo $?';
  const { stdout, stderr } = spawnSync("bash", ["-c", line, process.execPath, program], { encoding: "utf8" });
  assert.deepEqual([stdout, stderr], ["0\n", ""]);
});
