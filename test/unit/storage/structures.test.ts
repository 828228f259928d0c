// The containers under the storage layer, each against a plain one: integers, sorted map, deque.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Random } from "../../../proto/random.ts";
import { bytesOf, readUint64, textOf, transientBytes, uint64Max, writeUint64 } from "../../../storage/bytes.ts";
import { Deque } from "../../../storage/deque.ts";
import { SortedMap } from "../../../storage/sorted-map.ts";

test("readUint64() returns what was written and refuses what a number cannot hold", () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (value) => {
      const bytes = new Uint8Array(10);
      writeUint64(bytes, 1, value);
      assert.equal(readUint64(bytes, 1), value);
      assert.equal(Buffer.from(bytes).readBigUInt64BE(1), BigInt(value));
    }),
  );
  const field = (value: bigint) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(value);
    return readUint64(bytes, 0);
  };
  assert.equal(field(2n ** 53n - 1n), uint64Max);
  assert.equal(field(2n ** 53n), null);
  assert.equal(field(2n ** 64n - 1n), null);
});

test("SortedMap agrees with a sorted plain map over many leaves", () => {
  for (const seed of [1, 2, 3]) {
    const random = new Random(seed);
    const map = new SortedMap<number>();
    const model = new Map<string, number>();
    const anyKey = () => String.fromCharCode(random.between(0, 255)) + random.between(0, 40);
    for (let turn = 0; turn < 12_000; turn++) {
      const key = anyKey();
      // Grow at first, shrink at the end: leaves split and merge.
      if (random.chance(turn < 8000 ? 0.8 : 0.1)) {
        map.set(key, turn);
        model.set(key, turn);
      } else {
        assert.equal(map.delete(key), model.delete(key));
      }
      if (turn % 500 !== 0) continue;
      const [start, end] = [anyKey(), random.chance(0.3) ? null : anyKey()];
      const within = [...model].filter(([name]) => name >= start && (end === null || name < end));
      within.sort(([left], [right]) => (left < right ? -1 : 1));
      assert.deepEqual([...map.entries(start, end)], within);
      assert.equal(map.get(key), model.get(key));
      const below = [...model].filter(([name]) => name < start).sort(([left], [right]) => (left < right ? -1 : 1));
      assert.deepEqual(map.lastBelow(start), below.at(-1) ?? null);
    }
    assert.equal(map.size, model.size);
    for (const key of model.keys()) assert.ok(map.delete(key));
    assert.deepEqual([...map.entries("", null)], []);
    assert.equal(map.lastBelow("z"), null);
  }
});

test("SortedMap knows the weight of any span over many leaves, whatever is weighed anew", () => {
  for (const seed of [1, 2, 3]) {
    const random = new Random(seed);
    const map = new SortedMap<{ weight: number }>(({ weight }) => weight);
    const model = new Map<string, { weight: number }>();
    const anyKey = () => String.fromCharCode(random.between(0, 255)) + random.between(0, 40);
    for (let turn = 0; turn < 12_000; turn++) {
      const key = anyKey();
      const held = model.get(key);
      if (held === undefined) {
        const value = { weight: random.between(0, 1) };
        map.set(key, value);
        model.set(key, value);
      } else if (random.chance(turn < 8000 ? 0.2 : 0.9)) {
        assert.equal(map.delete(key), model.delete(key));
      } else {
        const change = 1 - 2 * held.weight;
        held.weight += change;
        map.reweigh(key, change);
      }
      if (turn % 100 !== 0) continue;
      const [start, end] = [anyKey(), random.chance(0.3) ? null : anyKey()];
      const within = [...model].filter(([name]) => name >= start && (end === null || name < end));
      const weight = within.reduce((sum, [, value]) => sum + value.weight, 0);
      assert.equal(map.weightWithin(start, end), weight);
    }
  }
});

test("SortedMap takes 100,000 keys in any order in well under a second each", () => {
  const random = new Random(5);
  const keys = random.shuffle(Array.from({ length: 100_000 }, (_, turn) => turn.toString(36).padStart(5, "0")));
  const map = new SortedMap<number>();
  const begun = process.cpuUsage();
  for (const key of keys) map.set(key, 1);
  for (const key of keys) assert.equal(map.get(key), 1);
  for (const key of keys) map.delete(key);
  // Of the processor, which a busy machine does not lengthen; a quadratic structure needs minutes.
  assert.ok(process.cpuUsage(begun).user < 5_000_000);
  assert.equal(map.size, 0);
});

test("Deque agrees with an array", () => {
  const operation = fc.oneof(fc.constant("push"), fc.constant("shift"), fc.nat({ max: 30 }));
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 200 }), (operations) => {
      const deque = new Deque<number>();
      let model: number[] = [];
      operations.forEach((turn, position) => {
        if (turn === "push") {
          deque.push(position);
          model.push(position);
        } else if (turn === "shift" && model.length > 0) {
          deque.shift();
          model.shift();
        } else if (typeof turn === "number" && turn <= model.length) {
          deque.truncate(turn);
          model = model.slice(0, turn);
        }
        assert.equal(deque.length, model.length);
        assert.equal(deque.first, model[0]);
        assert.equal(deque.last, model.at(-1));
        assert.equal(deque.at(-1), undefined);
        assert.equal(deque.at(1), model[1]);
      });
    }),
  );
});

test("textOf() gives one character a byte, at lengths where it works otherwise, and bytesOf() takes it back", () => {
  for (const length of [0, 1, 31, 32, 33, 256, 70_000]) {
    const bytes = Uint8Array.from({ length }, (_, at) => (at * 7 + length) & 0xff);
    assert.equal(textOf(bytes), Buffer.from(bytes).toString("latin1"));
    assert.deepEqual(Uint8Array.from(bytesOf(textOf(bytes))), bytes);
  }
});

test("transientBytes() are as many as asked for, and no two share any", () => {
  const all = Array.from({ length: 1_000 }, (_, at) => transientBytes(at).fill(at & 0xff));
  for (const [at, bytes] of all.entries()) {
    assert.ok(
      bytes.constructor === Uint8Array && bytes.byteLength === at && bytes.every((byte) => byte === (at & 0xff)),
    );
  }
});
