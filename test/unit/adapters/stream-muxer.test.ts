// A muxer on a connection that was closed: opening a stream must not throw where nobody can catch it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { streamMuxer } from "../../../server/adapters/stream-muxer.ts";

class StreamStateError extends Error {
  override name = "StreamStateError";
}

/** As far as a muxer looks at it. */
function closedConnection(reason: Error): never {
  const log = Object.assign(() => {}, { error: () => {}, trace: () => {}, newScope: () => log });
  const connection = Object.assign(new EventTarget(), {
    log,
    direction: "outbound",
    status: "open",
    send: () => {
      throw reason;
    },
  });
  return connection as never;
}

test("a stream that is opened on a connection just closed ends no process", () => {
  const muxer = streamMuxer()().createStreamMuxer(closedConnection(new StreamStateError("closed")));
  const { send } = muxer as unknown as { send: (data: Uint8Array) => boolean };
  assert.equal(send(Uint8Array.of(1)), false);
});

test("any other failure of a connection is not hidden", () => {
  const muxer = streamMuxer()().createStreamMuxer(closedConnection(new Error("broken")));
  const { send } = muxer as unknown as { send: (data: Uint8Array) => boolean };
  assert.throws(() => send(Uint8Array.of(1)), /broken/);
});
