// Records of starts: the bytes of the picture, and no damage that passes for another start.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { toBootNumber } from "../../../proto/ids.ts";
import { decodeStarts, encodeStarts } from "../../../storage/start-record.ts";

const starts = [
  { boot: toBootNumber(3), nonce: "00112233445566ff", lap: 0 },
  { boot: toBootNumber(2 ** 40), nonce: "ffffffffffffffff", lap: 17 },
];

test("starts survive their bytes", () => {
  const bytes = encodeStarts(starts);
  const body = "000000000000000300112233445566ff0000000000000000" + "0000010000000000ffffffffffffffff0000000000000011";
  assert.equal(Buffer.from(bytes).toString("hex"), `011f06a666${body}`);
  assert.deepEqual(decodeStarts(bytes), starts);
  assert.deepEqual(decodeStarts(encodeStarts([])), []);
});

test("a record that is cut, longer, of another version or has a flipped bit is none", () => {
  const bytes = encodeStarts(starts);
  for (let length = 0; length < bytes.length; length++) assert.equal(decodeStarts(bytes.subarray(0, length)), null);
  assert.equal(decodeStarts(Buffer.concat([bytes, new Uint8Array(24)])), null);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = bytes.slice();
    flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
    assert.equal(decodeStarts(flipped), null, `bit ${bit}`);
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (noise) => decodeStarts(noise) === null || noise.length > 4));
});
