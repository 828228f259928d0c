// A bare gRPC client that puts: one connection, no retries, the generated messages. Product and ceiling get the same one.

import { create } from "@bufbuild/protobuf";
import { Client, credentials } from "@grpc/grpc-js";
import {
  KeyValueService,
  type PutRequest,
  PutRequestSchema,
  type PutResponse,
} from "../proto/gen/bailiwick/v1/key_value_pb.ts";
import { toGrpcMethod } from "../proto/grpc.ts";
import { Random } from "../proto/random.ts";
import type { Puts } from "./subject.ts";

export const workload = { group: "bench", keys: 1_000, keyBytes: 10, valueBytes: 256 } as const;

/** Values to choose from: random bytes, so that nothing can compress them. */
const differentValues = 64;
const connectPatienceMs = 10_000;
/** A call without a deadline would hang the benchmark with its server. */
const callPatienceMs = 30_000;

export class PutClient {
  readonly #client: Client;
  readonly #method = toGrpcMethod(KeyValueService.method.put);
  readonly #random = new Random(1);
  readonly #values: readonly Uint8Array[];
  #acknowledged = 0;
  #newestRevision = 0;

  constructor(endpoint: string) {
    // A channel is shared within a process unless it is told not to be.
    this.#client = new Client(endpoint, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 });
    this.#values = Array.from({ length: differentValues }, () => randomBytes(this.#random, workload.valueBytes));
  }

  connect(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#client.waitForReady(Date.now() + connectPatienceMs, (error) => (error ? reject(error) : resolve()));
    });
  }

  get puts(): Puts {
    return { acknowledged: this.#acknowledged, newestRevision: this.#newestRevision };
  }

  /** Writes a random one of the keys. Rejects with grpc-js's error. */
  async put(): Promise<void> {
    const { header } = await this.#call();
    this.#acknowledged += 1;
    this.#newestRevision = Math.max(this.#newestRevision, Number(header?.revision ?? 0));
  }

  close(): void {
    this.#client.close();
  }

  #call(): Promise<PutResponse> {
    const { path, requestSerialize, responseDeserialize } = this.#method;
    const options = { deadline: Date.now() + callPatienceMs };
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        this.#request(),
        options,
        (error, answer) => {
          if (error === null && answer !== undefined) resolve(answer);
          else reject(error ?? new Error("Neither answer nor error"));
        },
      );
    });
  }

  #request(): PutRequest {
    const number = this.#random.uint32();
    const key = Buffer.from(`key-${String(number % workload.keys).padStart(workload.keyBytes - 4, "0")}`);
    const value = this.#values[(number >>> 16) % differentValues] ?? new Uint8Array(workload.valueBytes);
    return create(PutRequestSchema, { group: workload.group, key, value });
  }
}

function randomBytes(random: Random, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random.uint32() & 0xff);
}
