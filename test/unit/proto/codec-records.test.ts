// What lies on disk: every shape returns as it was written, and what an earlier version wrote can still be read.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import fc, { type Arbitrary } from "fast-check";
import * as commands from "../../../proto/codec/commands.ts";
import * as records from "../../../proto/codec/records.ts";
import type { ClusterCommand, GroupCommand } from "../../../proto/commands.ts";
import type { Lease } from "../../../proto/leases.ts";
import type {
  AppliedRecord,
  ClusterEvent,
  DirectoryEntry,
  GroupObject,
  GroupRecovery,
  GroupSummary,
  NodeIntent,
  NodeRecord,
  OwnerIntent,
  Ownership,
  StateHashes,
  StatusComponent,
} from "../../../proto/model.ts";
import type { Placement } from "../../../proto/placement.ts";
import type { RememberedAnswer, SessionRecord } from "../../../proto/sessions.ts";
import type { ClosedTransactions, PreparedTransaction, TransactionRecord } from "../../../proto/transactions.ts";
import { unplaced } from "../../../server/recovery/placement-record.ts";
import * as arbitraries from "./arbitraries.ts";

interface Shape<Domain> {
  readonly name: string;
  readonly encode: (value: Domain) => Uint8Array;
  readonly decode: (bytes: Uint8Array) => Domain;
  readonly any: Arbitrary<Domain>;
  /** One value per member and per kind of field, by name: their encodings are kept in a file. */
  readonly samples: Readonly<Record<string, unknown>>;
}

const key = Uint8Array.from([0x6b, 0x00, 0xff]);
const value = Uint8Array.from([0x76]);
const object = { group: "rg220", incarnation: 2, owners: ["n202", "n208", "n214"] };
const entry = { ...object, index: 0 };
const recovery = { incarnation: 4, from: "n214", owners: ["n214", "n202"] };
const ownerIntent = { node: "n208", wanted: "drained", reason: "new disk", after: 59 };
const differing = {
  index: 80,
  hashes: [
    { node: "n202", hash: "00000000000000ff" },
    { node: "n208", hash: "ff00000000000000" },
  ],
};
const span = { start: key, end: null };
const part = {
  group: "rg220",
  comparisons: [
    { target: { type: "key", key }, relation: "equal", operand: { type: "modRevision", number: 0 } },
    { target: { type: "span", span }, relation: "notEqual", operand: { type: "value", value } },
  ],
  fence: 7,
  success: [
    { type: "put", key, value, lease: 9, returnPrevious: true },
    { type: "delete", span, returnPrevious: false },
  ],
  failure: [
    { type: "get", key },
    { type: "list", span, limit: 10, keysOnly: true, countOnly: false },
  ],
};
const transactionId = { group: "rg226", incarnation: 2, index: 33 };
const identity = { session: "s1", sequence: 7 };
const digest = "00000000000000ff";
const identifiedSamples = Object.fromEntries(
  [
    {
      type: "write",
      compares: [],
      fence: null,
      writes: [{ type: "put", key, value, lease: 0 }],
      returnsRemoved: false,
    },
    { type: "compact", revision: 300 },
    { type: "transact", part },
    { type: "begin", groups: ["rg220", "rg226"], part },
    { type: "grantLease", id: 9, ttlMs: 30_000 },
    { type: "revokeLease", id: 9 },
    { type: "setOwners", owners: ["n202", "n208"], ifIndex: 12 },
  ].map((command) => [`identified-${command.type}`, { type: "identified", identity, digest, command }]),
);
const refusal = { code: "fenced", message: "Old", details: { group: "rg220" }, effect: "none" };
/** Of records that earlier versions have written: they are read, and their bytes stay what they are. */
const untold = { manager: null, atMs: 0 };
const unsaid = { ...untold, who: "", why: "" };
const told = { manager: "n202", atMs: 1_790_000_000_003 };
const online = { currentOwner: "n202", epoch: 7, state: "online", reason: "First in the list" };

const lease = { ttlMs: 15_000, renewIntervalMs: 1_500, stopBudgetMs: 5_000, clockRateError: 0.05, isEndless: false };
const amounts = new Map([["cpu", 4]]);
const sample = { node: "n208", atMs: 1_790_000_000_000, ageMs: 20, load: amounts, capacity: amounts };
const groupError = { node: "n208", resource: "web", reason: "Port 80 is taken", atMs: 1_790_000_000_000 };

