// Whatever nodes may say to each other arrives as it was said.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type DescMessage, fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { encodeGroupCommand } from "../../../proto/codec/commands.ts";
import { decodeEnvelope, encodeEnvelope } from "../../../proto/codec/envelope.ts";
import { EnvelopeSchema } from "../../../proto/gen/bailiwick/peer/v1/envelope_pb.ts";
import { GroupCommandSchema } from "../../../proto/gen/bailiwick/peer/v1/record_pb.ts";
import { type ClusterId, toBootNumber, toGroupId, toIncarnation, toNodeId } from "../../../proto/ids.ts";
import { anyMember, founderId } from "../../../proto/membership.ts";
import type { Envelope, PeerMessage } from "../../../proto/messages.ts";
import type { LogSlice } from "../../../proto/raft.ts";
import { envelope, groupCommand, logSlice, peerMessage, reply, request, watchMessage } from "./arbitraries.ts";

const cluster = "00112233445566778899aabbccddeeff" as ClusterId;
const around = (message: PeerMessage): Envelope => ({
  cluster,
  from: toNodeId("n208"),
  boot: toBootNumber(3),
  message,
});
const append = (slice: LogSlice): Envelope =>
  around({
    type: "raft",
    group: toGroupId("rg220"),
    incarnation: toIncarnation(1),
    fromMember: founderId,
    toMember: anyMember,
    message: {
      type: "append",
      term: (slice.entries.at(-1) ?? slice.previous).term,
      slice,
      commit: slice.previous.index,
    },
  });

function returns(value: Envelope): void {
  assert.deepEqual(decodeEnvelope(encodeEnvelope(value)), value);
}

test("decodeEnvelope() returns what encodeEnvelope() was given", () => {
  fc.assert(fc.property(envelope, returns), { numRuns: 300 });
});

// Unions nested in a union come up too seldom in the property above.
test("every request, reply and watch message survives being forwarded", () => {
  fc.assert(
    fc.property(request, reply, watchMessage, (asked, answered, streamed) => {
      returns(around({ type: "forward", call: 1, budgetMs: 1, request: asked }));
      returns(around({ type: "forwardReply", call: 1, reply: answered }));
      returns(around({ type: "forwardWatch", call: 1, message: streamed, part: 1, more: true }));
    }),
    { numRuns: 200 },
  );
});

test("every slice of a log survives an append", () => {
  fc.assert(
    fc.property(logSlice, (slice) => returns(append(slice))),
    { numRuns: 100 },
  );
});

test("encodeEnvelope() writes the same bytes for the same message", () => {
  fc.assert(
    fc.property(peerMessage, (message) => {
      const first = encodeEnvelope(around(message));
      assert.deepEqual(encodeEnvelope(decodeEnvelope(first)), first);
    }),
    { numRuns: 100 },
  );
});

// Field by field in the same form and order: what any other decoder of the format reads, and any other encoder writes.
test("encodeEnvelope() and encodeGroupCommand() write the bytes that the library for protobuf writes", () => {
  const writesAs = (schema: DescMessage, bytes: Uint8Array) =>
    assert.deepEqual(toBinary(schema, fromBinary(schema, bytes)), bytes);
  fc.assert(
    fc.property(envelope, groupCommand, (message, command) => {
      writesAs(EnvelopeSchema, encodeEnvelope(message));
      writesAs(GroupCommandSchema, encodeGroupCommand(command));
    }),
    { numRuns: 300 },
  );
});

test("decodeEnvelope() gives views into the frame instead of copies, and never a Buffer", () => {
  const frame = Buffer.from(encodeEnvelope(around({ type: "clusterState", ...onerow })));
  const { message } = decodeEnvelope(frame);
  assert.ok(message.type === "clusterState");
  const value = message.rows[0]?.value;
  assert.equal(value?.constructor, Uint8Array);
  assert.equal(value?.buffer, frame.buffer);
});

const onerow = {
  last: { term: 1, index: 1 } as LogSlice["previous"],
  rows: [{ key: Uint8Array.of(1), value: Uint8Array.of(2, 3) }],
};

test("encodeEnvelope() rounds times to whole milliseconds", () => {
  const request = { type: "clusterStatus" } as const;
  const sent = around({ type: "forward", call: 1, budgetMs: 12.6, request });
  assert.deepEqual(decodeEnvelope(encodeEnvelope(sent)).message, { type: "forward", call: 1, budgetMs: 13, request });
});
