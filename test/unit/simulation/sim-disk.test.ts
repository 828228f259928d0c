// What a simulated disk keeps: acknowledged writes always, the others in order or not at all.

import assert from "node:assert/strict";
import { test } from "node:test";
import { toGroupId, toIncarnation, toLogIndex, toNodeId, toTerm } from "../../../proto/ids.ts";
import { Random } from "../../../proto/random.ts";
import { Process } from "../../../server/simulation/process.ts";
import { Scheduler } from "../../../server/simulation/scheduler.ts";
import { type CrashKind, calmDisk, SimDisk } from "../../../server/simulation/sim-disk.ts";
import { bytesOf, textOf } from "../../../storage/bytes.ts";
import type { GroupHardState } from "../../../storage/hard-state.ts";

const node = toNodeId("n1");

function rowsAfterCrash(seed: number, kind: CrashKind, crashAtMs: number) {
  const scheduler = new Scheduler();
  const disk = new SimDisk(scheduler, new Random(seed));
  disk.setOptions({ ...calmDisk, syncMsMin: 1, syncMsMean: 3 });
  const process = new Process(node, scheduler);
  const port = disk.open(process);
  const done: number[] = [];
  for (let write = 1; write <= 10; write++) {
    const operations = [{ type: "put", key: Uint8Array.of(write), value: bytesOf(`value ${write}`) } as const];
    port.write({ operations, hardStates: [hardState(write)], sync: write % 2 === 0 }, (outcome) => {
      assert.equal(outcome.type, "done");
      done.push(write);
    });
  }
  scheduler.runUntil(crashAtMs);
  process.end();
  disk.crash(kind);
  const doneBefore = [...done];
  scheduler.runUntil(1_000);
  assert.deepEqual(done, doneBefore, "nothing completes after the crash");
  const { rows } = disk.durablePage(
    { start: Uint8Array.of(0), end: Uint8Array.of(255) },
    { rowsMax: 99, bytesMax: 9999 },
  );
  return { done, kept: rows.map(({ key }) => key[0] as number), term: disk.durableTable[0]?.term ?? 0 };
}

function hardState(write: number): GroupHardState {
  const group = toGroupId("rg1");
  return { group, incarnation: toIncarnation(1), term: toTerm(write), vote: null, acknowledged: toLogIndex(0) };
}

for (const kind of ["process", "power"] as const) {
  test(`after a ${kind} crash the rows are a prefix that holds every acknowledged sync, and the table is as new`, () => {
    const lengths = new Set<number>();
    for (let seed = 1; seed <= 300; seed++) {
      const { done, kept, term } = rowsAfterCrash(seed, kind, seed % 20);
      assert.deepEqual(kept, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].slice(0, kept.length));
      assert.deepEqual(done, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].slice(0, done.length), "acknowledged in order");
      const promised = kind === "process" ? done.length : done.length - (done.length % 2);
      assert.ok(kept.length >= promised, `kept ${kept.length} of ${promised}`);
      assert.ok(term >= (done.at(-1) ?? 0));
      lengths.add(kept.length);
    }
    assert.ok(lengths.size >= 8, `crashes differ: ${[...lengths]}`);
  });
}

test("a power loss may take an acknowledged write that nobody synced, a process crash never", () => {
  const kept = { process: 0, power: 0 };
  for (const kind of ["process", "power"] as const) {
    for (let seed = 1; seed <= 100; seed++) {
      const scheduler = new Scheduler();
      const disk = new SimDisk(scheduler, new Random(seed));
      const port = disk.open(new Process(node, scheduler));
      let isDone = false;
      port.write(
        { operations: [{ type: "put", key: bytesOf("a"), value: bytesOf("1") }], hardStates: null, sync: false },
        () => {
          isDone = true;
        },
      );
      scheduler.runUntil(100);
      assert.ok(isDone);
      disk.crash(kind);
      if (disk.durableRow(bytesOf("a")) !== null) kept[kind] += 1;
    }
  }
  assert.equal(kept.process, 100);
  assert.ok(kept.power > 20 && kept.power < 80, `kept ${kept.power} of 100`);
});

test("a disk that is put back to an image holds that and nothing else, also for a second time", () => {
  const scheduler = new Scheduler();
  const disk = new SimDisk(scheduler, new Random(1));
  const write = (key: string, value: string, table: number) => {
    const operations = [{ type: "put", key: bytesOf(key), value: bytesOf(value) } as const];
    const process = new Process(node, scheduler);
    disk.open(process).write({ operations, hardStates: [hardState(table)], sync: true }, () => {});
    scheduler.runUntil(scheduler.nowMs + 100);
    process.end();
    disk.crash("power");
  };
  const fresh = disk.image();
  write("a", "1", 1);
  const image = disk.image();
  write("a", "2", 2);
  write("b", "2", 3);
  for (let round = 0; round < 2; round++) {
    disk.restore(image);
    assert.deepEqual(disk.image(), image);
    const [a, b] = ["a", "b"].map((key) => disk.durableRow(bytesOf(key)));
    assert.deepEqual([textOf(a ?? bytesOf("none")), b], ["1", null]);
    assert.equal(disk.durableTable[0]?.term, 1);
    write("b", "3", 4);
  }
  disk.restore(fresh);
  assert.deepEqual([disk.isNew, disk.durableRow(bytesOf("a"))], [true, null]);
});
