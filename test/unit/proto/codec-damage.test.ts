// Bytes that no node of this cluster would write: refused with a CodecError that says why, never with another error.

import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import fc, { type Arbitrary } from "fast-check";
import { CodecError } from "../../../proto/codec/codec-error.ts";
import {
  decodeClusterCommand,
  decodeGroupCommand,
  encodeClusterCommand,
  encodeGroupCommand,
} from "../../../proto/codec/commands.ts";
import { decodeEnvelope, encodeEnvelope } from "../../../proto/codec/envelope.ts";
import {
  decodeGroupSummary,
  decodeNodeRecord,
  decodeOwnership,
  decodeStatusComponent,
  encodeGroupSummary,
  encodeNodeRecord,
  encodeOwnership,
} from "../../../proto/codec/records.ts";
import { wireLimits } from "../../../proto/codec/wire-limits.ts";
import type { GroupCommand } from "../../../proto/commands.ts";
import { EnvelopeSchema } from "../../../proto/gen/bailiwick/peer/v1/envelope_pb.ts";
import { StatusComponentSchema } from "../../../proto/gen/bailiwick/peer/v1/model_pb.ts";
import { GroupCommandSchema } from "../../../proto/gen/bailiwick/peer/v1/record_pb.ts";
import { toRevision } from "../../../proto/ids.ts";
import type { Ownership } from "../../../proto/model.ts";
import { reasonCharsMax } from "../../../proto/model.ts";
import { limits } from "../../../server/node/limits.ts";
import { clusterCommand, envelope, groupCommand, groupSummary, nodeRecord, ownership } from "./arbitraries.ts";

interface Subject<Domain> {
  readonly name: string;
  readonly encode: (value: Domain) => Uint8Array;
  readonly decode: (bytes: Uint8Array) => unknown;
  readonly any: Arbitrary<Domain>;
}

const subjects: readonly Subject<never>[] = [
  { name: "envelope", encode: encodeEnvelope, decode: decodeEnvelope, any: envelope },
  { name: "groupCommand", encode: encodeGroupCommand, decode: decodeGroupCommand, any: groupCommand },
  { name: "clusterCommand", encode: encodeClusterCommand, decode: decodeClusterCommand, any: clusterCommand },
  { name: "groupSummary", encode: encodeGroupSummary, decode: decodeGroupSummary, any: groupSummary },
  { name: "nodeRecord", encode: encodeNodeRecord, decode: decodeNodeRecord, any: nodeRecord },
  { name: "ownership", encode: encodeOwnership, decode: decodeOwnership, any: ownership },
] as unknown as readonly Subject<never>[];

/** Bytes are read as a value, which can be written again, or refused as CodecError. */
function readsOrRefuses({ encode, decode }: Subject<never>, bytes: Uint8Array): "read" | "refused" {
  try {
    const value = decode(bytes);
    assert.deepEqual(decode(encode(value as never)), value);
    return "read";
  } catch (reason) {
    if (!(reason instanceof CodecError)) throw reason;
    return "refused";
  }
}

for (const subject of subjects) {
  const encoded = (subject.any as Arbitrary<never>).map(subject.encode);

  test(`${subject.name} cut short at any byte is read or refused, nothing else`, () => {
    const cuts = fc.tuple(encoded, fc.nat()).map(([bytes, at]) => bytes.subarray(0, at % (bytes.byteLength + 1)));
    fc.assert(
      fc.property(cuts, (bytes) => void readsOrRefuses(subject, bytes)),
      { numRuns: 300 },
    );
  });

  test(`${subject.name} with bytes flipped or inserted is read or refused, nothing else`, () => {
    const edits = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }), fc.boolean()), {
      minLength: 1,
      maxLength: 6,
    });
    const seen = new Set<string>();
    fc.assert(
      fc.property(encoded, edits, (bytes, changes) => {
        seen.add(readsOrRefuses(subject, mutated(bytes, changes)));
      }),
      { numRuns: 500 },
    );
    assert.ok(seen.has("refused"), "the mutations never reached a check");
  });

  test(`${subject.name} of random bytes is read or refused, nothing else`, () => {
    const noise = fc.uint8Array({ maxLength: 200 });
    fc.assert(
      fc.property(noise, (bytes) => void readsOrRefuses(subject, bytes)),
      { numRuns: 300 },
    );
  });

  test(`${subject.name} of no bytes is refused`, () => {
    assert.equal(readsOrRefuses(subject, new Uint8Array(0)), "refused");
  });
}

