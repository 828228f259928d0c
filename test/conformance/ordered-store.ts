// What every implementation and decorator of the ordered store must do, as a suite over a factory.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type {
  KeyRange,
  Operation,
  OrderedStore,
  PageLimits,
  Row,
  ScanOutcome,
  WriteOutcome,
} from "../../storage/ordered-store.ts";

/** One disk: opened, closed and opened again within a test. */
export interface StoreFixture {
  /** Opens the store; its earlier handle, if any, is closed. */
  readonly open: () => Promise<OrderedStore>;
  readonly cleanUp: () => Promise<void>;
}

const everything: KeyRange = { start: new Uint8Array(0), end: new Uint8Array(8).fill(0xff) };
const unlimited: PageLimits = { rowsMax: 100_000, bytesMax: 2 ** 30 };

const bytes = (text: string): Uint8Array => Buffer.from(text, "latin1");
const put = (key: string, value: string): Operation => ({ type: "put", key: bytes(key), value: bytes(value) });
const remove = (key: string): Operation => ({ type: "delete", key: bytes(key) });
const show = (rows: readonly Row[]): string[] =>
  rows.map(({ key, value }) => `${Buffer.from(key).toString("latin1")}=${Buffer.from(value).toString("latin1")}`);

function write(store: OrderedStore, operations: readonly Operation[], sync = true): Promise<WriteOutcome> {
  return new Promise((resolve) => store.write(operations, sync, resolve));
}

function scan(store: OrderedStore, range: KeyRange = everything, limits = unlimited): Promise<ScanOutcome> {
  return new Promise((resolve) => store.scan(range, limits, resolve));
}

const closed = (store: OrderedStore): Promise<void> => new Promise((resolve) => store.close(resolve));

async function mustWrite(store: OrderedStore, operations: readonly Operation[], sync = true): Promise<void> {
  assert.deepEqual(await write(store, operations, sync), { type: "done" });
}

async function mustScan(
  store: OrderedStore,
  range?: KeyRange,
  limits?: PageLimits,
): Promise<{ readonly rows: string[]; readonly more: boolean }> {
  const outcome = await scan(store, range, limits);
  assert.equal(outcome.type, "rows");
  return outcome.type === "rows" ? { rows: show(outcome.rows), more: outcome.more } : assert.fail();
}

