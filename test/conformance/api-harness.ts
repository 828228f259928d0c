// A real API server on loopback in front of a node that answers as a test tells it to, and a plain grpc-js client.

import assert from "node:assert/strict";
import type { DescMessage, DescMethod, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { create, fromBinary } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import {
  type CallOptions,
  Client,
  type ClientDuplexStream,
  credentials,
  Metadata,
  type ServiceError,
  type StatusObject,
} from "@grpc/grpc-js";
import { statusTrailer } from "../../proto/error-status.ts";
import { SessionService } from "../../proto/gen/bailiwick/v1/session_pb.ts";
import { WatchService } from "../../proto/gen/bailiwick/v1/watch_pb.ts";
import type { ErrorInfo } from "../../proto/gen/google/rpc/error_details_pb.ts";
import { ErrorInfoSchema } from "../../proto/gen/google/rpc/error_details_pb.ts";
import { type Status, StatusSchema } from "../../proto/gen/google/rpc/status_pb.ts";
import { toGrpcMethod } from "../../proto/grpc.ts";
import { toClusterId, toGroupId, toIncarnation, toNodeId, toRevision } from "../../proto/ids.ts";
import {
  type Header,
  isStream,
  type Reply,
  type Request,
  type StreamRequest,
  type WatchMessage,
} from "../../proto/requests.ts";
import { LocalCalls } from "../../server/api/local-calls.ts";
import { ApiServer } from "../../server/api/server.ts";
import type { CallId, Input } from "../../server/node/inputs.ts";

export const self = {
  cluster: toClusterId("0123456789abcdef0123456789abcdef"),
  clusterName: "reference",
  node: toNodeId("n202"),
  version: "0.1.0",
  runtime: "v24.0.0",
  diskFormat: 1,
};

export const header: Header = {
  group: toGroupId("rg220"),
  incarnation: toIncarnation(3),
  revision: toRevision(41),
  node: toNodeId("n208"),
  stale: false,
};

export interface FakeWatch {
  readonly call: CallId;
  readonly request: StreamRequest;
  say(message: WatchMessage): void;
}

/** Answers calls by a function that a test sets; null: never. Keeps what it was given. */
export class FakeNode {
  readonly calls: LocalCalls;
  readonly inputs: Input[] = [];
  readonly watches: FakeWatch[] = [];
  readonly notes: string[] = [];
  answer: (request: Exclude<Request, StreamRequest>, budgetMs: number) => Reply | null = () => null;
  #wake: (() => void)[] = [];

  constructor() {
    this.calls = new LocalCalls((input) => setImmediate(() => this.#take(input)));
  }

  /** Inputs of one type, oldest first. */
  all<Type extends Input["type"]>(type: Type): Extract<Input, { readonly type: Type }>[] {
    return this.inputs.filter((input) => input.type === type) as Extract<Input, { readonly type: Type }>[];
  }

  /** Resolves when `holds` does; the test's own time-out ends a wait in vain. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => this.#wake.push(resolve));
  }

  #take(input: Input): void {
    this.inputs.push(input);
    if (input.type === "call") this.#serve(input.call, input.request, input.budgetMs);
    for (const wake of this.#wake.splice(0)) wake();
  }

  #serve(call: CallId, request: Request, budgetMs: number): void {
    if (isStream(request)) {
      this.watches.push({ call, request, say: (message) => this.calls.watch(call, message) });
      return;
    }
    const reply = this.answer(request, budgetMs);
    if (reply !== null) this.calls.reply(call, reply);
  }
}

/** What a failed call told its caller. */
export interface Failed {
  readonly error: ServiceError;
  readonly status: Status | null;
  readonly info: ErrorInfo | null;
}

export interface CallSetting extends CallOptions {
  /** The server is told of so many milliseconds, and the client waits on: what the server makes of them is what it gets. */
  readonly toldMs?: number;
}

export class Harness {
  readonly node: FakeNode;
  readonly server: ApiServer;
  readonly client: Client;

  private constructor(node: FakeNode, server: ApiServer) {
    this.node = node;
    this.server = server;
    this.client = newClient(server.address);
  }

  static async start(): Promise<Harness> {
    const node = new FakeNode();
    const journal = { note: (_: unknown, text: string) => void node.notes.push(text) };
    const server = await ApiServer.start({ address: "127.0.0.1:0", self, calls: node.calls, journal });
    return new Harness(node, server);
  }

  async stop(): Promise<void> {
    this.client.close();
    await this.server.close(0);
  }

  /** A call that must succeed. */
  async call<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethod & { readonly input: Input; readonly output: Output },
    request: MessageInitShape<Input>,
    options: CallSetting = {},
  ): Promise<MessageShape<Output>> {
    const outcome = await this.send(method, create(method.input, request), options);
    if ("error" in outcome) throw outcome.error;
    return outcome;
  }

  /** A call that must fail. */
  async refused<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethod & { readonly input: Input; readonly output: Output },
    request: MessageInitShape<Input>,
    options: CallSetting = {},
  ): Promise<Failed> {
    const outcome = await this.send(method, create(method.input, request), options);
    assert.ok("error" in outcome, `${method.name} should have failed`);
    return outcome;
  }

  send<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethod & { readonly input: Input; readonly output: Output },
    request: MessageShape<Input>,
    options: CallSetting = {},
  ): Promise<MessageShape<Output> | Failed> {
    const { path, requestSerialize, responseDeserialize } = toGrpcMethod(method);
    const { toldMs, ...callOptions } = options;
    const metadata = new Metadata();
    if (toldMs !== undefined) metadata.set("grpc-timeout", `${toldMs}m`);
    return new Promise((resolve) => {
      const finish = (error: ServiceError | null, response?: MessageShape<Output>) =>
        resolve(error === null ? (response as MessageShape<Output>) : { error, ...readDetails(error) });
      const { client } = this;
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, metadata, callOptions, finish);
    });
  }

  /** Sends bytes as they are. */
  sendRaw(path: string, bytes: Uint8Array): Promise<Failed | Buffer> {
    const same = (value: Buffer) => value;
    return new Promise((resolve) => {
      this.client.makeUnaryRequest(path, same, same, Buffer.from(bytes), (error, response) => {
        resolve(error === null ? (response as Buffer) : { error, ...readDetails(error) });
      });
    });
  }

  openWatch(client = this.client): WatchClient {
    return new WatchClient(client);
  }
}

