// How puts reach a subject: one client, one connection, no retries. Each kind of call, and each subject that needs one, has a
// client of its own; the load drives them all alike.

import { Client, credentials, type MethodDefinition } from "@grpc/grpc-js";

export interface PutClient {
  /** @throws when the subject cannot be reached in time */
  connect(): Promise<void>;
  /** Writes a random one of the keys; resolves when the subject has acknowledged it. */
  put(): Promise<void>;
  readonly puts: Puts;
  close(): void;
}

export interface Puts {
  readonly acknowledged: number;
  /** Highest revision among the answers; 0 where answers tell none. */
  readonly newestRevision: number;
}

export class PutCounter implements Puts {
  acknowledged = 0;
  newestRevision = 0;

  /** @param revision as answered; 0: none was told */
  count(revision: number): void {
    this.acknowledged += 1;
    this.newestRevision = Math.max(this.newestRevision, revision);
  }
}

const connectPatienceMs = 10_000;
/** A call without a deadline would hang the benchmark with its server. */
export const callPatienceMs = 30_000;

/** A channel of its own: within a process they are shared unless they are told not to be. */
export function openChannel(endpoint: string): Client {
  return new Client(endpoint, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 });
}

export function waitUntilReady(client: Client): Promise<void> {
  return new Promise((resolve, reject) => {
    client.waitForReady(Date.now() + connectPatienceMs, (error) => (error ? reject(error) : resolve()));
  });
}

/** @throws grpc-js's error */
export function callUnary<Request, Answer>(
  client: Client,
  method: MethodDefinition<Request, Answer>,
  request: Request,
  patienceMs = callPatienceMs,
): Promise<Answer> {
  const { path, requestSerialize, responseDeserialize } = method;
  const options = { deadline: Date.now() + patienceMs };
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, options, (error, answer) => {
      if (error === null && answer !== undefined) resolve(answer);
      else reject(error ?? new Error("Neither answer nor error"));
    });
  });
}
