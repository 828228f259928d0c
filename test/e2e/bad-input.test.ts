// What must be refused, each with a clear error and its code, and with nothing lost or half-created: requests of clients.

import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { credentials, Client as RawClient, type ServiceError, status } from "@grpc/grpc-js";
import type { ClientErrorCode } from "../../client/index.ts";
import { PutRequestSchema } from "../../proto/gen/bailiwick/v1/key_value_pb.ts";
import { bailiwick, errorOf } from "./support/command.ts";
import { inspectHere } from "./support/disks.ts";
import { assertFailure } from "./support/failures.ts";
import { TestCluster } from "./support/test-cluster.ts";
import { eventually } from "./support/wait.ts";

const clusterFile = `
name: bad-input
nodes: [{name: m1}, {name: m2}, {name: m3}, {name: m4}]
groups: [{name: good, owners: [m1, m2, m3]}]
`;
const firstWriteMs = 10_000;

const cluster = await TestCluster.create({ name: "bad-input", clusterFile });
await cluster.start();
const owner = cluster.client(["m1"]);
const stranger = cluster.client(["m4"]);
await stranger.put("good", { key: "k".repeat(4096), value: Buffer.alloc(1024 * 1024) }, { timeoutMs: firstWriteMs });

const key = "k".repeat(4097);
const value = Buffer.alloc(1024 * 1024 + 1);

/** [what, code, what the message names, the call] */
const refused: readonly (readonly [string, ClientErrorCode, RegExp, (client: typeof owner) => Promise<unknown>])[] = [
  ["a write to an unknown group", "not_found", /nope/, (client) => client.put("nope", { key: "a", value: "b" })],
  ["a read of an unknown group", "not_found", /nope/, (client) => client.get("nope", "a")],
  ["a key above 4 KiB", "invalid_argument", /4097.*4096/, (client) => client.put("good", { key, value: "" })],
  ["an empty key", "invalid_argument", /empty/, (client) => client.put("good", { key: "", value: "" })],
  ["a value above 1 MiB", "invalid_argument", /1048577.*1048576/, (client) => client.put("good", { key: "v", value })],
  [
    "a group with one owner",
    "invalid_argument",
    /1 owner/,
    (client) => client.createGroup({ group: "bad-one", owners: ["m1"] }),
  ],
  [
    "a group with a repeated owner",
    "invalid_argument",
    /m2/,
    (client) => client.createGroup({ group: "bad-twice", owners: ["m1", "m2", "m2"] }),
  ],
  [
    "a group with an unknown owner",
    "invalid_argument",
    /m9/,
    (client) => client.createGroup({ group: "bad-stranger", owners: ["m1", "m9"] }),
  ],
  [
    "a group that exists already",
    "already_exists",
    /good/,
    (client) => client.createGroup({ group: "good", owners: ["m1", "m2"] }),
  ],
  [
    "a write to the system group",
    "invalid_argument",
    /cluster/,
    (client) => client.put("cluster", { key: "a", value: "" }),
  ],
];

for (const [what, code, message, call] of refused) {
  test(`${what} is refused as ${code}, by an owner and by a stranger`, async () => {
    for (const client of [owner, stranger]) await assertFailure(call(client), { code, message });
  });
}

test("the command line ends with the documented exit codes", async () => {
  const run = (...args: readonly string[]) => bailiwick([...args, "-o", "json", "--endpoints", cluster.apiOf("m4")]);
  const unknown = await run("put", "nope", "a", "b");
  assert.deepEqual([unknown.code, errorOf(unknown).code], [3, "not_found"]);
  const taken = await run("group", "create", "good", "--owners", "m1,m2");
  assert.deepEqual([taken.code, errorOf(taken).code], [3, "already_exists"]);
  const lonely = await run("group", "create", "bad-one", "--owners", "m1");
  assert.equal(lonely.code, 2);
});

test("a request cut short is an invalid argument, and the connection lives on", async () => {
  const raw = new RawClient(cluster.apiOf("m2"), credentials.createInsecure());
  const whole = toBinary(
    PutRequestSchema,
    create(PutRequestSchema, { group: "good", key: Buffer.from("cut"), value: Buffer.alloc(90) }),
  );
  const send = (bytes: Uint8Array) =>
    new Promise<ServiceError | null>((resolve) => {
      const pass = (message: Buffer) => message;
      raw.makeUnaryRequest("/bailiwick.v1.KeyValueService/Put", pass, pass, Buffer.from(bytes), resolve);
    });
  try {
    assert.equal((await send(whole.subarray(0, -1)))?.code, status.INVALID_ARGUMENT);
    assert.equal(await send(whole), null);
  } finally {
    raw.close();
  }
});

test("garbage on the port for peers and on that for clients harms nobody", async () => {
  for (const address of [cluster.peerOf("m1"), cluster.apiOf("m1")]) {
    const [host = "", port = ""] = address.split(":");
    await new Promise<void>((resolve) => {
      const socket = connect(Number(port), host, () => socket.end(Buffer.alloc(100_000, "garbage")));
      socket
        .once("close", () => resolve())
        .on("error", () => {})
        .resume();
    });
  }
  await owner.put("good", { key: "after", value: "garbage" });
});

test("after all that there is one group with the keys that were acknowledged, on the nodes that own it", async () => {
  const { groups } = await stranger.groups();
  assert.deepEqual(
    groups.map(({ name, owners }) => [name, ...owners]),
    [["good", "m1", "m2", "m3"]],
  );
  await eventually(firstWriteMs, async () => {
    for (const node of cluster.nodes) {
      const { code, report } = await inspectHere(cluster.directoryOf(node));
      const keys = report.groups.map(({ name, keys: stored }) => [name, ...stored]);
      assert.deepEqual(keys, node === "m4" ? [] : [["good", "after", "cut", "k".repeat(4096)]], node);
      assert.equal(code, 0);
    }
  });
  cluster.assertNobodyFell();
});