export function newClient(address: string): Client {
  return new Client(address, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 });
}

/** One stream of a client that reads only when told to. */
class StreamClient<Input extends DescMessage, Output extends DescMessage> {
  readonly stream: ClientDuplexStream<MessageShape<Input>, MessageShape<Output>>;
  readonly ended: Promise<StatusObject>;
  readonly #input: Input;
  readonly #received: MessageShape<Output>[] = [];
  #wake: (() => void) | null = null;

  constructor(client: Client, method: DescMethod & { readonly input: Input; readonly output: Output }) {
    const { path, requestSerialize, responseDeserialize } = toGrpcMethod(method);
    this.#input = method.input;
    this.stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    this.ended = new Promise((resolve) => this.stream.on("status", resolve));
    this.stream.on("error", () => {});
  }

  send(request: MessageInitShape<Input>): void {
    this.stream.write(create(this.#input, request));
  }

  read(): void {
    this.stream.on("data", (response: MessageShape<Output>) => {
      this.#received.push(response);
      this.#wake?.();
    });
  }

  /** The next response, in order. */
  async next(): Promise<MessageShape<Output>> {
    if (this.stream.listenerCount("data") === 0) this.read();
    for (;;) {
      const response = this.#received.shift();
      if (response !== undefined) return response;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

export class WatchClient extends StreamClient<
  typeof WatchService.method.watch.input,
  typeof WatchService.method.watch.output
> {
  constructor(client: Client) {
    super(client, WatchService.method.watch);
  }
}

export class SessionClient extends StreamClient<
  typeof SessionService.method.session.input,
  typeof SessionService.method.session.output
> {
  constructor(client: Client) {
    super(client, SessionService.method.session);
  }
}

/** @returns the decoded trailer of a failed call */
export function readDetails({ metadata }: { metadata: Metadata }): Pick<Failed, "status" | "info"> {
  const [trailer] = metadata.get(statusTrailer);
  if (!(trailer instanceof Buffer)) return { status: null, info: null };
  const status = fromBinary(StatusSchema, trailer);
  const info = status.details.map((detail) => anyUnpack(detail, ErrorInfoSchema)).find((found) => found !== undefined);
  return { status, info: info ?? null };
}
