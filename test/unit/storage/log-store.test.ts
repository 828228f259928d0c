// The log as rows: appends, truncations, compactions, and that every kind of damage is found at a load.

import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import type { LogIndex, Term } from "../../../proto/ids.ts";
import { textOf } from "../../../storage/bytes.ts";
import { hash64 } from "../../../storage/hash.ts";
import { logBoundaryKey, logKey, logRange } from "../../../storage/keys.ts";
import {
  decodeLogRun,
  encodeLogBoundary,
  encodeLogRun,
  type LogEntry,
  type LogPosition,
} from "../../../storage/log-rows.ts";
import { LogStore } from "../../../storage/log-store.ts";
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

/** Indexes of each run on the disk. */
function runsOn(disk: Disk): string[] {
  return disk
    .rows()
    .slice(1)
    .map(({ key, value }) => {
      const run = decodeLogRun(value);
      assert(typeof run !== "string", String(run));
      assert.equal(textOf(key), textOf(logKey(slot, (run.entries[0] as LogEntry).index)));
      return run.entries.map(({ index }) => index).join(" ");
    });
}

/** A log of six entries in runs of 1, 3, 1 and 1, terms 1 1 2 2 4 4, compacted up to `compacted`. */
function sixEntries(compacted = 0): { disk: Disk; log: LogStore } {
  const disk = new Disk();
  const { store: log, operations } = LogStore.create(slot, at(0, 0));
  disk.write(operations);
  disk.write(log.append({ previous: at(0, 0), entries: [entry(1, 1)] }));
  disk.write(log.append({ previous: at(1, 1), entries: [entry(1, 2), entry(2, 3), entry(2, 4, "")] }));
  disk.write(log.append({ previous: at(2, 4), entries: [entry(4, 5)] }));
  disk.write(log.append({ previous: at(4, 5), entries: [entry(4, 6)] }));
  disk.write(log.compact(compacted as LogIndex));
  return { disk, log };
}

test("one append makes one row, and LogStore loads what was appended, empty payloads included", () => {
  const { disk } = sixEntries();
  assert.deepEqual(runsOn(disk), ["1", "2 3 4", "5", "6"]);
  const { entries, previous } = mustLoad(disk.rows());
  assert.deepEqual(entries, ["1/1 p1", "1/2 p2", "2/3 p3", "2/4 ", "4/5 p5", "4/6 p6"]);
  assert.deepEqual(previous, at(0, 0));
});

test("append() replaces everything behind its previous entry, shorter or longer, and goes on after a load", () => {
  const { disk } = sixEntries();
  const append = (previous: LogPosition, ...entries: LogEntry[]) => {
    disk.write(mustLoad(disk.rows()).store.append({ previous, entries }));
    return mustLoad(disk.rows()).entries;
  };
  assert.deepEqual(append(at(1, 2), entry(5, 3, "new")), ["1/1 p1", "1/2 p2", "5/3 new"]);
  assert.deepEqual(runsOn(disk), ["1", "2", "3"], "the beginning of a run is kept as a run");
  const longer = [entry(6, 2), entry(6, 3), entry(7, 4), entry(7, 5)];
  assert.deepEqual(append(at(1, 1), ...longer), ["1/1 p1", "6/2 p2", "6/3 p3", "7/4 p4", "7/5 p5"]);
  assert.deepEqual(runsOn(disk), ["1", "2 3 4 5"]);
  assert.deepEqual(append(at(6, 3)), ["1/1 p1", "6/2 p2", "6/3 p3"]);
  assert.deepEqual(runsOn(disk), ["1", "2 3"]);
  assert.deepEqual(append(at(0, 0)), []);
});

test("a truncation within a run is one batch: its beginning anew, the rows behind it gone, the new entries", () => {
  const { log } = sixEntries();
  const operations = log.append({ previous: at(2, 3), entries: [entry(5, 4), entry(5, 5)] });
  const keyOf = (index: number) => logKey(slot, index as LogIndex);
  assert.deepEqual(
    operations.map(({ type, key }) => ({ type, key })),
    [
      { type: "delete", key: keyOf(6) },
      { type: "delete", key: keyOf(5) },
      { type: "put", key: keyOf(2) },
      { type: "put", key: keyOf(4) },
    ],
  );
});

test("append() cuts what is too much for one run, and lets a single entry be as large as it is", () => {
  const runs = (...sizes: number[]) => {
    const disk = new Disk();
    const { store, operations } = LogStore.create(slot, at(0, 0));
    const entries = sizes.map((size, turn) => entry(1, turn + 1, "x".repeat(size)));
    disk.write([...operations, ...store.append({ previous: at(0, 0), entries })]);
    assert.equal(mustLoad(disk.rows()).entries.length, sizes.length);
    return runsOn(disk).map((run) => run.split(" ").length);
  };
  assert.deepEqual(runs(...Array<number>(600).fill(1)), [256, 256, 88]);
  assert.deepEqual(runs(...Array<number>(256).fill(0)), [256]);
  assert.deepEqual(runs(200_000, 62_144, 1, 500_000, 262_144, 7), [2, 1, 1, 1, 1]);
});

