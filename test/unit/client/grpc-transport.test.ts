// The transport over real sockets: errors with their details, calls that never left told apart from lost answers, limits.

import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { createConnection, createServer, type Server as NetServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import {
  type ChannelOptions,
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type sendUnaryData,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { connectGrpc } from "../../../client/grpc-transport.ts";
import { Client, DbError, type Transport, UnreachableError } from "../../../client/index.ts";
import { statusTrailer, toStatus } from "../../../proto/error-status.ts";
import { failure } from "../../../proto/errors.ts";
import {
  GetRequestSchema,
  type GetResponse,
  GetResponseSchema,
  KeyValueService,
  ListRequestSchema,
  PutRequestSchema,
} from "../../../proto/gen/bailiwick/v1/key_value_pb.ts";
import {
  type KeepAliveLeaseRequest,
  type KeepAliveLeaseResponse,
  KeepAliveLeaseResponseSchema,
  LeaseService,
} from "../../../proto/gen/bailiwick/v1/lease_pb.ts";
import {
  type WatchRequest,
  WatchRequestSchema,
  type WatchResponse,
  WatchResponseSchema,
  WatchService,
} from "../../../proto/gen/bailiwick/v1/watch_pb.ts";
import { StatusSchema } from "../../../proto/gen/google/rpc/status_pb.ts";
import { toGrpcService } from "../../../proto/grpc.ts";

type Get = (call: unknown, callback: sendUnaryData<GetResponse>) => void;

const header = { clusterId: "c", group: "rg220", incarnation: 1n, revision: 9n, node: "n202" };

async function serve(context: TestContext, handlers: UntypedServiceImplementation, options: ChannelOptions = {}) {
  const server = new Server(options);
  const known = (name: string) => Object.hasOwn(handlers, name);
  for (const service of [KeyValueService, LeaseService, WatchService].map(toGrpcService)) {
    const methods = Object.entries(service).filter(([name]) => known(name));
    if (methods.length > 0) server.addService(Object.fromEntries(methods), handlers);
  }
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  context.after(() => server.forceShutdown());
  const endpoint = `127.0.0.1:${port}`;
  const transport = await connectGrpc(endpoint);
  context.after(() => transport.close());
  return { server, endpoint, transport };
}

function get(transport: Transport, options: { timeoutMs?: number; signal?: AbortSignal } = {}) {
  const request = create(GetRequestSchema, { group: "rg220", key: Buffer.from("a") });
  return transport.unary(KeyValueService.method.get, request, { timeoutMs: 2_000, ...options });
}

function isDbError(code: string, effect: string) {
  return (reason: unknown) => {
    assert.ok(reason instanceof DbError, String(reason));
    assert.deepEqual([reason.code, reason.effect], [code, effect]);
    return true;
  };
}

function portOf(server: NetServer): number {
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  return address.port;
}

test("a call and its answer travel as protobuf, bytes as plain Uint8Arrays", async (context) => {
  const answer: Get = (_, callback) =>
    callback(
      null,
      create(GetResponseSchema, { header, keyValue: { key: Buffer.from("a"), value: Uint8Array.of(0, 255) } }),
    );
  const { transport } = await serve(context, { get: answer });
  const { keyValue } = await get(transport);
  assert.equal(keyValue?.value.constructor, Uint8Array);
  assert.deepEqual(keyValue?.value, Uint8Array.of(0, 255));
});

test("a refusal arrives with code, details and effect", async (context) => {
  const reason = failure("no_quorum", "Two of three owners do not answer", { group: "rg226", missing: "n210,n212" });
  const metadata = new Metadata();
  metadata.set(statusTrailer, Buffer.from(toBinary(StatusSchema, toStatus(reason))));
  const refuse: Get = (_, callback) => callback({ code: 14, details: reason.message, metadata });
  const { transport } = await serve(context, { get: refuse });
  await assert.rejects(get(transport), (thrown: DbError) => {
    const { code, details, effect, message } = thrown;
    assert.deepEqual({ code, details, effect, message }, reason);
    return true;
  });
});

test("failures without our details are told by their status code, on the safe side", async (context) => {
  const statuses: readonly (readonly [number, string, string])[] = [
    [14, "outcome_unknown", "unknown"],
    [13, "internal", "unknown"],
    [8, "internal", "unknown"],
    [12, "unimplemented", "none"],
  ];
  for (const [code, expected, effect] of statuses) {
    const fail: Get = (_, callback) => callback({ code, details: "by a proxy" });
    const { transport } = await serve(context, { get: fail });
    await assert.rejects(get(transport), isDbError(expected, effect));
  }
});

test("a node that is not there is unreachable, at once, and nothing was sent", async (context) => {
  const { transport, server, endpoint } = await serve(context, {});
  server.forceShutdown();
  await assert.rejects(get(transport), (reason: UnreachableError) => {
    assert.match(reason.message, /refused or gone/);
    return reason instanceof UnreachableError && reason.effect === "none" && reason.endpoint === endpoint;
  });
});

test("a node that takes the connection and says nothing is unreachable when the time is up", async (context) => {
  const sockets: Socket[] = [];
  const silent = createServer((socket) => sockets.push(socket)).listen(0, "127.0.0.1");
  await once(silent, "listening");
  context.after(() => {
    for (const socket of sockets) socket.destroy();
    silent.close();
  });
  const transport = await connectGrpc(`127.0.0.1:${portOf(silent)}`);
  context.after(() => transport.close());
  await assert.rejects(get(transport, { timeoutMs: 300 }), UnreachableError);
});

test("an answer lost with its connection leaves the outcome unknown", async (context) => {
  const { server, transport } = await serve(context, { get: () => setTimeout(() => server.forceShutdown(), 20) });
  await assert.rejects(get(transport), isDbError("outcome_unknown", "unknown"));
});

test("an answer lost with its node leaves the outcome unknown, though sockets die without a word", async (context) => {
  const { endpoint } = await serve(context, { get: () => setTimeout(() => sockets[0]?.resetAndDestroy(), 20) });
  const sockets: Socket[] = [];
  const relay = createServer((socket) => {
    const behind = createConnection(Number(endpoint.split(":")[1]), "127.0.0.1");
    sockets.push(...[socket, behind].map((one) => one.on("error", () => {})));
    socket.pipe(behind).pipe(socket);
  });
  await once(relay.listen(0, "127.0.0.1"), "listening");
  context.after(() => {
    for (const socket of sockets) socket.destroy();
    relay.close();
  });
  const transport = await connectGrpc(`127.0.0.1:${portOf(relay)}`);
  context.after(() => transport.close());
  await assert.rejects(get(transport), isDbError("outcome_unknown", "unknown"));
});

test("closing a transport gives up what is under way", async (context) => {
  const { transport } = await serve(context, { get: () => transport.close() });
  await assert.rejects(get(transport), isDbError("canceled", "unknown"));
  await assert.rejects(get(transport), UnreachableError);
});

test("a call ends at its deadline, and when it is aborted", async (context) => {
  const { transport } = await serve(context, { get: () => {} });
  await assert.rejects(get(transport, { timeoutMs: 100 }), isDbError("deadline", "unknown"));
  await assert.rejects(get(transport, { signal: AbortSignal.timeout(50) }), isDbError("canceled", "unknown"));
  await assert.rejects(get(transport, { signal: AbortSignal.abort() }), isDbError("canceled", "none"));
});

test("a request over 2 MiB is refused before it is sent", async (context) => {
  const { transport } = await serve(context, {});
  const request = create(PutRequestSchema, { group: "rg220", key: Buffer.from("a"), value: new Uint8Array(2 << 20) });
  const put = transport.unary(KeyValueService.method.put, request, { timeoutMs: 1_000 });
  await assert.rejects(put, isDbError("invalid_argument", "none"));
});

test("a stream carries messages both ways, and ends by close or with the node's error", async (context) => {
  const echo = (call: ServerDuplexStream<WatchRequest, WatchResponse>) => {
    call.on("data", ({ request }: WatchRequest) => {
      if (request.case === "progress") {
        const error = failure("overloaded", "Too many watches");
        const metadata = new Metadata();
        metadata.set(statusTrailer, Buffer.from(toBinary(StatusSchema, toStatus(error))));
        call.emit("error", Object.assign(new Error(error.message), { code: 8, details: error.message, metadata }));
      } else call.write(create(WatchResponseSchema, { watchId: request.value?.watchId ?? 0 }));
    });
  };
  const { transport } = await serve(context, { watch: echo });
  for (const [last, code] of [
    ["progress", "overloaded"],
    [null, "canceled"],
  ] as const) {
    const stream = await transport.openStream(WatchService.method.watch, { timeoutMs: 1_000 });
    const responses = stream[Symbol.asyncIterator]();
    for (const watchId of [1, 2]) {
      stream.send(create(WatchRequestSchema, { request: { case: "cancel", value: { watchId } } }));
      assert.equal((await responses.next()).value?.watchId, watchId);
    }
    if (last === null) stream.close();
    else stream.send(create(WatchRequestSchema, { request: { case: last, value: {} } }));
    await assert.rejects(responses.next(), (reason: DbError) => reason.code === code);
    stream.close();
  }
});

test("a message that cannot be encoded is refused, and the stream that it was meant for goes on", async (context) => {
  const echo = (call: ServerDuplexStream<WatchRequest, WatchResponse>) => {
    call.on("data", ({ request }: WatchRequest) => {
      call.write(create(WatchResponseSchema, { watchId: request.value?.watchId ?? 0 }));
    });
  };
  const { transport } = await serve(context, { watch: echo });
  const stream = await transport.openStream(WatchService.method.watch, { timeoutMs: 1_000 });
  const cancel = (watchId: number) => create(WatchRequestSchema, { request: { case: "cancel", value: { watchId } } });
  assert.throws(() => stream.send(cancel(1.5)), isDbError("invalid_argument", "none"));
  stream.send(cancel(2));
  assert.equal((await stream[Symbol.asyncIterator]().next()).value?.watchId, 2);
  const list = transport.unary(KeyValueService.method.list, create(ListRequestSchema, { limit: 1.5 }), {
    timeoutMs: 1_000,
  });
  await assert.rejects(list, isDbError("invalid_argument", "none"));
});

test("a stream that is closed in the turn in which it was opened is closed at the node too", async (context) => {
  const node = new EventEmitter();
  const watch = (call: ServerDuplexStream<WatchRequest, WatchResponse>) => {
    call.on("cancelled", () => node.emit("closed"));
  };
  const { transport } = await serve(context, { watch });
  for (let times = 0; times < 3; times++) {
    const closed = once(node, "closed", { signal: AbortSignal.timeout(5_000) });
    (await transport.openStream(WatchService.method.watch, { timeoutMs: 1_000 })).close();
    await closed;
  }
});

test("a client finds the node that answers over real connections, and finds back", async (context) => {
  const answer: Get = (_, callback) => callback(null, create(GetResponseSchema, { header }));
  const dead = await serve(context, { get: answer });
  const alive = await serve(context, { get: answer });
  dead.server.forceShutdown();
  await using client = new Client({ endpoints: [dead.endpoint, alive.endpoint] });
  assert.equal((await client.get("rg220", "a")).header.revision, 9);
});

test("calls and renewals do not wait behind watches, though these take all streams that a connection may have", async (context) => {
  const streamsMax = 4;
  const answer: Get = (_, callback) => callback(null, create(GetResponseSchema, { header }));
  const watch = (call: ServerDuplexStream<WatchRequest, WatchResponse>) => {
    const created = { watchId: 1, response: { case: "created", value: {} } } as const;
    call.on("data", () => call.write(create(WatchResponseSchema, created)));
  };
  const keepAliveLease = (call: ServerDuplexStream<KeepAliveLeaseRequest, KeepAliveLeaseResponse>) => {
    const renewed = ({ id }: KeepAliveLeaseRequest) => create(KeepAliveLeaseResponseSchema, { id, ttlMs: 5_000 });
    call.on("data", (request: KeepAliveLeaseRequest) => call.write(renewed(request)));
  };
  const options = { "grpc.max_concurrent_streams": streamsMax };
  const { endpoint } = await serve(context, { get: answer, watch, keepAliveLease }, options);
  await using client = new Client({ endpoints: [endpoint], timeoutMs: 1_000 });
  const watches = Array.from({ length: streamsMax }, () => client.watch("rg220"));
  context.after(() => Promise.all(watches.map((notices) => notices.return())));
  for (const notices of watches) assert.equal((await notices.next()).value?.type, "started");
  assert.equal((await client.get("rg220", "a")).header.revision, 9);
  assert.deepEqual(await client.renewLease("rg220", 7), { ttlMs: 5_000 });
});
