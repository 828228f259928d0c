// The hashes: the published verification, and the state hash kept row by row against one computed anew.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { hash64, hashText, murmur128, RowHash } from "../../../storage/hash.ts";

const littleEndian = (lanes: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(16);
  lanes.forEach((lane, position) => {
    bytes.writeUInt32LE(lane, position * 4);
  });
  return bytes;
};

test("murmur128() passes the verification of smhasher", () => {
  const keys = Buffer.from(Array.from({ length: 256 }, (_, value) => value));
  const hashes = Array.from({ length: 256 }, (_, length) =>
    littleEndian(murmur128(keys.subarray(0, length), 256 - length)),
  );
  assert.equal(littleEndian(murmur128(Buffer.concat(hashes), 0)).readUInt32LE(0), 0xb3ece62a);
});

test("hash64() is the first half of murmur128(), and what disks hold depends on it", () => {
  const bytes = Buffer.from("I will not buy this record, it is scratched.");
  const [high, low] = murmur128(bytes, 0);
  assert.deepEqual(hash64(bytes), { high, low });
  assert.equal(hashText({ high, low }), "a0a9683b25ac5e40");
  assert.equal(hashText({ high: 1, low: 0xf0000000 }), "00000001f0000000");
});

const rows = fc.uniqueArray(fc.tuple(fc.uint8Array({ maxLength: 6 }), fc.uint8Array({ maxLength: 40 })), {
  selector: ([key]) => Buffer.from(key).toString("hex"),
  maxLength: 20,
});

test("RowHash does not depend on the order, and adding then removing leaves nothing", () => {
  fc.assert(
    fc.property(rows, rows, fc.nat(), (kept, passing, turn) => {
      const incremental = new RowHash();
      for (const [key, value] of passing) incremental.add(key, value);
      for (const [key, value] of [...kept.slice(turn % 20), ...kept.slice(0, turn % 20)]) incremental.add(key, value);
      for (const [key, value] of passing) incremental.remove(key, value);
      const recomputed = new RowHash();
      for (const [key, value] of kept) recomputed.add(key, value);
      assert.equal(incremental.digest(), recomputed.digest());
    }),
    { numRuns: 200 },
  );
});

test("RowHash notices each changed bit, values that changed keys, and bytes moved between key and value", () => {
  const digest = (...rows: readonly (readonly [string, string])[]) => {
    const hash = new RowHash();
    for (const [key, value] of rows) hash.add(Buffer.from(key, "latin1"), Buffer.from(value, "latin1"));
    return hash.digest();
  };
  const seen = new Set([digest(), digest(["ab", "cd"]), digest(["abc", "d"]), digest(["a", "bcd"]), digest(["", ""])]);
  seen
    .add(digest(["a", "1"], ["b", "2"]))
    .add(digest(["a", "2"], ["b", "1"]))
    .add(digest(["a", "1"], ["a", "1"]));
  for (let bit = 0; bit < 32; bit++) {
    const row = Buffer.from("abcd", "latin1");
    row[bit >> 3] = (row[bit >> 3] as number) ^ (1 << (bit & 7));
    seen.add(digest([row.toString("latin1", 0, 2), row.toString("latin1", 2)]));
  }
  assert.equal(seen.size, 8 + 32);
  assert.equal(digest(), "0000000000000000");
});
