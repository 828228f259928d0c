// Puts to the ceiling on one stream: what is put in one turn of the event loop goes in one message, and one message answers as
// many as there are on two disks. The least that a client of many puts in flight can send and read.

import { create, toBinary } from "@bufbuild/protobuf";
import type { ClientDuplexStream } from "@grpc/grpc-js";
import { PutRequestSchema } from "../../proto/gen/bailiwick/v1/key_value_pb.ts";
import { openChannel, type PutClient, PutCounter, waitUntilReady } from "../put-client.ts";
import { Writes, workload } from "../workload.ts";
import { joinPuts, putsMethod, readCount } from "./put-stream.ts";

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (reason: Error) => void;
}

export class StreamClient implements PutClient {
  readonly #channel;
  readonly #writes = new Writes();
  readonly puts = new PutCounter();
  #stream: ClientDuplexStream<Buffer, Buffer> | null = null;
  #unsent: Uint8Array[] = [];
  /** In the order of sending, which is that of the answers. */
  readonly #waiting: Waiting[] = [];

  constructor(endpoint: string) {
    this.#channel = openChannel(endpoint);
  }

  async connect(): Promise<void> {
    await waitUntilReady(this.#channel);
    const { path, requestSerialize, responseDeserialize } = putsMethod;
    const stream = this.#channel.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    stream.on("data", (message: Buffer) => this.#answered(readCount(message)));
    stream.on("error", (reason) => this.#failed(reason));
    this.#stream = stream;
  }

  put(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ resolve, reject });
    // Behind all that is waiting to be put in this turn.
    if (this.#unsent.length === 0) process.nextTick(() => this.#send());
    const request = create(PutRequestSchema, { group: workload.group, ...this.#writes.next() });
    this.#unsent.push(toBinary(PutRequestSchema, request));
    return promise;
  }

  close(): void {
    this.#stream?.cancel();
    this.#channel.close();
  }

  #send(): void {
    const requests = this.#unsent;
    this.#unsent = [];
    this.#stream?.write(joinPuts(requests));
  }

  #answered(count: number): void {
    for (const { resolve } of this.#waiting.splice(0, count)) {
      this.puts.count(0);
      resolve();
    }
  }

  #failed(reason: Error): void {
    for (const { reject } of this.#waiting.splice(0)) reject(reason);
  }
}
