// Records on a stream of bytes, cut anywhere.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { encodeRecord, RecordReader, recordBytesMax } from "../../../server/adapters/records.ts";

test("RecordReader gives back the records however the bytes are cut", () => {
  const contents = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 12 });
  const cuts = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1 });
  fc.assert(
    fc.property(contents, cuts, (sent, lengths) => {
      const reader = new RecordReader();
      const encoded = Buffer.concat(sent.map((content) => encodeRecord(content)));
      const received: (readonly number[])[] = [];
      for (let start = 0, cut = 0; start < encoded.length; cut++) {
        const end = start + (lengths[cut % lengths.length] as number);
        received.push(...reader.decode(encoded.subarray(start, end)).map((content) => [...content]));
        start = end;
      }
      assert.deepEqual(
        received,
        sent.map((content) => [...content]),
      );
    }),
    { numRuns: 200 },
  );
});

test("RecordReader gives the longest record, byte by byte", () => {
  const content = new Uint8Array(recordBytesMax).fill(7);
  const encoded = encodeRecord(content);
  const reader = new RecordReader();
  for (let at = 0; at < encoded.length - 1; at++) assert.deepEqual(reader.decode(encoded.subarray(at, at + 1)), []);
  const [received] = reader.decode(encoded.subarray(-1));
  assert.ok(received !== undefined && Buffer.compare(received, content) === 0);
});