function mutated(bytes: Uint8Array, changes: readonly (readonly [number, number, boolean])[]): Uint8Array {
  const result = [...bytes];
  for (const [at, byte, insert] of changes) {
    result.splice(at % (result.length + 1), insert ? 0 : 1, byte);
  }
  return Uint8Array.from(result);
}

const good = {
  cluster: new Uint8Array(16),
  from: "n208",
  boot: 3n,
  message: { case: "clusterPull", value: { after: 5n } },
} as const;

function frame(parts: MessageInitShape<typeof EnvelopeSchema>): Uint8Array {
  return toBinary(EnvelopeSchema, create(EnvelopeSchema, { ...good, ...parts }));
}

function raft(message: unknown): Uint8Array {
  const value = { group: "rg220", incarnation: 1n, fromMember: 1n, message };
  return frame({ message: { case: "raft", value } } as MessageInitShape<typeof EnvelopeSchema>);
}

function append(slice: unknown): Uint8Array {
  return raft({ case: "append", value: { term: 5n, commit: 0n, slice } });
}

const first = { term: 4n, index: 9n };
const entryOf = (term: bigint, index: bigint) => ({ term, index, payload: new Uint8Array(0) });

/** Each differs from a frame that is accepted in one thing only. */
const refusals: readonly { readonly what: string; readonly bytes: Uint8Array; readonly message: RegExp }[] = [
  { what: "no cluster", bytes: frame({ cluster: new Uint8Array(0) }), message: /^Envelope\.cluster has 0 bytes/ },
  { what: "a long cluster", bytes: frame({ cluster: new Uint8Array(17) }), message: /^Envelope\.cluster has 17 bytes/ },
  {
    what: "a sender that is no name",
    bytes: frame({ from: "../n208" }),
    message: /^Envelope\.from is "\.\.\/n208", not/,
  },
  { what: "no sender", bytes: frame({ from: "" }), message: /^Envelope\.from is "", not/ },
  { what: "boot number 0", bytes: frame({ boot: 0n }), message: /^Envelope\.boot is 0, the least is 1/ },
  {
    what: "boot number 2^53",
    bytes: frame({ boot: 2n ** 53n }),
    message: /^Envelope\.boot is 9007199254740992, the li/,
  },
  {
    what: "boot number 2^64-1",
    bytes: frame({ boot: 2n ** 64n - 1n }),
    message: /^Envelope\.boot is 18446744073709551615/,
  },
  {
    what: "an index of 2^53",
    bytes: frame({ message: { case: "clusterPull", value: { after: 2n ** 53n } } }),
    message: /^ClusterPull\.after is 9007199254740992, the limit is 2\^53 - 1/,
  },
  {
    what: "no member",
    bytes: frame({ message: { case: undefined } }),
    message: /^Envelope\.message holds no member that this version knows/,
  },
  {
    what: "an unknown status",
    bytes: frame({ message: { case: "verdictPoll", value: { node: "n202", status: 99 as never } } }),
    message: /^VerdictPoll\.status is 99, a number not known/,
  },
  {
    what: "no status",
    bytes: frame({ message: { case: "verdictPoll", value: { node: "n202" } } }),
    message: /^VerdictPoll\.status is 0, a number not known/,
  },
  {
    what: "an absent submessage",
    bytes: frame({ message: { case: "verdictReport", value: {} } }),
    message: /^VerdictReport\.component is absent/,
  },
  {
    what: "a request without a member",
    bytes: frame({ message: { case: "forward", value: { call: 1n, budgetMs: 1n, request: {} } } }),
    message: /^Request\.request holds no member/,
  },
  {
    what: "an unknown error code",
    bytes: frame({
      message: {
        case: "forwardReply",
        value: {
          call: 1n,
          reply: { reply: { case: "failed", value: { failure: { code: "__proto__", details: {}, effect: 1 } } } },
        },
      },
    }),
    message: /^Failure\.code is "__proto__", a code not known/,
  },
  {
    what: "a key over 4 KiB",
    bytes: frame({
      message: {
        case: "forward",
        value: {
          call: 1n,
          budgetMs: 1n,
          request: {
            request: { case: "get", value: { group: "rg220", key: new Uint8Array(4097), consistency: 1 } },
          },
        },
      },
    }),
    message: /^GetRequest\.key has 4097 bytes, the limit is 4096/,
  },
  {
    what: "a raft message without a member",
    bytes: raft({ case: undefined }),
    message: /^GroupRaft\.message holds no member/,
  },
  {
    what: "a gap in a slice",
    bytes: append({ previous: first, entries: [entryOf(4n, 11n)] }),
    message: /^RaftAppend\.slice: Entry 11 follows 9/,
  },
  {
    what: "a term that falls",
    bytes: append({ previous: first, entries: [entryOf(3n, 10n)] }),
    message: /^RaftAppend\.slice: Term 3 of entry 10 follows term 4/,
  },
  {
    what: "an entry of a term that has not begun",
    bytes: append({ previous: first, entries: [entryOf(6n, 10n)] }),
    message: /^GroupRaft\.message: Entry 10 is of term 6, sent in term 5/,
  },
  {
    what: "a slice after a term without an index",
    bytes: append({ previous: { term: 4n, index: 0n }, entries: [] }),
    message: /^RaftAppend\.slice: Slice after \(4, 0\)/,
  },
  { what: "a slice that follows nothing", bytes: append({ entries: [] }), message: /^LogSlice\.previous is absent/ },
];

