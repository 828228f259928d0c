// The gauge of free disk space: real file systems, and the timer.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { adapterLimits } from "../../../server/adapters/adapter-limits.ts";
import { DiskGauge } from "../../../server/adapters/disk-gauge.ts";
import type { Input } from "../../../server/node/inputs.ts";

async function started(directory: string) {
  const inputs: Input[] = [];
  const notes: string[] = [];
  const journal = { note: (_: string, text: string) => notes.push(text) };
  const gauge = await DiskGauge.start({ directory, deliver: (input) => inputs.push(input), journal });
  return { gauge, inputs, notes };
}

test("DiskGauge tells what the disk has free before start() returns", async () => {
  const { gauge, inputs, notes } = await started(tmpdir());
  gauge.stop();
  const [first] = inputs;
  assert.equal(first?.type, "diskFree");
  const { bavail, bsize } = statfsSync(tmpdir());
  const difference = Math.abs((first?.type === "diskFree" ? first.bytes : 0) - bavail * bsize);
  assert.ok(difference < 2 ** 30, `${difference} bytes between two looks`);
  assert.deepEqual(notes, []);
});

test("DiskGauge says once that it cannot tell, and looks again until it can", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const parent = mkdtempSync(join(tmpdir(), "bailiwick-disk-gauge-"));
  context.after(() => rmSync(parent, { recursive: true }));
  const { gauge, inputs, notes } = await started(join(parent, "data"));
  context.after(() => gauge.stop());
  assert.deepEqual([inputs, notes], [[], ["Free disk space is not known"]]);
  mkdirSync(join(parent, "data"));
  for (let look = 0; inputs.length === 0; look++) {
    assert.ok(look < 100_000, "it never looked again");
    context.mock.timers.tick(adapterLimits.diskCheckMs);
    await turn();
  }
  assert.equal(notes.length, 1);
});

test("DiskGauge delivers nothing after stop()", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const parent = mkdtempSync(join(tmpdir(), "bailiwick-disk-gauge-"));
  context.after(() => rmSync(parent, { recursive: true }));
  const { gauge, inputs } = await started(join(parent, "data"));
  gauge.stop();
  mkdirSync(join(parent, "data"));
  context.mock.timers.tick(adapterLimits.diskCheckMs);
  await started(parent).then((other) => other.gauge.stop());
  await turn();
  assert.deepEqual(inputs, []);
});
