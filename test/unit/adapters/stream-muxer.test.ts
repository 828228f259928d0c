// A muxer on a connection that was closed: opening a stream must not throw where nobody can catch it. And how seldom it tells
// that it has read what came.

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { streamMuxer } from "../../../server/adapters/stream-muxer.ts";

class StreamStateError extends Error {
  override name = "StreamStateError";
}

/** As far as a muxer looks at it. */
function fakeConnection(direction: "inbound" | "outbound", send: (data: Bytes) => boolean) {
  const log = Object.assign(() => {}, { error: () => {}, trace: () => {}, newScope: () => log });
  return Object.assign(new EventTarget(), { log, direction, status: "open", send });
}

interface Bytes {
  subarray(): Uint8Array;
}

function closedConnection(reason: Error) {
  return fakeConnection("outbound", () => {
    throw reason;
  });
}

/** Hears after the test that its connection is closed: until then it pings, and keeps the process. */
function muxerOf(context: TestContext, connection: ReturnType<typeof fakeConnection>) {
  context.after(() => connection.dispatchEvent(new Event("close")));
  return streamMuxer()().createStreamMuxer(connection as never);
}

const frameTypes = { data: 0, windowUpdate: 1 } as const;
const syn = 1;

/** A frame for stream 1, with as many bytes as a frame of data has. */
function frame(type: number, flags: number, length: number): Uint8Array {
  const bytes = new Uint8Array(12 + (type === frameTypes.data ? length : 0));
  bytes.set([0, type, 0, flags, 0, 0, 0, 1]);
  new DataView(bytes.buffer).setUint32(8, length);
  return bytes;
}

test("a stream that is opened on a connection just closed ends no process", (context) => {
  const muxer = muxerOf(context, closedConnection(new StreamStateError("closed")));
  const { send } = muxer as unknown as { send: (data: Uint8Array) => boolean };
  assert.equal(send(Uint8Array.of(1)), false);
});

test("any other failure of a connection is not hidden", (context) => {
  const muxer = muxerOf(context, closedConnection(new Error("broken")));
  const { send } = muxer as unknown as { send: (data: Uint8Array) => boolean };
  assert.throws(() => send(Uint8Array.of(1)), /broken/);
});

test("what was read is told with the first data, and then whenever half of the window is used up", (context) => {
  const updates: number[] = [];
  const connection = fakeConnection("inbound", (data) => {
    const sent = data.subarray();
    if (sent[1] === frameTypes.windowUpdate) updates.push(Buffer.from(sent).readUInt32BE(8));
    return true;
  });
  const muxer = muxerOf(context, connection);
  const receive = (bytes: Uint8Array) => connection.dispatchEvent(Object.assign(new Event("message"), { data: bytes }));
  muxer.addEventListener("stream", ({ detail }) => detail.addEventListener("message", () => {}));
  receive(frame(frameTypes.windowUpdate, syn, 0));
  for (let kib = 0; kib < 1 + 2 * 128; kib++) receive(frame(frameTypes.data, 0, 1024));
  assert.deepEqual(updates, [1024, 128 * 1024, 128 * 1024]);
});