for (const { what, bytes, message } of refusals) {
  test(`decodeEnvelope() refuses ${what}`, () => {
    assert.throws(
      () => decodeEnvelope(bytes),
      (reason) => reason instanceof CodecError && message.test(reason.message),
    );
  });
}

test("decodeEnvelope() accepts the frame that the refused ones were made from", () => {
  assert.deepEqual(decodeEnvelope(frame({})).message, { type: "clusterPull", after: 5 });
  assert.doesNotThrow(() => decodeEnvelope(append({ previous: first, entries: [entryOf(4n, 10n)] })));
});

test("decodeEnvelope() refuses a member of a later version by name of the field", () => {
  const withoutMember = frame({ message: { case: undefined } });
  const later = Uint8Array.from([...withoutMember, 0xfa, 0x07, 0x00]); // field 127, empty
  assert.throws(() => decodeEnvelope(later), {
    name: "CodecError",
    message: "Envelope.message holds no member that this version knows",
  });
});

test("decodeEnvelope() ignores a field of a later version beside a member that it knows", () => {
  const later = Uint8Array.from([...frame({}), 0xfa, 0x07, 0x00]);
  assert.deepEqual(decodeEnvelope(later), decodeEnvelope(frame({})));
});

test("decodeEnvelope() refuses a frame over its limit before it reads it", () => {
  const huge = new Uint8Array(wireLimits.frameBytesMax + 1);
  assert.throws(() => decodeEnvelope(huge), { name: "CodecError", message: /^Envelope has 16777217 bytes, the limit/ });
});

test("decodeEnvelope() refuses text that is not UTF-8", () => {
  const bytes = frame({ from: "n208" });
  bytes[bytes.indexOf(0x6e)] = 0xff;
  assert.throws(() => decodeEnvelope(bytes), { name: "CodecError" });
});

test("decodeEnvelope() refuses what comes twice", () => {
  const from = Uint8Array.of(0x12, 0x01, 0x6e);
  assert.throws(() => decodeEnvelope(Buffer.concat([frame({}), from])), { message: /^Envelope\.from comes twice/ });
  assert.throws(() => decodeEnvelope(Buffer.concat([frame({}), frame({})])), { message: /comes twice/ });
});