test("append() refuses a gap, a falling term and a previous entry that is not there", () => {
  const append =
    (previous: LogPosition, ...entries: LogEntry[]) =>
    () =>
      sixEntries(4).log.append({ previous, entries });
  assert.throws(append(at(4, 6), entry(4, 8)), /record 8 follows record 6/);
  assert.throws(append(at(4, 6), entry(4, 7), entry(4, 9)), /record 9 follows record 7/);
  assert.throws(append(at(4, 6), entry(3, 7)), /term 3 follows term 4/);
  assert.throws(append(at(4, 7), entry(4, 8)), /append after 4\/7/);
  assert.throws(append(at(1, 6), entry(4, 7)), /append after 1\/6/);
  assert.throws(append(at(2, 3), entry(4, 4)), /append after 2\/3/);
});

test("compact() drops whole runs and moves the boundary with its hash, a bounded number of rows a call", () => {
  const { disk, log } = sixEntries(3);
  assert.deepEqual(log.previous, at(1, 1), "the run of 2 to 4 is not passed yet");
  assert.deepEqual(mustLoad(disk.rows()).previous, at(1, 1));
  assert.deepEqual(log.compact(3 as LogIndex), []);
  disk.write(log.compact(4 as LogIndex));
  assert.deepEqual(log.previous, at(2, 4));
  assert.deepEqual(mustLoad(disk.rows()).entries, ["4/5 p5", "4/6 p6"]);
  assert.deepEqual(mustLoad(disk.rows()).previous, at(2, 4));
  disk.write(log.compact(6 as LogIndex));
  assert.deepEqual([mustLoad(disk.rows()).previous, disk.rows().length], [at(4, 6), 1]);
  assert.throws(() => log.compact(7 as LogIndex), /the log ends at 6/);
  disk.write(mustLoad(disk.rows()).store.append({ previous: at(4, 6), entries: [entry(4, 7)] }));
  assert.deepEqual(mustLoad(disk.rows()).entries, ["4/7 p7"]);

  const long = LogStore.create(slot, at(0, 0));
  for (let index = 1; index <= 2500; index++) {
    long.store.append({ previous: at(index === 1 ? 0 : 1, index - 1), entries: [entry(1, index)] });
  }
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

/** Every flip of one bit of one row, the row's position with it. */
function* flipsOf(rows: readonly Row[]): Generator<readonly [rows: readonly Row[], position: number, what: string]> {
  for (const [position, row] of rows.entries()) {
    for (const part of ["key", "value"] as const) {
      for (let bit = 0; bit < row[part].byteLength * 8; bit++) {
        const damaged = Uint8Array.from(row[part]);
        damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
        yield [rows.with(position, { ...row, [part]: damaged }), position, `row ${position}, ${part}, bit ${bit}`];
      }
    }
  }
}

test("load() finds every flipped bit of every row, keys included, and names the first index that is in doubt", () => {
  for (const [compacted, firsts] of [
    [0, [0, 1, 2, 5, 6]],
    [1, [0, 2, 5, 6]],
  ] as const) {
    for (const [rows, position, what] of flipsOf(sixEntries(compacted).disk.rows())) {
      const load = LogStore.load(slot, rows, none);
      assert(load.type === "damaged", what);
      // A boundary that is whole but for its key or hash shows at the first entry.
      assert.equal(load.at, firsts[position], `${what}: ${load.reason}`);
    }
  }
});

test("load() finds missing rows: the boundary, one in the middle, the acknowledged tail", () => {
  const rows = sixEntries(1).disk.rows();
  const without = (position: number, acknowledged = 6) =>
    LogStore.load(slot, rows.toSpliced(position, 1), acknowledged as LogIndex);
  const reasons = rows.map((_, position) => {
    const load = without(position);
    return load.type === "damaged" ? `${load.at}: ${load.reason}` : "loaded";
  });
  assert.deepEqual(reasons, [
    "0: the log has no boundary",
    "2: record 5 follows record 1",
    "5: record 6 follows record 4",
    "6: the log ends at 5, but 6 was acknowledged",
  ]);
  assert.equal(without(3, 5).type, "loaded");
  assert.equal(LogStore.load(slot, [], none).type, "damaged");
});

test("load() finds whole runs of another history, term or place", () => {
  const { disk } = sixEntries();
  const other = sixEntries();
  other.disk.write(other.log.append({ previous: at(0, 0), entries: [entry(1, 1, "q")] }));
  other.disk.write(other.log.append({ previous: at(1, 1), entries: [entry(1, 2), entry(2, 3), entry(2, 4, "")] }));
  const rows = disk.rows();
  const foreign = other.disk.rows();
  const reason = (position: number, row: Row) => {
    const load = LogStore.load(slot, rows.with(position, row), none);
    return load.type === "damaged" ? load.reason : "loaded";
  };
  const zero = { high: 0, low: 0 };
  assert.match(reason(2, foreign[2] as Row), /record 2 continues another log/);
  assert.match(
    reason(3, { key: logKey(slot, 5 as LogIndex), value: (rows[2] as Row).value }),
    /under index 5 says that it is 2/,
  );
  assert.match(reason(3, { key: logKey(slot + 1, 5 as LogIndex), value: (rows[3] as Row).value }), /of this replica/);
  assert.match(
    reason(0, { key: logBoundaryKey(slot), value: oldRecord(at(0, 0), "x") }),
    /boundary of the log has a payload/,
  );
  const half = encodeLogBoundary({ ...at(0, 3), hash: zero });
  assert.match(reason(0, { key: logBoundaryKey(slot), value: half }), /the boundary is 0\/3/);
  const falling = encodeLogRun({ entries: [{ ...entry(1, 1), term: 0 as Term }], hash: zero });
  assert.match(reason(1, { key: logKey(slot, 1 as LogIndex), value: falling }), /term 0 follows/);
  const within = encodeLogRun({ entries: [entry(2, 1), entry(1, 2)], hash: zero });
  assert.match(reason(1, { key: logKey(slot, 1 as LogIndex), value: within }), /term 1 follows term 2 at record 2/);
});

test("decodeLogRun() refuses a whole run whose counts or lengths do not fit its bytes", () => {
  const value = encodeLogRun({ entries: [entry(1, 1), entry(1, 2)], hash: { high: 0, low: 0 } });
  const withField = (offset: number, field: number) => {
    const bytes = Buffer.from(value);
    bytes.writeUInt32BE(field, offset);
    bytes.writeUInt32BE(crc32(bytes.subarray(5), 2), 1);
    return decodeLogRun(bytes);
  };
  const [countAt, lengthAt] = [13, 33];
  assert.notEqual(typeof withField(countAt, 2), "string");
  for (const count of [0, 1, 3, 2 ** 32 - 1]) assert.match(String(withField(countAt, count)), /do not add up/);
  assert.notEqual(typeof withField(lengthAt, 2), "string");
  // A wrong length may end where another entry seems to begin.
  for (const length of [0, 1, 3, 16, 2 ** 32 - 1]) assert.equal(typeof withField(lengthAt, length), "string");
  assert.match(String(withField(5, 2 ** 21)), /index is beyond/);
  const last = Buffer.from(encodeLogRun({ entries: [entry(1, 2 ** 53 - 1), entry(1, 0)], hash: { high: 0, low: 0 } }));
  assert.match(String(decodeLogRun(last)), /index is beyond/);
});

test("the bytes of a run are those of format 2", () => {
  const hash = { high: 0x01020304, low: 0xfffefdfc };
  const run = encodeLogRun({ entries: [entry(2, 300, "hi"), entry(3, 301, "")], hash });
  assert.equal(
    Buffer.from(run).toString("hex"),
    "02" +
      "b2923dbc" +
      "000000000000012c" +
      "00000002" +
      "01020304fffefdfc" +
      "0000000000000002000000026869" +
      "000000000000000300000000",
  );
});

/** As earlier builds wrote entries, and as a boundary still is. */
function oldRecord({ term, index }: LogPosition, payload: string, hash = { high: 0, low: 0 }): Uint8Array {
  const bytes = Buffer.concat([encodeLogBoundary({ term, index, hash }), Buffer.from(payload)]);
  bytes.writeUInt32BE(crc32(bytes.subarray(5)), 1);
  return bytes;
}

test("a log of single records, as earlier builds wrote them, loads, goes on in runs, and is truncated and compacted", () => {
  const disk = new Disk();
  let hash = { high: 0, low: 0 };
  disk.write(LogStore.create(slot, at(0, 0)).operations);
  for (let index = 1; index <= 4; index++) {
    const value = oldRecord(at(1, index), `p${index}`, hash);
    disk.write([{ type: "put", key: logKey(slot, index as LogIndex), value }]);
    hash = hash64(value);
  }
  const old = mustLoad(disk.rows(), 4 as LogIndex);
  assert.deepEqual(old.entries, ["1/1 p1", "1/2 p2", "1/3 p3", "1/4 p4"]);
  disk.write(old.store.append({ previous: at(1, 3), entries: [entry(2, 4), entry(2, 5)] }));
  for (const [rows, , what] of flipsOf(disk.rows()))
    assert.equal(LogStore.load(slot, rows, none).type, "damaged", what);
  const mixed = mustLoad(disk.rows());
  assert.deepEqual(mixed.entries, ["1/1 p1", "1/2 p2", "1/3 p3", "2/4 p4", "2/5 p5"]);
  disk.write(mixed.store.compact(2 as LogIndex));
  assert.deepEqual(mustLoad(disk.rows()).entries, ["1/3 p3", "2/4 p4", "2/5 p5"]);
  disk.write(mustLoad(disk.rows()).store.compact(3 as LogIndex));
  assert.deepEqual(mustLoad(disk.rows()).entries, ["2/4 p4", "2/5 p5"]);
});

interface Step {
  readonly keep: number;
  readonly sizes: readonly number[];
  readonly compact: number;
  readonly reload: boolean;
}

const anyStep: fc.Arbitrary<Step> = fc.record({
  // Mostly near the end, as conflicts are.
  keep: fc.oneof({ weight: 3, arbitrary: fc.nat({ max: 3 }) }, fc.nat({ max: 40 })),
  sizes: fc.array(fc.nat({ max: 12 }), { maxLength: 9 }),
  compact: fc.nat({ max: 40 }),
  reload: fc.boolean(),
});

/** A log beside a plain list of what it holds, and that list's beginning. */
class Modelled {
  readonly disk = new Disk();
  log: LogStore;
  /** Of each entry of the log's whole life, as it is now. */
  readonly #texts: string[] = [];
  readonly #terms: number[] = [0];

  constructor() {
    const { store, operations } = LogStore.create(slot, at(0, 0));
    this.log = store;
    this.disk.write(operations);
  }

  step({ keep, sizes, compact, reload }: Step, turn: number): void {
    const { previous, last } = this.log;
    const kept = Math.max(previous.index, last.index - keep);
    const entries = sizes.map((size, more) => entry(turn + 1, kept + 1 + more, `${turn}`.repeat(size)));
    this.disk.write(this.log.append({ previous: this.#at(kept), entries }));
    this.#terms.length = kept + 1;
    this.#texts.length = kept;
    for (const { term, index, payload } of entries) {
      this.#terms.push(term);
      this.#texts.push(`${term}/${index} ${Buffer.from(payload)}`);
    }
    this.#compact(previous.index + (compact % (this.#terms.length - previous.index)));
    if (reload) this.log = mustLoad(this.disk.rows(), this.log.last.index).store;
    this.check();
  }

  /** Only as far as runs have ended: `previous` says where. */
  #compact(upTo: number): void {
    const ends = runsOn(this.disk).map((run) => Number(run.split(" ").at(-1)));
    const before = this.log.previous.index;
    this.disk.write(this.log.compact(upTo as LogIndex));
    assert.equal(this.log.previous.index, Math.max(before, ...ends.filter((end) => end <= upTo)));
  }

  check(): void {
    const loaded = mustLoad(this.disk.rows(), this.log.last.index);
    assert.deepEqual(loaded.entries, this.#texts.slice(loaded.previous.index));
    assert.deepEqual(loaded.previous, this.#at(loaded.previous.index));
    for (const log of [this.log, loaded.store]) {
      assert.deepEqual(log.previous, loaded.previous);
      assert.deepEqual(log.last, this.#at(this.#texts.length));
    }
  }

  #at(index: number): LogPosition {
    return at(this.#terms[index] as number, index);
  }
}

test("LogStore agrees with a plain list over random appends, truncations, compactions and reloads", () => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 25 }), (steps) => {
      const modelled = new Modelled();
      for (const [turn, step] of steps.entries()) modelled.step(step, turn);
    }),
    { numRuns: 300 },
  );
});

test("after random appends, truncations and compactions no flipped bit and no missing row goes unnoticed", () => {
  fc.assert(
    fc.property(fc.array(anyStep, { minLength: 1, maxLength: 6 }), (steps) => {
      const modelled = new Modelled();
      for (const [turn, step] of steps.entries()) modelled.step(step, turn);
      const rows = modelled.disk.rows();
      const { index } = modelled.log.last;
      for (const [damaged, , what] of flipsOf(rows)) {
        assert.equal(LogStore.load(slot, damaged, index).type, "damaged", what);
      }
      for (const [position] of rows.entries()) {
        assert.equal(LogStore.load(slot, rows.toSpliced(position, 1), index).type, "damaged", `row ${position}`);
      }
    }),
    { numRuns: 20 },
  );
});
