// The hard state: its bytes, the two slots under tearing and loss, failed writes, the port in memory.

import assert from "node:assert/strict";
import fs, { constants, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import type { MemberId } from "../../../proto/ids.ts";
import { type Incarnation, type LogIndex, type Term, toGroupId, toNodeId } from "../../../proto/ids.ts";
import {
  decodeHardState,
  encodeHardState,
  type GroupHardState,
  type HardStateStore,
  type HardStateTable,
  MemoryHardState,
} from "../../../storage/hard-state.ts";
import { HardStateFile, readHardState } from "../../../storage/hard-state-file.ts";
import type { WriteOutcome } from "../../../storage/ordered-store.ts";

const row = (term: number, vote: string | null = "n202"): GroupHardState => ({
  group: toGroupId("rg220"),
  incarnation: 1 as Incarnation,
  member: 1 as MemberId,
  term: term as Term,
  vote: vote === null ? null : toNodeId(vote),
  acknowledged: (term * 10) as LogIndex,
  standIn: null,
});

const owner = fc.constantFrom("n1", "n".repeat(63)).map(toNodeId);
const standIn = fc.record(
  { term: fc.maxSafeNat(), subterm: fc.maxSafeNat(), owners: fc.array(owner, { minLength: 1, maxLength: 3 }) },
  { noNullPrototype: true },
);

/** Of a slot file; null when it holds no whole table. */
function termIn(path: string): number | null {
  const image = decodeHardState(readFileSync(path));
  return image === null || "unknownFormat" in image ? null : (image.table[0]?.term ?? null);
}

/** Every write to it is durable when it is done. */
function isSynced(file: number): boolean {
  const [, flags = ""] = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${file}`, "utf8")) ?? [];
  return (Number.parseInt(flags, 8) & constants.O_DSYNC) !== 0;
}

function directoryOf(context: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "bailiwick-hard-state-"));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

const write = (store: HardStateStore, table: HardStateTable): Promise<WriteOutcome> =>
  new Promise((resolve) => store.write(table, resolve));
const close = (store: HardStateStore): Promise<void> => new Promise((resolve) => store.close(resolve));

/** Opens, writes terms 1 to `terms` one by one, closes. */
async function written(directory: string, terms: number): Promise<void> {
  const store = await HardStateFile.open(directory);
  for (let term = 1; term <= terms; term++) assert.deepEqual(await write(store, [row(term)]), { type: "done" });
  await close(store);
}

async function reopened(directory: string): Promise<{ terms: number[]; isNew: boolean }> {
  const store = await HardStateFile.open(directory);
  await close(store);
  return { terms: store.table.map(({ term }) => term), isNew: store.isNew };
}

test("the table survives its bytes, with any number of groups", () => {
  const table = fc.array(
    fc.record(
      {
        group: fc.constantFrom("a", "rg220", "z".repeat(63)).map(toGroupId),
        incarnation: fc.maxSafeNat().map((value) => value as Incarnation),
        member: fc.maxSafeNat().map((value) => value as MemberId),
        term: fc.maxSafeNat().map((value) => value as Term),
        vote: fc.constantFrom(null, "n1", "n".repeat(63)).map((name) => (name === null ? null : toNodeId(name))),
        acknowledged: fc.maxSafeNat().map((value) => value as LogIndex),
        standIn: fc.option(standIn),
      },
      { noNullPrototype: true },
    ),
    { maxLength: 6 },
  );
  fc.assert(
    fc.property(table, fc.maxSafeNat(), (rows, generation) => {
      const bytes = encodeHardState({ generation, table: rows });
      assert.deepEqual(decodeHardState(Buffer.concat([bytes, Buffer.alloc(7)])), { generation, table: rows });
    }),
  );
});

test("decodeHardState() refuses each flipped bit and each cut", () => {
  const bytes = encodeHardState({ generation: 4, table: [row(1), row(2, null)] });
  for (let bit = 0; bit < bytes.byteLength * 8; bit++) {
    const damaged = bytes.slice();
    damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
    assert.equal(decodeHardState(damaged), null, `bit ${bit}`);
  }
  for (let length = 0; length < bytes.byteLength; length++) {
    assert.equal(decodeHardState(bytes.subarray(0, length)), null, `length ${length}`);
  }
});

test("the bytes of a table are those of format 1", () => {
  const hex =
    "425748530100000000000000070000002deaf6ff1d" +
    "0000000105726732323000000000000000010000000000000001000000000000000300000000000000001e0000";
  const bytes = encodeHardState({ generation: 7, table: [row(3, null)] });
  assert.equal(Buffer.from(bytes).toString("hex"), hex);
});

test("HardStateFile keeps the newest table over openings, and says when there never was one", async (context) => {
  const directory = directoryOf(context);
  assert.deepEqual(await reopened(directory), { terms: [], isNew: true });
  assert.deepEqual(await reopened(directory), { terms: [], isNew: true });
  for (let term = 1; term <= 5; term++) {
    const store = await HardStateFile.open(directory);
    assert.deepEqual(await write(store, [row(term)]), { type: "done" });
    assert.deepEqual(store.table, [row(term)]);
    await close(store);
    assert.deepEqual(await reopened(directory), { terms: [term], isNew: false });
  }
  assert.deepEqual(await readHardState(directory), [row(5)]);
  assert.deepEqual(readdirSync(directory).sort(), ["hard-state.a", "hard-state.b"]);
});

test("HardStateFile answers every write when a newer table is durable, in order", async (context) => {
  const directory = directoryOf(context);
  const store = await HardStateFile.open(directory);
  const finished: number[] = [];
  for (let term = 1; term <= 40; term++) {
    store.write([row(term)], (outcome) => {
      assert.equal(outcome.type, "done");
      finished.push(term);
    });
  }
  await close(store);
  assert.deepEqual(
    finished,
    Array.from({ length: 40 }, (_, turn) => turn + 1),
  );
  assert.deepEqual(await reopened(directory), { terms: [40], isNew: false });
});

test("HardStateFile writes rows that it wrote before, and those in their place, as they are", async (context) => {
  const directory = directoryOf(context);
  const store = await HardStateFile.open(directory);
  const [first, second] = [row(1), row(2)];
  await write(store, [first, second]);
  await write(store, [second, row(3)]);
  await close(store);
  assert.deepEqual(await reopened(directory), { terms: [2, 3], isNew: false });
});

test("one torn slot is normal: the other one holds, whichever it is, and is not overwritten next", async (context) => {
  for (const torn of ["hard-state.a", "hard-state.b"]) {
    for (const terms of [2, 3]) {
      const directory = directoryOf(context);
      await written(directory, terms);
      const path = join(directory, torn);
      writeFileSync(path, readFileSync(path).fill(0, 30, 60));
      const left = (await reopened(directory)).terms;
      assert.ok(left[0] === terms || left[0] === terms - 1);
      await written(directory, 1);
      assert.deepEqual(await reopened(directory), { terms: [1], isNew: false });
      // The slot that was whole still is: the torn one took the write.
      const survivor = torn === "hard-state.a" ? "hard-state.b" : "hard-state.a";
      assert.equal(termIn(join(directory, survivor)), left[0]);
    }
  }
});

test("writes take turns: losing the slot under way leaves the table before it", async (context) => {
  const directory = directoryOf(context);
  await written(directory, 3);
  const terms = ["hard-state.a", "hard-state.b"].map((name) => termIn(join(directory, name)));
  assert.deepEqual(terms.sort(), [2, 3]);
});

test("each write is synced before it is done; the first failure ends the handle", async (context) => {
  const directory = directoryOf(context);
  const store = await HardStateFile.open(directory);
  const attempt = context.mock.method(fs, "write");
  syncBuiltinESMExports();
  context.after(() => {
    context.mock.reset();
    syncBuiltinESMExports();
  });
  await write(store, [row(1)]);
  await write(store, [row(2)]);
  const files = attempt.mock.calls.map((call) => call.arguments[0]);
  assert.deepEqual(files.map(isSynced), [true, true]);
  attempt.mock.mockImplementationOnce(((...call: unknown[]) =>
    (call.at(-1) as (reason: Error) => void)(new Error("EIO"))) as typeof fs.write);
  const outcomes = await Promise.all([write(store, [row(3)]), write(store, [row(4)])]);
  outcomes.push(await write(store, [row(5)]));
  const failed = { type: "failed", reason: "Hard state was not written: EIO" };
  assert.deepEqual(outcomes, [failed, failed, failed]);
  assert.equal(attempt.mock.callCount(), 3, "nothing was tried after the failure");
  await close(store);
  assert.deepEqual((await reopened(directory)).terms, [2]);
});

test("both slots invalid, or one gone that was there, is damage", async (context) => {
  const damage: ((directory: string) => void)[] = [
    (directory) => {
      writeFileSync(join(directory, "hard-state.a"), "");
      writeFileSync(join(directory, "hard-state.b"), Buffer.alloc(4096));
    },
    (directory) => rmSync(join(directory, "hard-state.a")),
    (directory) => rmSync(join(directory, "hard-state.b")),
    (directory) => {
      rmSync(join(directory, "hard-state.a"));
      writeFileSync(join(directory, "hard-state.b"), "x");
    },
  ];
  for (const destroy of damage) {
    const directory = directoryOf(context);
    await written(directory, 3);
    destroy(directory);
    await assert.rejects(HardStateFile.open(directory), { code: "corrupt" });
  }
});

test("a first opening that a crash cut short is finished by the next", async (context) => {
  const directory = directoryOf(context);
  writeFileSync(join(directory, "hard-state.b.new"), "half");
  assert.equal((await reopened(directory)).isNew, true);
  rmSync(join(directory, "hard-state.a"));
  assert.equal((await reopened(directory)).isNew, true);
  await written(directory, 1);
  assert.deepEqual(await reopened(directory), { terms: [1], isNew: false });
});

test("MemoryHardState keeps its table over a restart and refuses writes through the old handle", async () => {
  const store = new MemoryHardState({ defer: setImmediate });
  assert.equal(store.isNew, true);
  assert.deepEqual(await write(store, [row(1)]), { type: "done" });
  const next = store.reopened();
  assert.equal((await write(store, [row(2)])).type, "failed");
  assert.deepEqual([next.table, next.isNew], [[row(1)], false]);
  await close(next);
  assert.equal((await write(next, [row(2)])).type, "failed");
});
