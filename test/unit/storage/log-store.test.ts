// The log as rows: appends, truncations, compactions, and that every kind of damage is found at a load.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { LogIndex, Term } from "../../../proto/ids.ts";
import { bytesOf, textOf } from "../../../storage/bytes.ts";
import { logBoundaryKey, logKey, logRange } from "../../../storage/keys.ts";
import { encodeLogRecord, type LogEntry, logHeaderBytes } from "../../../storage/log-record.ts";
import { type LogPosition, LogStore } from "../../../storage/log-store.ts";
import { MemoryStore } from "../../../storage/memory-store.ts";
import type { Operation, Row } from "../../../storage/ordered-store.ts";

const slot = 3;
const at = (term: number, index: number): LogPosition => ({ term: term as Term, index: index as LogIndex });
const entry = (term: number, index: number, payload = `p${index}`): LogEntry => ({
  ...at(term, index),
  payload: Buffer.from(payload),
});
const none = 0 as LogIndex;

class Disk {
  readonly store = new MemoryStore({ defer: (deliver) => deliver() });

  write(operations: readonly Operation[]): void {
    this.store.write(operations, true, () => {});
  }

  rows(): Row[] {
    return [...this.store.page(logRange(slot), { rowsMax: 1e6, bytesMax: 1e9 }).rows];
  }
}

function mustLoad(rows: readonly Row[], acknowledged = none) {
  const load = LogStore.load(slot, rows, acknowledged);
  if (load.type === "damaged") assert.fail(`${load.at}: ${load.reason}`);
  const entries = load.entries.map(({ term, index, payload }) => `${term}/${index} ${Buffer.from(payload)}`);
  return { ...load, entries };
}

/** A log of five entries, terms 1 1 2 2 4, compacted up to `compacted`. */
function fiveEntries(compacted = 0): { disk: Disk; log: LogStore } {
  const disk = new Disk();
  const { store: log, operations } = LogStore.create(slot, at(0, 0));
  disk.write(operations);
  disk.write(log.append({ previous: at(0, 0), entries: [entry(1, 1), entry(1, 2), entry(2, 3), entry(2, 4, "")] }));
  disk.write(log.append({ previous: at(2, 4), entries: [entry(4, 5)] }));
  disk.write(log.compact(compacted as LogIndex));
  return { disk, log };
}

test("LogStore loads what was appended, empty payloads included", () => {
  const { disk } = fiveEntries();
  const { entries, previous } = mustLoad(disk.rows());
  assert.deepEqual(entries, ["1/1 p1", "1/2 p2", "2/3 p3", "2/4 ", "4/5 p5"]);
  assert.deepEqual(previous, at(0, 0));
});

test("append() replaces everything behind its previous entry, shorter or longer, and goes on after a load", () => {
  const { disk } = fiveEntries();
  const first = mustLoad(disk.rows()).store;
  disk.write(first.append({ previous: at(1, 2), entries: [entry(5, 3, "new")] }));
  assert.deepEqual(mustLoad(disk.rows()).entries, ["1/1 p1", "1/2 p2", "5/3 new"]);
  const second = mustLoad(disk.rows()).store;
  disk.write(second.append({ previous: at(1, 1), entries: [entry(6, 2), entry(6, 3), entry(7, 4), entry(7, 5)] }));
  assert.deepEqual(mustLoad(disk.rows()).entries, ["1/1 p1", "6/2 p2", "6/3 p3", "7/4 p4", "7/5 p5"]);
  disk.write(mustLoad(disk.rows()).store.append({ previous: at(6, 3), entries: [] }));
  assert.deepEqual(mustLoad(disk.rows()).entries, ["1/1 p1", "6/2 p2", "6/3 p3"]);
});

test("append() refuses a gap, a falling term and a previous entry that is not there", () => {
  const append =
    (previous: LogPosition, ...entries: LogEntry[]) =>
    () =>
      fiveEntries().log.append({ previous, entries });
  assert.throws(append(at(4, 5), entry(4, 7)), /entry 7 after 5/);
  assert.throws(append(at(4, 5), entry(3, 6)), /term 3 after 4/);
  assert.throws(append(at(4, 6), entry(4, 7)), /append after 4\/6/);
  assert.throws(append(at(1, 5), entry(4, 6)), /append after 1\/5/);
});

test("compact() moves the boundary with its hash, a bounded number of rows a call", () => {
  const { disk, log } = fiveEntries(3);
  assert.deepEqual(log.previous, at(2, 3));
  assert.equal(log.termAt(2 as LogIndex), null);
  assert.deepEqual(mustLoad(disk.rows()).entries, ["2/4 ", "4/5 p5"]);
  assert.deepEqual(mustLoad(disk.rows()).previous, at(2, 3));
  assert.deepEqual(log.compact(3 as LogIndex), []);
  disk.write(log.compact(5 as LogIndex));
  assert.deepEqual(mustLoad(disk.rows()).previous, at(4, 5));
  assert.throws(() => log.compact(6 as LogIndex), /the log ends at 5/);

  const long = LogStore.create(slot, at(0, 0));
  long.store.append({ previous: at(0, 0), entries: Array.from({ length: 2500 }, (_, turn) => entry(1, turn + 1)) });
  const calls = Array.from({ length: 4 }, () => long.store.compact(2500 as LogIndex).length);
  assert.deepEqual(calls, [1025, 1025, 453, 0]);
});

