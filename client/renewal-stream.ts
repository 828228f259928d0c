// One open stream of renewals to one endpoint: what was asked, and what came of it. Answers come in the order of requests.

import { create } from "@bufbuild/protobuf";
import { DbError, type Failure, failure } from "../proto/errors.ts";
import {
  type KeepAliveLeaseRequest,
  KeepAliveLeaseRequestSchema,
  type KeepAliveLeaseResponse,
} from "../proto/gen/bailiwick/v1/lease_pb.ts";
import { fromWireInteger, toWireInteger } from "./key-values.ts";
import type { MessageStream } from "./transport.ts";
import { type ClientError, toClientError } from "./unreachable-error.ts";

export interface Renewed {
  /** When it was asked for, by the client's clock: what is left counts from here. */
  readonly sentMs: number;
  /** 0: there is no such lease. */
  readonly ttlMs: number;
}

interface Asked {
  readonly id: number;
  readonly sentMs: number;
  readonly resolve: (renewed: Renewed) => void;
  readonly reject: (reason: ClientError) => void;
}

interface RenewalStreamParts {
  readonly stream: MessageStream<KeepAliveLeaseRequest, KeepAliveLeaseResponse>;
  readonly endpoint: string;
  readonly group: string;
  readonly nowMs: () => number;
  /** Called once, when it fails. */
  readonly broken: () => void;
}

export class RenewalStream {
  readonly #parts: RenewalStreamParts;
  /** In the order in which they were sent. */
  readonly #asked: Asked[] = [];
  #ended: ClientError | null = null;

  constructor(parts: RenewalStreamParts) {
    this.#parts = parts;
    void this.#read();
  }

  get endpoint(): string {
    return this.#parts.endpoint;
  }

  /** @throws {DbError | UnreachableError} when the stream ends before the answer; `invalid_argument` of the id, unsent */
  renew(id: number): Promise<Renewed> {
    if (this.#ended !== null) return Promise.reject(this.#ended);
    const { stream, group, nowMs } = this.#parts;
    const { promise, resolve, reject } = Promise.withResolvers<Renewed>();
    const sentMs = nowMs();
    stream.send(create(KeepAliveLeaseRequestSchema, { group, id: toWireInteger(id, "id") }));
    this.#asked.push({ id, sentMs, resolve, reject });
    return promise;
  }

  /** @returns what everybody who waits is told */
  fail(reason: Failure | ClientError): ClientError {
    const told = reason instanceof Error ? reason : new DbError(reason);
    if (this.#end(told)) this.#parts.broken();
    return told;
  }

  /** Nobody needs it any more. */
  close(): void {
    this.#end(new DbError(failure("canceled", "The renewal was given up")));
  }

  #end(reason: ClientError): boolean {
    if (this.#ended !== null) return false;
    this.#ended = reason;
    this.#parts.stream.close();
    for (const { reject } of this.#asked.splice(0)) reject(reason);
    return true;
  }

  async #read(): Promise<void> {
    const { stream, endpoint } = this.#parts;
    try {
      for await (const answer of stream) this.#accept(answer);
      this.fail(failure("stopping", `${endpoint} ended the renewals`));
    } catch (reason) {
      this.fail(toClientError(reason));
    }
  }

  #accept(answer: KeepAliveLeaseResponse): void {
    const id = fromWireInteger(answer.id, "id");
    const position = this.#asked.findIndex((asked) => asked.id === id);
    const [asked] = position < 0 ? [] : this.#asked.splice(position, 1);
    asked?.resolve({ sentMs: asked.sentMs, ttlMs: answer.ttlMs });
  }
}