/** Declares the suite under `name`. */
export function orderedStoreSuite(name: string, createFixture: () => Promise<StoreFixture>): void {
  async function withStore(run: (store: OrderedStore, fixture: StoreFixture) => Promise<void>): Promise<void> {
    const fixture = await createFixture();
    try {
      await run(await fixture.open(), fixture);
    } finally {
      await fixture.cleanUp();
    }
  }

  describe(name, () => {
    it("write() applies the operations of a batch in order", () =>
      withStore(async (store) => {
        await mustWrite(store, [put("a", "1"), put("b", "1"), remove("b"), put("a", "2"), remove("c"), put("c", "3")]);
        assert.deepEqual(await mustScan(store), { rows: ["a=2", "c=3"], more: false });
      }));

    it("write() applies batches in the order of the calls, synced or not", () =>
      withStore(async (store) => {
        const finished: number[] = [];
        const writes = Array.from({ length: 60 }, async (_, turn) => {
          await mustWrite(store, [put("last", String(turn)), put(`t${turn % 7}`, String(turn))], turn % 3 === 0);
          finished.push(turn);
        });
        await Promise.all(writes);
        assert.deepEqual(
          finished,
          Array.from({ length: 60 }, (_, turn) => turn),
        );
        const { rows } = await mustScan(store);
        assert.deepEqual(rows, ["last=59", "t0=56", "t1=57", "t2=58", "t3=59", "t4=53", "t5=54", "t6=55"]);
      }));

    it("write() never completes before it returns, nor does scan()", () =>
      withStore(async (store) => {
        let returned = false;
        const early: string[] = [];
        const seen = new Promise<void>((resolve) => {
          store.write([put("a", "1")], false, () => early.push(returned ? "later" : "write"));
          store.scan(everything, unlimited, () => {
            early.push(returned ? "later" : "scan");
            resolve();
          });
          returned = true;
        });
        await seen;
        await mustWrite(store, []);
        assert.deepEqual(early, ["later", "later"]);
      }));

    it("write() of an empty batch completes, synced or not", () =>
      withStore(async (store) => {
        await mustWrite(store, [], false);
        await mustWrite(store, [put("a", "1")], false);
        await mustWrite(store, [], true);
        await mustWrite(store, [], true);
        assert.deepEqual(await mustScan(store), { rows: ["a=1"], more: false });
      }));

    it("keys and values are any bytes, in byte order, and values may be empty", () =>
      withStore(async (store) => {
        const keys = ["\u0000", "\u0000\u0000", "\u007f", "\u0080", "\u00fe\u00ff", "a", "a\u0000", "aa", "b"];
        await mustWrite(
          store,
          [...keys].reverse().map((key) => put(key, key === "a" ? "" : key)),
        );
        const sorted = [...keys].sort().map((key) => `${key}=${key === "a" ? "" : key}`);
        assert.deepEqual((await mustScan(store)).rows, sorted);
      }));

    it("scan() includes the start of its range and excludes the end", () =>
      withStore(async (store) => {
        await mustWrite(store, [put("a", "1"), put("b", "2"), put("b\u0000", "3"), put("c", "4")]);
        const within = async (start: string, end: string) =>
          (await mustScan(store, { start: bytes(start), end: bytes(end) })).rows;
        assert.deepEqual(await within("a", "c"), ["a=1", "b=2", "b\u0000=3"]);
        assert.deepEqual(await within("b\u0000", "d"), ["b\u0000=3", "c=4"]);
        assert.deepEqual(await within("b", "b\u0000"), ["b=2"]);
        assert.deepEqual(await within("c", "c"), []);
        assert.deepEqual(await within("d", "z"), []);
      }));

    it("scan() ends a page at either limit and says so; at least one row comes", () =>
      withStore(async (store) => {
        await mustWrite(store, [put("a", "12345"), put("b", "12345"), put("c", "12345")]);
        const page = (rowsMax: number, bytesMax: number) => mustScan(store, everything, { rowsMax, bytesMax });
        assert.deepEqual(await page(2, 1000), { rows: ["a=12345", "b=12345"], more: true });
        assert.deepEqual(await page(4, 1000), { rows: ["a=12345", "b=12345", "c=12345"], more: false });
        assert.deepEqual(await page(9, 1), { rows: ["a=12345"], more: true });
        assert.deepEqual(await page(9, 7), { rows: ["a=12345", "b=12345"], more: true });
        assert.deepEqual(await page(9, 6), { rows: ["a=12345"], more: true });
      }));

    it("scan() pages through many rows without a gap or a repetition", () =>
      withStore(async (store) => {
        const keys = Array.from({ length: 2500 }, (_, turn) => `k${String((turn * 7919) % 2500).padStart(5, "0")}`);
        await mustWrite(
          store,
          keys.map((key) => put(key, `value of ${key}`)),
        );
        const seen: string[] = [];
        let start = everything.start;
        for (;;) {
          const outcome = await scan(store, { start, end: everything.end }, { rowsMax: 333, bytesMax: 6000 });
          if (outcome.type === "failed") assert.fail(outcome.reason);
          seen.push(...show(outcome.rows));
          if (!outcome.more) break;
          start = Buffer.concat([(outcome.rows.at(-1) as Row).key, Uint8Array.of(0)]);
        }
        assert.deepEqual(
          seen,
          [...keys].sort().map((key) => `${key}=value of ${key}`),
        );
      }));

    it("scan() sees the store as of the call", () =>
      withStore(async (store) => {
        const rows = Array.from({ length: 3000 }, (_, turn) => put(`k${String(turn).padStart(5, "0")}`, "old"));
        await mustWrite(store, rows);
        const before = scan(store);
        const rewritten = write(
          store,
          rows.flatMap((row, turn) => [
            turn % 2
              ? ({ type: "delete", key: row.key } as Operation)
              : ({ type: "put", key: row.key, value: bytes("new") } as Operation),
          ]),
        );
        const outcome = await before;
        await rewritten;
        if (outcome.type === "failed") assert.fail(outcome.reason);
        assert.equal(outcome.rows.length, 3000);
        assert.ok(outcome.rows.every(({ value }) => Buffer.from(value).equals(bytes("old"))));
        const after = await mustScan(store);
        assert.equal(after.rows[0], "k00000=new");
      }));

    it("keys and values belong to the caller again when the write is done", () =>
      withStore(async (store) => {
        const [key, value] = [Buffer.from("a"), Buffer.from("old")];
        await mustWrite(store, [{ type: "put", key, value }]);
        key.write("b");
        value.write("new");
        assert.deepEqual(await mustScan(store), { rows: ["a=old"], more: false });
      }));

    it("rows that were handed out do not change with the store", () =>
      withStore(async (store) => {
        await mustWrite(store, [put("a", "old")]);
        const outcome = await scan(store);
        await mustWrite(store, [put("a", "new")]);
        assert.deepEqual(outcome.type === "rows" ? show(outcome.rows) : null, ["a=old"]);
      }));

    it("what was synced is there after the store was closed and opened again", () =>
      withStore(async (store, fixture) => {
        await mustWrite(store, [put("a", "1"), put("b", "2")], false);
        await mustWrite(store, [put("c", "3"), remove("a")], true);
        await closed(store);
        const again = await fixture.open();
        assert.deepEqual(await mustScan(again), { rows: ["b=2", "c=3"], more: false });
        await closed(again);
      }));

    it("close() waits for the writes under way", () =>
      withStore(async (store, fixture) => {
        const outcomes: WriteOutcome[] = [];
        for (let turn = 0; turn < 20; turn++) {
          store.write([put(`k${turn}`, "v")], turn % 2 === 0, (outcome) => outcomes.push(outcome));
        }
        await closed(store);
        assert.deepEqual(outcomes, Array(20).fill({ type: "done" }));
        assert.equal((await mustScan(await fixture.open())).rows.length, 20);
      }));

    it("a closed store refuses writes and scans, and later calls too", () =>
      withStore(async (store, fixture) => {
        await mustWrite(store, [put("a", "1")]);
        await closed(store);
        assert.equal((await write(store, [put("a", "2")])).type, "failed");
        assert.equal((await write(store, [])).type, "failed");
        assert.equal((await scan(store)).type, "failed");
        assert.deepEqual((await mustScan(await fixture.open())).rows, ["a=1"]);
      }));
  });
}