test("a log that begins at a snapshot loads and goes on", () => {
  const disk = new Disk();
  const { store, operations } = LogStore.create(slot, at(7, 100));
  disk.write(operations);
  assert.deepEqual(mustLoad(disk.rows()).previous, at(7, 100));
  disk.write(store.append({ previous: at(7, 100), entries: [entry(7, 101)] }));
  assert.deepEqual(mustLoad(disk.rows(), 101 as LogIndex).entries, ["7/101 p101"]);
});

test("load() finds every flipped bit of every row, keys included", () => {
  for (const compacted of [0, 2]) {
    const rows = fiveEntries(compacted).disk.rows();
    rows.forEach((row, position) => {
      for (const part of ["key", "value"] as const) {
        for (let bit = 0; bit < row[part].byteLength * 8; bit++) {
          const damaged = Uint8Array.from(row[part]);
          damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
          const load = LogStore.load(slot, rows.with(position, { ...row, [part]: damaged }), none);
          assert.equal(load.type, "damaged", `row ${position}, ${part}, bit ${bit}`);
        }
      }
    });
  }
});

test("load() finds missing rows: the boundary, one in the middle, the acknowledged tail", () => {
  const rows = fiveEntries(1).disk.rows();
  const without = (position: number, acknowledged = 5) =>
    LogStore.load(slot, rows.toSpliced(position, 1), acknowledged as LogIndex);
  const reasons = rows.map((_, position) => {
    const load = without(position);
    return load.type === "damaged" ? `${load.at}: ${load.reason}` : "loaded";
  });
  assert.deepEqual(reasons, [
    "0: the log has no boundary",
    "2: record 3 follows record 1",
    "3: record 4 follows record 2",
    "4: record 5 follows record 3",
    "5: the log ends at 4, but 5 was acknowledged",
  ]);
  assert.equal(without(4, 4).type, "loaded");
  assert.equal(LogStore.load(slot, [], none).type, "damaged");
});

test("load() finds whole records of another history, term or place", () => {
  const { disk } = fiveEntries();
  const other = fiveEntries();
  other.disk.write(other.log.append({ previous: at(1, 1), entries: [entry(1, 2, "q"), entry(2, 3), entry(2, 4)] }));
  const rows = disk.rows();
  const foreign = other.disk.rows();
  const reason = (position: number, row: Row) => {
    const load = LogStore.load(slot, rows.with(position, row), none);
    return load.type === "damaged" ? load.reason : "loaded";
  };
  assert.match(reason(3, foreign[3] as Row), /continues another log/);
  assert.match(
    reason(3, { key: logKey(slot, 3 as LogIndex), value: (rows[2] as Row).value }),
    /under index 3 says that it is 2/,
  );
  assert.match(reason(3, { key: logKey(slot + 1, 3 as LogIndex), value: (rows[3] as Row).value }), /of this replica/);
  const boundary = encodeLogRecord({ ...at(0, 0), hash: { high: 0, low: 0 }, payload: Buffer.from("x") });
  assert.match(reason(0, { key: logBoundaryKey(slot), value: boundary }), /boundary of the log has a payload/);
  const falling = encodeLogRecord({ ...entry(1, 1), term: 0 as Term, hash: { high: 0, low: 0 } });
  assert.match(reason(1, { key: logKey(slot, 1 as LogIndex), value: falling }), /term 0 follows/);
});

test("the bytes of a record are those of format 1", () => {
  const record = encodeLogRecord({ ...entry(2, 300, "hi"), hash: { high: 0x01020304, low: 0xfffefdfc } });
  const hex = "01ad0603e3000000000000012c000000000000000201020304fffefdfc6869";
  assert.equal(Buffer.from(record).toString("hex"), hex);
  assert.equal(record.byteLength, logHeaderBytes + 2);
});

test("LogStore agrees with a plain array over random appends, truncations, compactions and reloads", () => {
  const step = fc.record({
    keep: fc.nat({ max: 30 }),
    add: fc.nat({ max: 4 }),
    compact: fc.nat({ max: 30 }),
    reload: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
      const disk = new Disk();
      const created = LogStore.create(slot, at(0, 0));
      let log = created.store;
      disk.write(created.operations);
      let base = 0;
      let terms: number[] = [0];
      steps.forEach(({ keep, add, compact, reload }, turn) => {
        terms = terms.slice(0, 1 + (keep % terms.length));
        const previous = at(terms.at(-1) as number, base + terms.length - 1);
        const entries = Array.from({ length: add }, (_, more) =>
          entry(turn + 1, previous.index + 1 + more, textOf(bytesOf("\u0000\u00ff"))),
        );
        disk.write(log.append({ previous, entries }));
        terms.push(...entries.map(({ term }) => term));
        const upTo = base + (compact % terms.length);
        disk.write(log.compact(upTo as LogIndex));
        terms = terms.slice(upTo - base);
        base = upTo;
        if (reload) log = mustLoad(disk.rows(), log.last.index).store;
        assert.deepEqual(log.previous, at(terms[0] as number, base));
        assert.deepEqual(log.last, at(terms.at(-1) as number, base + terms.length - 1));
        assert.equal(disk.rows().length, terms.length);
      });
      mustLoad(disk.rows());
    }),
    { numRuns: 150 },
  );
});
