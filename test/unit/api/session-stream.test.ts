// A stream of calls whose client reads slowly: what is encoded for it is bounded, and all of it comes in the end.

import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { SessionRequestSchema } from "../../../proto/gen/bailiwick/v1/session_pb.ts";
import type { Reply } from "../../../proto/requests.ts";
import type { ApiWorld } from "../../../server/api/call-context.ts";
import { LocalCalls } from "../../../server/api/local-calls.ts";
import type { EncodedMessage } from "../../../server/api/service.ts";
import { SessionStream } from "../../../server/api/session/session-stream.ts";
import { limits } from "../../../server/node/limits.ts";
import { bytesOf } from "../../../storage/bytes.ts";

const callsSent = 200;
const valueBytes = 256 * 1024;
const key = bytesOf("k");
const header = { group: "rg", incarnation: 1, revision: 2, node: "n1", stale: false };
const kv = { key, value: new Uint8Array(valueBytes), createRevision: 2, modRevision: 2, version: 1, lease: 0 };

/** Of grpc-js, as far as the other side has not read anything yet. */
class UnreadStream extends EventEmitter {
  readonly written: { readonly bytes: number; readonly done: () => void }[] = [];

  write({ bytes }: EncodedMessage, done: () => void): boolean {
    this.written.push({ bytes: bytes.byteLength, done });
    return false;
  }

  isPaused(): boolean {
    return true;
  }

  pause(): void {}

  resume(): void {}
}

test("answers to a client that does not read are not encoded before there is room for them", async () => {
  const stream = new UnreadStream();
  const calls: LocalCalls = new LocalCalls(
    (input) => {
      if (input.type === "call") calls.reply(input.call, { type: "get", header, kv } as unknown as Reply);
    },
    { callsMax: 2_000, callBytesMax: 2 ** 30, watchesMax: 1 },
  );
  const self = { cluster: "00".repeat(16), node: "n1" };
  new SessionStream(stream as never, { self, calls, streams: new Set() } as unknown as ApiWorld);
  const get = (call: bigint) => ({ call, request: { case: "get" as const, value: { group: "rg", key } } });
  const more = Array.from({ length: callsSent - 1 }, (_, at) => create(SessionRequestSchema, get(BigInt(at + 2))));
  stream.emit("data", create(SessionRequestSchema, { ...get(1n), more }));
  let read = 0;
  let most = 0;
  for (; read < callsSent; read += 1) {
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
    const unread = stream.written.slice(read);
    most = Math.max(
      most,
      unread.reduce((sum, { bytes }) => sum + bytes, 0),
    );
    unread[0]?.done();
  }
  assert.ok(most <= limits.streamAnswersBytes + 2 * valueBytes, `${most} bytes were encoded and not read`);
  assert.equal(stream.written.length, callsSent);
});