test("decodeGroupCommand() refuses a message that ends within a field", () => {
  const bytes = encodeGroupCommand({ type: "compact", revision: toRevision(5) });
  bytes[1] = (bytes[1] as number) - 1;
  assert.throws(() => decodeGroupCommand(bytes), { message: /^CompactCommand ends within a field/ });
});

test("decodeGroupCommand() refuses a member of a later version", () => {
  const later = Uint8Array.of(0xfa, 0x07, 0x00);
  assert.throws(() => decodeGroupCommand(later), { name: "CodecError", message: /^GroupCommand\.command holds no/ });
});

test("decodeGroupCommand() refuses lists and values over their limits", () => {
  const write = (values: object) =>
    toBinary(GroupCommandSchema, create(GroupCommandSchema, { command: { case: "write", value: values } }));
  const put = (value: Uint8Array) => ({ write: { case: "put" as const, value: { key: Uint8Array.of(1), value } } });
  assert.throws(() => decodeGroupCommand(write({ writes: [put(new Uint8Array(2 ** 20 + 1))] })), {
    message: /^PutWrite\.value has 1048577 bytes, the limit is 1048576/,
  });
  const many = Array.from({ length: wireLimits.itemsMax + 1 }, () => put(new Uint8Array(0)));
  assert.throws(() => decodeGroupCommand(write({ writes: many })), {
    message: /^WriteCommand\.writes has 100001 items, the limit is 100000/,
  });
});

test("decodeStatusComponent() refuses a reason that would fill a log, and shows little of a hostile name", () => {
  const of = (parts: object) =>
    toBinary(
      StatusComponentSchema,
      create(StatusComponentSchema, { group: "g", incarnation: 1n, node: "n", status: 2, ...parts }),
    );
  assert.doesNotThrow(() => decodeStatusComponent(of({})));
  assert.throws(() => decodeStatusComponent(of({ reason: "x".repeat(1001) })), {
    message: /^StatusComponent\.reason has 1001 characters, the limit is 1000/,
  });
  assert.throws(
    () => decodeStatusComponent(of({ node: "x".repeat(10_000) })),
    (reason) => reason instanceof CodecError && reason.message.length < 150,
  );
});

const owned: Ownership = { currentOwner: null, epoch: 1 as Ownership["epoch"], state: "online", reason: "" };

test("encoders refuse what decoders would refuse", () => {
  const refused: readonly [Partial<Record<keyof Ownership, unknown>>, RegExp][] = [
    [{ epoch: 2 ** 53 }, /^Ownership\.epoch is 9007199254740992, not an integer from 0/],
    [{ epoch: -1 }, /^Ownership\.epoch is -1, not/],
    [{ epoch: 1.5 }, /^Ownership\.epoch is 1\.5, not/],
    [{ epoch: Number.NaN }, /^Ownership\.epoch is NaN, not/],
    [{ currentOwner: "N 1" }, /^Ownership\.currentOwner is "N 1", not a name/],
    [{ state: "toString" }, /^Ownership\.state is "toString", a word not known/],
    [{ reason: "\ud800" }, /^Ownership\.reason is .*, not well-formed text/],
  ];
  for (const [parts, message] of refused) {
    assert.throws(() => encodeOwnership({ ...owned, ...parts } as Ownership), { name: "CodecError", message });
  }
  assert.throws(() => encodeGroupCommand({ type: "constructor" } as unknown as GroupCommand), {
    name: "CodecError",
    message: "GroupCommand.command holds constructor",
  });
});

test("what a client may send fits on the wire", () => {
  assert.ok(wireLimits.keyBytesMax >= limits.keyBytesMax);
  assert.ok(wireLimits.valueBytesMax >= limits.valueBytesMax);
  assert.ok(wireLimits.configBytesMax >= limits.configBytesMax);
  assert.ok(wireLimits.ownersMax >= limits.ownersMax);
  assert.ok(wireLimits.reasonCharsMax >= reasonCharsMax);
  assert.ok(wireLimits.rowBytesMax >= limits.valueBytesMax + limits.keyBytesMax + 1024);
  assert.ok(wireLimits.itemsMax >= limits.inflightEntriesMax);
});
