// What a simulated disk keeps: acknowledged writes always, the others in order or not at all.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { MemberId } from "../../../proto/ids.ts";
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
  const process = new Process(node, scheduler, new Random(1));
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
  return {
    group,
    incarnation: toIncarnation(1),
    member: 1 as MemberId,
    term: toTerm(write),
    vote: null,
    acknowledged: toLogIndex(0),
    standIn: null,
  };
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
      const port = disk.open(new Process(node, scheduler, new Random(1)));
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

test("a power loss in a write of the hard states leaves the table before it or the new one, and at times a torn slot", () => {
  const terms = new Set<number>();
  let torn = 0;
  for (let seed = 1; seed <= 300; seed++) {
    const { scheduler, disk, port } = rig(seed);
    for (const write of [1, 2, 3]) {
      port.write({ operations: [], hardStates: [hardState(write)], sync: true }, () => {});
      if (write < 3) scheduler.runUntil(write * 100);
    }
    disk.crash("power");
    torn += disk.tornSlots;
    terms.add(disk.durableTable[0]?.term ?? 0);
    // The next table goes to the slot that is not the newest whole one, and is found again.
    const next = disk.open(new Process(node, scheduler, new Random(1)));
    next.write({ operations: [], hardStates: [hardState(4)], sync: true }, () => {});
    scheduler.runUntil(400);
    disk.crash("power");
    assert.equal(disk.durableTable[0]?.term, 4);
  }
  assert.deepEqual([...terms].sort(), [2, 3]);
  assert.ok(torn > 30, `${torn} torn slots`);
});

test("rows and hard states that were under way survive a power loss independently of each other", () => {
  const seen = new Set<string>();
  for (let seed = 1; seed <= 200; seed++) {
    const { disk, port } = rig(seed);
    port.write({ operations: [row("a")], hardStates: [hardState(1)], sync: true }, () => {});
    disk.crash("power");
    seen.add(`${disk.durableRow(bytesOf("a")) !== null} ${disk.durableTable.length > 0}`);
  }
  assert.equal(seen.size, 4, `${[...seen]}`);
});

test("a write that fails is failed for good on its handle, and its parts are on the disk or not", () => {
  const seen = new Set<string>();
  for (let seed = 1; seed <= 200; seed++) {
    const { scheduler, disk, port } = rig(seed);
    const outcomes: string[] = [];
    const write = (name: string) =>
      port.write({ operations: [row(name)], hardStates: [hardState(1)], sync: true }, ({ type }) =>
        outcomes.push(type),
      );
    write("before");
    scheduler.runUntil(50);
    disk.condition.fail("full");
    write("failed");
    scheduler.runUntil(100);
    disk.condition.repair();
    write("after the repair");
    scheduler.runUntil(150);
    assert.deepEqual(outcomes, ["done", "failed", "failed"]);
    assert.equal(disk.handleFailure, "full");
    assert.equal(disk.condition.refused, 1);
    disk.crash("process");
    assert.notEqual(disk.durableRow(bytesOf("before")), null, "what was acknowledged stays");
    assert.equal(disk.durableRow(bytesOf("after the repair")), null, "nothing is written on a failed handle");
    seen.add(`${disk.durableRow(bytesOf("failed")) !== null}`);
    const again: string[] = [];
    const next = disk.open(new Process(node, scheduler, new Random(1)));
    next.write({ operations: [row("new")], hardStates: null, sync: true }, ({ type }) => again.push(type));
    scheduler.runUntil(200);
    assert.deepEqual(again, ["done"]);
    assert.equal(disk.handleFailure, null);
  }
  assert.equal(seen.size, 2);
});

test("a write under way when the disk fails is told to have failed, though it may be durable", () => {
  const { scheduler, disk, port } = rig(1);
  const outcomes: string[] = [];
  port.write({ operations: [row("a")], hardStates: null, sync: true }, ({ type }) => outcomes.push(type));
  disk.condition.fail("broken");
  scheduler.runUntil(100);
  assert.deepEqual(outcomes, ["failed"]);
  assert.notEqual(disk.durableRow(bytesOf("a")), null);
});

test("a stuck disk acknowledges late and in order, what it has written being durable early or late", () => {
  const early = new Set<boolean>();
  for (let seed = 1; seed <= 50; seed++) {
    const { scheduler, disk, port } = rig(seed);
    const done: { readonly name: string; readonly atMs: number }[] = [];
    const write = (name: string) =>
      port.write({ operations: [row(name)], hardStates: null, sync: true }, () => {
        done.push({ name, atMs: scheduler.nowMs });
      });
    disk.condition.stickFor(5_000);
    write("a");
    scheduler.runUntil(2_000);
    write("b");
    early.add(disk.durableRow(bytesOf("a")) !== null);
    scheduler.runUntil(4_999);
    assert.equal(done.length, 0);
    scheduler.runUntil(6_000);
    assert.deepEqual(
      done.map(({ name }) => name),
      ["a", "b"],
    );
    write("c");
    scheduler.runUntil(6_100);
    assert.equal(done.length, 3);
    assert.equal(disk.condition.stuck, 2);
  }
  assert.equal(early.size, 2);
});

function rig(seed: number) {
  const scheduler = new Scheduler();
  const disk = new SimDisk(scheduler, new Random(seed));
  const port = disk.open(new Process(node, scheduler, new Random(seed)));
  return { scheduler, disk, port };
}

function row(name: string) {
  return { type: "put", key: bytesOf(name), value: bytesOf(name) } as const;
}
test("a disk that is put back to an image holds that and nothing else, also for a second time", () => {
  const scheduler = new Scheduler();
  const disk = new SimDisk(scheduler, new Random(1));
  const write = (key: string, value: string, table: number) => {
    const operations = [{ type: "put", key: bytesOf(key), value: bytesOf(value) } as const];
    const process = new Process(node, scheduler, new Random(2));
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
