// A process on record is signalled only while it is the very process that was started.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { killProcess, stopProcess } from "../../../server/dev/node-process.ts";
import { findProcess, readStart, writeRecord } from "../../../server/dev/process-record.ts";

const directory = mkdtempSync(join(tmpdir(), "bailiwick-process-"));
after(() => rmSync(directory, { recursive: true }));
const file = join(directory, "process.json");

async function startSleeper() {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
  const ended = new Promise<NodeJS.Signals | null>((resolve) => child.once("exit", (_, signal) => resolve(signal)));
  const startedAt = await readStart(child.pid ?? 0);
  assert.ok(startedAt !== null);
  return { child, ended, record: { pid: child.pid ?? 0, startedAt } };
}

test("findProcess() finds the process on record, and nothing once it has ended", async () => {
  const { ended, record } = await startSleeper();
  await writeRecord(file, record);
  assert.deepEqual(await findProcess(file), record);
  await killProcess(record, file);
  assert.equal(await ended, "SIGKILL");
  assert.equal(await findProcess(file), null);
  await writeRecord(file, record);
  assert.equal(await findProcess(file), null);
});

test("stopProcess() and killProcess() leave alone a process that has the number of another", async () => {
  const { child, ended, record } = await startSleeper();
  const other = { ...record, startedAt: "earlier" };
  await writeRecord(file, other);
  assert.equal(await findProcess(file), null);
  await killProcess(other, file);
  await stopProcess(other, file);
  assert.equal(child.exitCode, null);
  assert.equal(await readStart(record.pid), record.startedAt);
  await stopProcess(record, file);
  assert.equal(await ended, "SIGTERM");
});

test("findProcess() takes a damaged record for none", async () => {
  for (const text of ["", "{", "[]", '{"pid":0,"startedAt":"x"}', '{"pid":-1,"startedAt":"x"}', '{"pid":1}', "null"]) {
    writeFileSync(file, text);
    assert.equal(await findProcess(file), null, text);
  }
});
