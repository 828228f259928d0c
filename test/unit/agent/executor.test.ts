import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { execute, executeForeground } from "../../../client/agent/executor.ts";

/** A process that has ended may be there until its parent has asked for it. */
function runs(pid: string): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "latin1"));
  } catch {
    return false;
  }
}

test("what a foreground process leaves in its process group is killed when it ends", async () => {
  const directory = mkdtempSync(join(tmpdir(), "bailiwick-executor-"));
  const file = join(directory, "pid");
  const args = ["-c", `sleep 600 & echo $! > ${file}`];
  const { ended } = executeForeground({ file: "/bin/sh", args, environment: { PATH: "/bin:/usr/bin" }, timeoutMs: 0 });
  assert.equal((await ended).exitStatus, 0);
  const pid = readFileSync(file, "latin1").trim();
  for (let tries = 0; tries < 1_000 && runs(pid); tries++) await sleep(20);
  assert.equal(runs(pid), false);
  rmSync(directory, { recursive: true });
});

test("what a program says on standard output tells of its failure where that is asked for", async () => {
  const directory = mkdtempSync(join(tmpdir(), "bailiwick-executor-"));
  const run = (script: string, isOutputRead: boolean) => {
    const command = { file: "/bin/sh", args: ["-c", script], environment: {}, timeoutMs: 5_000, isOutputRead };
    return execute(command, join(directory, "said")).ended;
  };
  assert.equal((await run("echo deactivating; exit 3", true)).why, "deactivating");
  assert.equal((await run("echo deactivating; exit 3", false)).why, "");
  assert.equal((await run("echo active", true)).why, "");
  rmSync(directory, { recursive: true });
});

test("a program is run where what it says cannot be kept", async () => {
  const command = { file: "/bin/sh", args: ["-c", "echo no >&2; exit 3"], environment: {}, timeoutMs: 5_000 };
  const { exitStatus, isExecuted } = await execute(command, "/dev/null/stderr").ended;
  assert.deepEqual([exitStatus, isExecuted], [3, true]);
});