const shapes: readonly Shape<never>[] = [
  shape<GroupCommand>({
    name: "groupCommand",
    encode: commands.encodeGroupCommand,
    decode: commands.decodeGroupCommand,
    any: arbitraries.groupCommand,
    samples: {
      write: {
        type: "write",
        compares: [{ type: "modRevision", key, revision: 0 }],
        fence: 7,
        writes: [
          { type: "put", key, value, lease: 9 },
          { type: "delete", span: { start: key, end: null } },
          { type: "delete", span: { start: key, end: value } },
        ],
        returnsRemoved: false,
      },
      writeReturning: {
        type: "write",
        compares: [],
        fence: null,
        writes: [{ type: "delete", span: { start: key, end: value } }],
        returnsRemoved: true,
      },
      verdicts: { type: "verdicts", changes: [{ node: "n208", status: "down", reason: "Silent for 2000 ms" }] },
      own: { type: "own", ...online, ...untold },
      disown: { type: "own", currentOwner: null, epoch: 8, state: "offline", reason: "", ...untold },
      "told-own": { type: "own", ...online, ...told },
      assign: {
        type: "assign",
        owner: "n208",
        epoch: 8,
        reason: "n202 is down",
        atMs: 1_790_000_000_000,
        isMove: true,
        isWish: false,
        lease,
        samples: [sample],
        manager: null,
      },
      assignEndless: {
        type: "assign",
        owner: "n208",
        epoch: 8,
        reason: "n202 is down, fenced by n214",
        atMs: 1_790_000_000_000,
        isMove: true,
        isWish: false,
        lease: { ...lease, isEndless: true },
        samples: [],
        manager: null,
      },
      advance: {
        type: "advance",
        owner: "n208",
        to: "n214",
        epoch: 8,
        state: "releasing",
        reason: "A move",
        atMs: 1_790_000_000_001,
        manager: null,
      },
      "told-advance": {
        type: "advance",
        owner: "n208",
        to: null,
        epoch: 8,
        state: "online",
        reason: "",
        ...told,
      },
      release: {
        type: "advance",
        owner: null,
        to: null,
        epoch: 8,
        state: "suspended",
        reason: "",
        atMs: 1_790_000_000_002,
        manager: null,
      },
      failPlacement: { type: "failPlacement", epoch: 8, error: groupError, isFinal: true, manager: null },
      "told-failPlacement": { type: "failPlacement", epoch: 8, error: groupError, isFinal: false, manager: "n202" },
      noteStarts: { type: "noteStarts", epoch: 8, starts: [{ node: "n208", boot: 3 }] },
      move: { type: "wish", wish: { type: "move", to: "n208", ifEpoch: 8 }, ...unsaid },
      start: { type: "wish", wish: { type: "start", on: null }, ...unsaid },
      stop: { type: "wish", wish: { type: "stop" }, ...unsaid },
      freeze: { type: "wish", wish: { type: "freeze", reason: "new disk" }, ...unsaid },
      unfreeze: { type: "wish", wish: { type: "unfreeze" }, ...unsaid },
      confirm: {
        type: "wish",
        wish: { type: "confirm", onlyOn: "n208", ifEpoch: 8, reason: "n202 is unplugged", atMs: 1_790_000_000_003 },
        ...unsaid,
      },
      clearError: { type: "wish", wish: { type: "clearError", forgetMoves: true }, ...unsaid },
      "told-stop": { type: "wish", wish: { type: "stop" }, ...told, who: "mona", why: "new disk" },
      compact: { type: "compact", revision: 300 },
      configure: { type: "configure", config: value },
      transact: { type: "transact", part },
      begin: { type: "begin", groups: ["rg220", "rg226"], part },
      intend: { type: "transact", part: { ...part, comparisons: [], success: [{ type: "intend", ...ownerIntent }] } },
      decide: { type: "decide", id: transactionId, decision: "success" },
      forget: { type: "forget", id: transactionId },
      prepare: { type: "prepare", id: transactionId, part, floor: 12 },
      finish: { type: "finish", id: transactionId, decision: "aborted", floor: 13 },
      dispute: { type: "dispute", hashes: differing },
      settle: { type: "settle", index: 90 },
      grantLease: { type: "grantLease", id: 9, ttlMs: 30_000 },
      renewLease: { type: "renewLease", id: 9 },
      revokeLease: { type: "revokeLease", id: 9 },
      setOwners: { type: "setOwners", owners: ["n202", "n208"], ifIndex: null },
      expireLeases: { type: "expireLeases", term: 4, leases: [{ id: 9, renewedAt: 33 }] },
      checkpointLeases: {
        type: "checkpointLeases",
        leases: [{ lease: { id: 9, renewedAt: 33 }, remainingMs: 25_000 }],
      },
      ...identifiedSamples,
      openSession: { type: "openSession", session: "s1", ttlMs: 10_000 },
      closeSession: { type: "closeSession", session: "s1" },
      expireSessions: { type: "expireSessions", sessions: [identity] },
    },
  }),
  shape<ClusterCommand>({
    name: "clusterCommand",
    encode: commands.encodeClusterCommand,
    decode: commands.decodeClusterCommand,
    any: arbitraries.clusterCommand,
    samples: {
      events: {
        type: "events",
        atMs: 1_790_000_000_000,
        changes: [
          { type: "nodeFailed", node: "n208", reason: "down in rg220, rg226" },
          { type: "nodeReintegrated", node: "n208", reason: "" },
          { type: "groupCreated", entry },
        ],
      },
      createGroup: { type: "createGroup", atMs: 1, entry },
      ownersChanged: { type: "ownersChanged", atMs: 2, entries: [{ ...entry, index: 9 }] },
      intendNode: { type: "intendNode", atMs: 4, node: "n208", wanted: "drained", reason: "new disk" },
      votersChanged: { type: "votersChanged", atMs: 6, by: "n202", reason: "n208 was not heard for 600 s" },
      voters: {
        type: "events",
        atMs: 7,
        changes: [{ type: "votersChanged", left: ["n208"], joined: ["n210"], by: "n202", reason: "away" }],
      },
      intentsKept: { type: "intentsKept", kept: [{ node: "n208", group: "rg220", index: 60 }] },
      planned: {
        type: "events",
        atMs: 5,
        changes: [
          { type: "nodeDrained", node: "n208", reason: "new disk" },
          { type: "nodeUndrained", node: "n208", reason: "" },
        ],
      },
      recoverGroup: { type: "recoverGroup", atMs: 3, group: "rg220", recovery, reason: "two disks burnt" },
      verdicts: { type: "verdicts", atMs: 1, changes: [{ node: "n300", status: "up", reason: "" }] },
    },
  }),
  shape<AppliedRecord>({
    name: "appliedRecord",
    encode: records.encodeAppliedRecord,
    decode: records.decodeAppliedRecord,
    any: arbitraries.appliedRecord,
    samples: { hashed: { index: 2 ** 53 - 1, term: 4, revision: 300, floor: 5, stateHash: "00ff00ff00ff00fe" } },
  }),
  shape<StatusComponent>({
    name: "statusComponent",
    encode: records.encodeStatusComponent,
    decode: records.decodeStatusComponent,
    any: arbitraries.statusComponent,
    samples: Object.fromEntries(
      ["joining", "up", "suspect", "partial", "down", "draining", "maintenance", "left"].map((status) => [
        status,
        { group: "rg220", incarnation: 1, node: "n208", index: 12, status, reason: "Silent" },
      ]),
    ),
  }),
  shape<Placement>({
    name: "placement",
    encode: records.encodePlacement,
    decode: records.decodePlacement,
    any: arbitraries.placement,
    samples: {
      unplaced,
      seen: { ...unplaced, starts: [{ node: "n208", boot: 3 }] },
      full: {
        starts: [],
        intent: { isOnline: false, frozen: "new disk", pinnedTo: "n208" },
        lease,
        move: { to: null },
        target: "n208",
        error: groupError,
        bans: [groupError],
        movesMs: [1_790_000_000_000],
        decisions: [
          {
            index: 90,
            atMs: 1_790_000_000_000,
            epoch: 8,
            from: null,
            to: "n208",
            isWish: true,
            reason: "n202 is down",
            samples: [sample],
            what: null,
            manager: null,
            who: "",
          },
        ],
        notes: [],
      },
      noted: {
        ...unplaced,
        notes: [
          {
            index: 91,
            atMs: 1_790_000_000_001,
            epoch: null,
            from: "n208",
            to: null,
            isWish: true,
            reason: "new disk",
            samples: [],
            what: "stopWanted",
            manager: "n202",
            who: "mona",
          },
        ],
      },
    },
  }),
  shape<OwnerIntent>({
    name: "ownerIntent",
    encode: records.encodeOwnerIntent,
    decode: records.decodeOwnerIntent,
    any: arbitraries.ownerIntent,
    samples: { drained: ownerIntent, none: { ...ownerIntent, wanted: "none", reason: "" } },
  }),
  shape<NodeIntent>({
    name: "nodeIntent",
    encode: records.encodeNodeIntent,
    decode: records.decodeNodeIntent,
    any: arbitraries.nodeIntent,
    samples: {
      pending: { node: "n208", wanted: "drained", reason: "new disk", index: 60, pending: ["rg220", "rg226"] },
      kept: { node: "n208", wanted: "none", reason: "", index: 61, pending: [] },
    },
  }),
  shape<GroupSummary>({
    name: "groupSummary",
    encode: records.encodeGroupSummary,
    decode: records.decodeGroupSummary,
    any: arbitraries.groupSummary,
    samples: { summary: { ...entry, index: 40, ownership: online, placement: value } },
  }),
  shape<GroupObject>({
    name: "groupObject",
    encode: records.encodeGroupObject,
    decode: records.decodeGroupObject,
    any: arbitraries.groupObject,
    samples: { object: { ...object, config: value } },
  }),
  shape<StateHashes>({
    name: "stateHashes",
    encode: records.encodeStateHashes,
    decode: records.decodeStateHashes,
    any: arbitraries.stateHashes,
    samples: { differing },
  }),
  shape<Ownership>({
    name: "ownership",
    encode: records.encodeOwnership,
    decode: records.decodeOwnership,
    any: arbitraries.ownership,
    samples: Object.fromEntries(
      ["offline", "acquiring", "online", "releasing", "suspended", "error"].map((state) => [
        state,
        { ...online, state, currentOwner: state === "offline" ? null : "n202" },
      ]),
    ),
  }),
  shape<GroupRecovery>({
    name: "groupRecovery",
    encode: records.encodeGroupRecovery,
    decode: records.decodeGroupRecovery,
    any: arbitraries.groupRecovery,
    samples: { recovery },
  }),
  shape<NodeRecord>({
    name: "nodeRecord",
    encode: records.encodeNodeRecord,
    decode: records.decodeNodeRecord,
    any: arbitraries.nodeRecord,
    samples: {
      record: {
        node: "n202",
        identity: "12D3KooWExample",
        peerAddress: "10.0.0.2:7400",
        apiAddress: "10.0.0.2:7401",
        labels: [
          ["zone", "b"],
          ["rack", "7"],
        ],
        capacity: [],
      },
      sized: {
        node: "n202",
        identity: "12D3KooWExample",
        peerAddress: "10.0.0.2:7400",
        apiAddress: "10.0.0.2:7401",
        labels: [],
        capacity: [["cpu", 16]],
      },
    },
  }),
  shape<DirectoryEntry>({
    name: "directoryEntry",
    encode: records.encodeDirectoryEntry,
    decode: records.decodeDirectoryEntry,
    any: arbitraries.directoryEntry,
    samples: { entry },
  }),
  shape<ClusterEvent>({
    name: "clusterEvent",
    encode: records.encodeClusterEvent,
    decode: records.decodeClusterEvent,
    any: arbitraries.clusterEvent,
    samples: { failed: { index: 3, atMs: 1, change: { type: "nodeFailed", node: "n208", reason: "down in rg220" } } },
  }),
  shape<TransactionRecord>({
    name: "transactionRecord",
    encode: records.encodeTransactionRecord,
    decode: records.decodeTransactionRecord,
    any: arbitraries.transactionRecord,
    samples: Object.fromEntries(
      [null, "success", "failure", "aborted"].map((decision) => [
        decision ?? "open",
        { id: transactionId, groups: ["rg220", "rg226"], decision },
      ]),
    ),
  }),
  shape<PreparedTransaction>({
    name: "preparedTransaction",
    encode: records.encodePreparedTransaction,
    decode: records.decodePreparedTransaction,
    any: arbitraries.preparedTransaction,
    samples: { prepared: { id: transactionId, part } },
  }),
  shape<ClosedTransactions>({
    name: "closedTransactions",
    encode: records.encodeClosedTransactions,
    decode: records.decodeClosedTransactions,
    any: arbitraries.closedTransactions,
    samples: { closed: { group: "rg226", incarnation: 2, floor: 12, closed: [{ index: 33, revision: 0 }] } },
  }),
  shape<Lease>({
    name: "lease",
    encode: records.encodeLease,
    decode: records.decodeLease,
    any: arbitraries.lease,
    samples: {
      whole: { id: 9, ttlMs: 30_000, remainingMs: null, renewedAt: 33 },
      checkpointed: { id: 2 ** 53 - 1, ttlMs: 30_000, remainingMs: 0, renewedAt: 33 },
    },
  }),
  shape<SessionRecord>({
    name: "sessionRecord",
    encode: records.encodeSessionRecord,
    decode: records.decodeSessionRecord,
    any: arbitraries.sessionRecord,
    samples: { session: { session: "s1", ttlMs: 3_600_000, floor: 4 } },
  }),
  shape<RememberedAnswer>({
    name: "rememberedAnswer",
    encode: records.encodeRememberedAnswer,
    decode: records.decodeRememberedAnswer,
    any: arbitraries.rememberedAnswer,
    samples: Object.fromEntries(
      [
        { type: "refused", failure: refusal },
        { type: "decided" },
        { type: "written", revision: 9, replaced: 1 },
        { type: "transacted", succeeded: true, revision: 9, isMade: false },
        { type: "begun", id: transactionId },
        { type: "concluded", id: transactionId, decision: "aborted", revision: 9, isMade: true },
        { type: "leaseGranted", id: 9, ttlMs: 30_000 },
        { type: "leaseRevoked", revision: 9, deleted: 2 },
        { type: "ownersWanted", owners: ["n202", "n208"] },
        { type: "ownersSet", index: 13 },
      ].map((outcome) => [outcome.type, { identity, digest, incarnation: 1, index: 12, outcome }]),
    ),
  }),
];

