// Frames on a stream of bytes: cut anywhere, broken anyhow.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { encodeFrames, type Frame, FrameReader, frameKinds } from "../../../server/adapters/frames.ts";

const frames = fc.array(
  fc.record({ kind: fc.constantFrom(...Object.values(frameKinds)), bytes: fc.uint8Array({ maxLength: 40 }) }),
  { maxLength: 12 },
);

function plain(list: readonly Frame[]) {
  return list.map(({ kind, bytes }) => [kind, [...bytes]]);
}

test("FrameReader gives back the frames however the bytes are cut", () => {
  fc.assert(
    fc.property(frames, fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }), (sent, cuts) => {
      const reader = new FrameReader(40);
      const encoded = encodeFrames(sent).slice();
      const received: Frame[] = [];
      for (let start = 0, cut = 0; start < encoded.length; cut++) {
        const end = start + (cuts[cut % cuts.length] as number);
        const read = reader.read(encoded.subarray(start, end));
        assert.equal(read.broken, null);
        received.push(...read.frames);
        start = end;
      }
      assert.deepEqual(plain(received), plain(sent));
    }),
    { numRuns: 200 },
  );
});

test("FrameReader survives any bytes, and a break is final", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 30 }), { maxLength: 20 }), (chunks) => {
      const reader = new FrameReader(100);
      let broken: string | null = null;
      for (const chunk of chunks) {
        const read = reader.read(chunk);
        if (broken !== null) assert.deepEqual(read, { frames: [], broken });
        broken = read.broken;
        assert.ok(read.frames.every(({ bytes }) => bytes.length <= 100));
      }
    }),
    { numRuns: 300 },
  );
});

test("FrameReader gives the frames before a break, and names the limit", () => {
  const reader = new FrameReader(10);
  const good: Frame = { kind: frameKinds.message, bytes: new Uint8Array([1, 2]) };
  const long: Frame = { kind: frameKinds.message, bytes: new Uint8Array(11) };
  const read = reader.read(encodeFrames([good, long, good]));
  assert.deepEqual(plain(read.frames), plain([good]));
  assert.equal(read.broken, "Frame of 11 bytes, limit 10");
  assert.equal(new FrameReader(10).read(new Uint8Array([9, 0, 0, 0, 0])).broken, "Frame of unknown kind 9");
});

test("FrameReader hands out copies", () => {
  const chunk = encodeFrames([{ kind: frameKinds.message, bytes: new Uint8Array([5]) }]);
  const [frame] = new FrameReader(10).read(chunk).frames;
  chunk.fill(0);
  assert.deepEqual([...(frame as Frame).bytes], [5]);
});

test("FrameReader copies a frame unless it is whole, and most of the memory that it came in", () => {
  const long: Frame = { kind: frameKinds.message, bytes: new Uint8Array(300).fill(3) };
  const short: Frame = { kind: frameKinds.message, bytes: new Uint8Array(20).fill(4) };
  const chunk = encodeFrames([long, short]).slice();
  const [view, copy] = new FrameReader(400).read(chunk).frames;
  assert.equal(view?.bytes.buffer, chunk.buffer);
  assert.notEqual(copy?.bytes.buffer, chunk.buffer);
  assert.deepEqual(plain([view as Frame, copy as Frame]), plain([long, short]));

  const reader = new FrameReader(400);
  assert.deepEqual(reader.read(chunk.subarray(0, 3)).frames, []);
  const [joined] = reader.read(chunk.subarray(3)).frames;
  assert.notEqual(joined?.bytes.buffer, chunk.buffer);
});
