// Runs of hours: what they report, that one seed gives one history, that a broken node is a violation, and that what was
// compared is forgotten.

import assert from "node:assert/strict";
import { test } from "node:test";
import { LongRun } from "../../../server/simulation/long-run.ts";
import { simOptionsOf, usualFaults } from "../../../server/simulation/long-run-options.ts";
import { createReferenceTopology } from "../../../server/simulation/reference-topology.ts";

const topology = createReferenceTopology();
const options = { seed: 3, topology, durationMs: 60_000, faults: usualFaults, checkpointMs: 3_600_000 };

function runToEnd(run: LongRun): LongRun {
  for (const ms of run.pieces()) assert.ok(ms > 0);
  return run;
}

test("a minute under faults is compared, and comes out the same again", () => {
  const [first, second] = [runToEnd(new LongRun(options)), runToEnd(new LongRun(options))];
  const { isComplete, violations, operations, faults, hash, groups, checkpoints, virtualHours } = first.report();
  assert.deepEqual([isComplete, violations, checkpoints, virtualHours], [true, [], 1, 1 / 60]);
  assert.equal(operations.compared, operations.acknowledged);
  assert.ok(operations.acknowledged > 20, `${operations.acknowledged} acknowledged`);
  for (const fault of usualFaults) assert.ok((faults[fault] ?? 0) > 0, `${fault} struck`);
  assert.deepEqual(
    groups.map(({ group }) => group),
    ["cluster", "rg220", "rg222", "rg224", "rg226"],
  );
  assert.equal(second.report().hash, hash);
  assert.notEqual(runToEnd(new LongRun({ ...options, seed: 4 })).report().hash, hash);
});

test("what was compared at a checkpoint is forgotten, and counts of all rounds are added up", () => {
  const rounds = runToEnd(new LongRun({ ...options, checkpointMs: 20_000 })).report();
  assert.deepEqual([rounds.isComplete, rounds.violations, rounds.checkpoints], [true, [], 3]);
  assert.equal(rounds.operations.compared, rounds.operations.acknowledged);
  assert.ok(rounds.operations.acknowledged > 20);
  assert.deepEqual([rounds.faults["links"], rounds.faults["disks"]], [3, 3]);
});

test("without faults every group is available all the time", () => {
  const { groups, faults } = runToEnd(new LongRun({ ...options, faults: [] })).report();
  assert.deepEqual(faults, {});
  for (const { availability, interruptions } of groups) assert.deepEqual([availability, interruptions], [1, 0]);
});

test("whoever stops asking half-way has a report that says so", () => {
  const run = new LongRun(options);
  for (const ms of run.pieces()) if (ms >= 20_000) break;
  const { isComplete, violations, checkpoints, operations } = run.report();
  assert.deepEqual([isComplete, violations, checkpoints], [false, [], 0]);
  assert.ok(operations.begun > 0);
});

test("a node that says nothing to its peers is a violation, with its time", () => {
  const run = new LongRun(options, {
    boot: (boot) => (start) => {
      const { machine, ...booted } = boot(start);
      const mute = start.node === "n208";
      const step: typeof machine.step = (input, nowMs) =>
        machine.step(input, nowMs).filter(({ type }) => !mute || (type !== "send" && type !== "publish"));
      return { machine: { step, deadlineMs: () => machine.deadlineMs() }, ...booted };
    },
  });
  for (const _ms of run.pieces()) assert.fail("it cannot come up");
  const { isComplete, violations } = run.report();
  assert.equal(isComplete, false);
  assert.deepEqual(
    violations.map(({ kind }) => kind),
    ["liveness"],
  );
  assert.ok((violations[0]?.virtualSeconds ?? 0) > 10);
});

test("faults that were not asked for are off, and in a short run each strikes several times", () => {
  const off = simOptionsOf({ ...options, faults: ["pause"] });
  assert.deepEqual([off.crash, off.partition, off.gossip, off.core], [null, null, "normal", null]);
  assert.equal(off.pause?.meanMs, 10_000);
  assert.equal(simOptionsOf({ ...options, durationMs: 86_400_000, faults: ["pause"] }).pause?.meanMs, 600_000);
});
