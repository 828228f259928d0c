// Rows and hard state as one store: order of completions, the first failure, closing.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { MemberId } from "../../../proto/ids.ts";
import { type Incarnation, type LogIndex, type Term, toGroupId } from "../../../proto/ids.ts";
import { type HardStateTable, MemoryHardState } from "../../../storage/hard-state.ts";
import { decodeMark } from "../../../storage/hard-state-mark.ts";
import { everyRange, hardStateMarkRange, metaKey } from "../../../storage/keys.ts";
import { MemoryStore } from "../../../storage/memory-store.ts";
import { type NodeStorage, NodeStore, type NodeWrite } from "../../../storage/node-store.ts";
import type { Operation, OrderedStore, WriteOutcome } from "../../../storage/ordered-store.ts";

const table: HardStateTable = [
  {
    group: toGroupId("rg220"),
    incarnation: 1 as Incarnation,
    member: 1 as MemberId,
    term: 2 as Term,
    vote: null,
    acknowledged: 0 as LogIndex,
    standIn: null,
  },
];
const put: Operation = { type: "put", key: metaKey("nodeId"), value: Buffer.from("n202") };
const rowsOnly: NodeWrite = { operations: [put], hardStates: null, sync: true };
const both: NodeWrite = { operations: [put], hardStates: table, sync: false };

/** A store under control: completions of either half are delivered by hand. */
function createControlled() {
  const rowsQueue: (() => void)[] = [];
  const tableQueue: (() => void)[] = [];
  const deferred: (() => void)[] = [];
  const rows = new MemoryStore({ defer: (deliver) => rowsQueue.push(deliver) });
  const hardState = new MemoryHardState({ defer: (deliver) => tableQueue.push(deliver) });
  const store = new NodeStore({ rows, hardState, defer: (deliver) => deferred.push(deliver) });
  return { store, rows, hardState, rowsQueue, tableQueue, deferred };
}

function record(store: NodeStorage, ...writes: NodeWrite[]): string[] {
  const finished: string[] = [];
  writes.forEach((write, turn) => {
    store.write(write, (outcome: WriteOutcome) => finished.push(`${turn} ${outcome.type}`));
  });
  return finished;
}

test("beside each table goes a mark of the newest one that was durable before", () => {
  const { store, rows, hardState } = createControlled();
  for (let write = 0; write < 3; write++) {
    record(store, both);
    const page = rows.page(hardStateMarkRange(), { rowsMax: 10, bytesMax: 1000 });
    assert.deepEqual(
      page.rows.map(({ value }) => decodeMark(value)),
      [write],
    );
    assert.equal(hardState.generation, write + 1);
  }
  record(store, rowsOnly);
  const page = rows.page(hardStateMarkRange(), { rowsMax: 10, bytesMax: 1000 });
  assert.equal(decodeMark(page.rows[0]?.value ?? Buffer.alloc(0)), 2);
});

test("decodeMark() refuses what is no mark", () => {
  assert.equal(decodeMark(Buffer.from("010000000000000c", "hex")), "hard state mark is damaged");
  assert.equal(decodeMark(Buffer.from("01ffffffffffffffff", "hex")), "hard state mark is damaged");
});

test("write() is done when both halves are, in the order of the calls", () => {
  const { store, rowsQueue, tableQueue } = createControlled();
  assert.equal(store.isNew, true);
  const finished = record(store, both, rowsOnly, both);
  assert.equal(rowsQueue.length, 3);
  assert.equal(tableQueue.length, 2);
  rowsQueue.shift()?.();
  rowsQueue.shift()?.();
  assert.deepEqual(finished, []);
  tableQueue.shift()?.();
  assert.deepEqual(finished, ["0 done", "1 done"]);
  tableQueue.shift()?.();
  assert.deepEqual(finished, ["0 done", "1 done"]);
  rowsQueue.shift()?.();
  assert.deepEqual(finished, ["0 done", "1 done", "2 done"]);
  assert.deepEqual(store.hardStates, table);
});

test("the first failure is final for every write, and the other half is left alone afterwards", () => {
  const { hardState, tableQueue, deferred } = createControlled();
  const calls: ((outcome: WriteOutcome) => void)[] = [];
  const failing: OrderedStore = {
    write: (_operations, _sync, done) => calls.push(done),
    scan: () => assert.fail("nothing is read"),
    erase: () => {},
    close: (done) => done(),
  };
  const store = new NodeStore({ rows: failing, hardState, defer: (deliver) => deferred.push(deliver) });
  const finished = record(store, rowsOnly, both, rowsOnly);
  tableQueue.shift()?.();
  calls[1]?.({ type: "failed", reason: "no space" });
  assert.deepEqual(finished, ["0 failed", "1 failed", "2 failed"]);
  calls[0]?.({ type: "done" });
  calls[2]?.({ type: "done" });
  assert.equal(finished.length, 3);
  const later = record(store, both);
  assert.deepEqual(later, []);
  for (const deliver of deferred) deliver();
  assert.deepEqual(later, ["0 failed"]);
  assert.equal(calls.length, 3);
  assert.equal(tableQueue.length, 0);
});

test("a completion may write again", () => {
  const { store, rowsQueue } = createControlled();
  const finished: string[] = [];
  store.write(rowsOnly, () => {
    finished.push("first");
    store.write(rowsOnly, () => finished.push("second"));
  });
  while (rowsQueue.length > 0) rowsQueue.shift()?.();
  assert.deepEqual(finished, ["first", "second"]);
});

test("scan() and close() reach both halves", () => {
  const { store, rows, rowsQueue, tableQueue } = createControlled();
  store.write(rowsOnly, () => {});
  let seen = 0;
  store.scan(everyRange(), { rowsMax: 10, bytesMax: 1000 }, (outcome) => {
    seen = outcome.type === "rows" ? outcome.rows.length : -1;
  });
  let isClosed = false;
  store.close(() => {
    isClosed = true;
  });
  while (rowsQueue.length > 0) rowsQueue.shift()?.();
  assert.equal(isClosed, false);
  tableQueue.shift()?.();
  assert.deepEqual([isClosed, seen, rows.size], [true, 1, 1]);
});