function shape<Domain>(parts: Shape<Domain>): Shape<never> {
  return parts as unknown as Shape<never>;
}

for (const { name, encode, decode, any } of shapes) {
  test(`${name} returns from disk as it was written`, () => {
    fc.assert(
      fc.property(any, (written) => assert.deepEqual(decode(encode(written)), written)),
      { numRuns: 150 },
    );
  });
}

const fixture = new URL("./records.hex.txt", import.meta.url);
const heading = `# One encoding per line, as they lie on disks: name, then bytes in hexadecimal. What stands here must be readable for ever:
# add lines (UPDATE=1 node --test test/unit/proto/codec-records.test.ts), never change one.
`;

function encodedSamples(): Map<string, string> {
  const lines = shapes.flatMap(({ name, encode, samples }) =>
    Object.entries(samples).map(([sample, value]): [string, string] => [
      `${name}.${sample}`,
      Buffer.from(encode(value as never)).toString("hex"),
    ]),
  );
  return new Map(lines);
}

function storedSamples(): Map<string, string> {
  const lines = readFileSync(fixture, "utf8").split("\n");
  const kept = lines.filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(kept.map((line) => line.split(" ") as [string, string]));
}

if (process.env["UPDATE"] === "1") {
  const lines = [...encodedSamples()].map(([name, hex]) => `${name} ${hex}\n`);
  writeFileSync(fixture, heading + lines.join(""));
}

test("records that were written once are still read as what they were", () => {
  const stored = storedSamples();
  for (const { name, decode, samples } of shapes) {
    for (const [sample, value] of Object.entries(samples)) {
      const hex = stored.get(`${name}.${sample}`);
      assert.ok(hex !== undefined, `${name}.${sample} is not in records.hex.txt`);
      assert.deepEqual(decode(new Uint8Array(Buffer.from(hex, "hex"))), value, `${name}.${sample}`);
    }
  }
});

// Replicas compare hashes of these bytes, so two versions must write the same.
test("records are written byte for byte as they were once", () => {
  assert.deepEqual(encodedSamples(), storedSamples());
});
