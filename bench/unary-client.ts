// Puts by unary calls, with the generated messages and nothing around them. Product and ceiling get the same one.

import { create } from "@bufbuild/protobuf";
import { KeyValueService, PutRequestSchema } from "../proto/gen/bailiwick/v1/key_value_pb.ts";
import { toGrpcMethod } from "../proto/grpc.ts";
import { callUnary, openChannel, type PutClient, PutCounter, waitUntilReady } from "./put-client.ts";
import { Writes, workload } from "./workload.ts";

export class UnaryClient implements PutClient {
  readonly #channel;
  readonly #method = toGrpcMethod(KeyValueService.method.put);
  readonly #writes = new Writes();
  readonly puts = new PutCounter();

  constructor(endpoint: string) {
    this.#channel = openChannel(endpoint);
  }

  connect(): Promise<void> {
    return waitUntilReady(this.#channel);
  }

  async put(): Promise<void> {
    const request = create(PutRequestSchema, { group: workload.group, ...this.#writes.next() });
    const { header } = await callUnary(this.#channel, this.#method, request);
    this.puts.count(Number(header?.revision ?? 0));
  }

  close(): void {
    this.#channel.close();
  }
}
