// Machines, agents and nodes are killed, stopped and made to let go, in turns, under three groups at the same time (D2). Counts
// and times in full: recovery-rounds-full.ts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { runLanes } from "./support/recovery-lanes.ts";
import { type RoundName, roundNames } from "./support/recovery-rounds.ts";

/** Far above what any takes on a machine that has time for it. */
const tookMsMax = 20_000;
const plan: readonly (readonly RoundName[])[] = [
  ["power lost", "agent stopped", "moved", "manager killed"],
  ["node killed", "node stopped", "moved", "power lost"],
  ["agent killed", "manager killed", "node killed", "moved"],
];

test("twelve rounds of all kinds: applications never overlap, one runs after each, and everything is back", async (context) => {
  const waiting = plan.map((names) => [...names]);
  const { results, failures, overlaps } = await runLanes((lane) => waiting[lane]?.shift() ?? null);
  for (const { group, name, tookMs } of results) context.diagnostic(`${group} ${name}: ${tookMs ?? "-"} ms`);
  assert.deepEqual(overlaps, []);
  assert.deepEqual(
    failures.map(({ group, name, why }) => `${group} ${name}: ${why}`),
    [],
  );
  assert.deepEqual(new Set(results.map(({ name }) => name)), new Set(roundNames));
  assert.equal(results.length, 12);
  for (const { group, name, tookMs } of results) assert.ok((tookMs ?? 0) < tookMsMax, `${group} ${name}: ${tookMs} ms`);
});
