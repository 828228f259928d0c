// Watchers that cost as little as can be: many watches a stream, responses counted and not decoded, so that what is measured is
// the node.

import { create } from "@bufbuild/protobuf";
import type { Client, ClientDuplexStream } from "@grpc/grpc-js";
import { type WatchRequest, WatchRequestSchema, WatchService } from "../proto/gen/bailiwick/v1/watch_pb.ts";
import { toGrpcMethod } from "../proto/grpc.ts";
import { openChannel } from "./put-client.ts";
import { workload } from "./workload.ts";

type Stream = ClientDuplexStream<WatchRequest, Buffer>;

const progressIntervalMs = 3_600_000;
const patienceMs = 60_000;

export interface WatchPlan {
  readonly watches: number;
  readonly perStream: number;
  /** First revision; 0: after the newest. */
  readonly startRevision: number;
}

export class WatchClients {
  readonly #client: Client;
  readonly #streams: Stream[] = [];
  #responses = 0;
  #wanted = Number.POSITIVE_INFINITY;
  #reached: () => void = () => {};
  #failed: (reason: Error) => void = () => {};
  /** Called with each response. */
  onResponse: (atMs: number) => void = () => {};

  constructor(endpoint: string) {
    this.#client = openChannel(endpoint);
  }

  /** Opens watches of all keys; returns when all are open. */
  async open({ watches, perStream, startRevision }: WatchPlan): Promise<void> {
    const all = this.expect(watches);
    for (let opened = 0; opened < watches; opened += perStream) {
      const stream = this.#openStream();
      stream.on("data", () => this.#count());
      this.#create(stream, Math.min(perStream, watches - opened), startRevision);
    }
    await all;
  }

  /** Opens one watch of which nothing is ever read. */
  openSilent(startRevision: number): void {
    this.#create(this.#openStream(), 1, startRevision);
  }

  /** Settles with so many more responses; rejects when a stream ends before. */
  async expect(responses: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#wanted = this.#responses + responses;
    this.#reached = resolve;
    this.#failed = reject;
    const seen = () => `${this.#responses} responses came, ${this.#wanted} were to come`;
    const timer = setTimeout(() => reject(new Error(seen())), patienceMs);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
    }
  }

  close(): void {
    for (const stream of this.#streams) stream.cancel();
    this.#client.close();
  }

  #openStream(): Stream {
    const { path, requestSerialize } = toGrpcMethod(WatchService.method.watch);
    const asIs = (bytes: Buffer) => bytes;
    const stream = this.#client.makeBidiStreamRequest(path, requestSerialize, asIs);
    stream.on("error", (reason) => this.#failed(reason));
    this.#streams.push(stream);
    return stream;
  }

  #create(stream: Stream, watches: number, startRevision: number): void {
    const target = { case: "prefix", value: new Uint8Array(0) } as const;
    for (let watchId = 1; watchId <= watches; watchId++) {
      const wish = { watchId, group: workload.group, target, startRevision: BigInt(startRevision), progressIntervalMs };
      stream.write(create(WatchRequestSchema, { request: { case: "create", value: wish } }));
    }
  }

  #count(): void {
    this.#responses += 1;
    this.onResponse(performance.now());
    if (this.#responses === this.#wanted) this.#reached();
  }
}
