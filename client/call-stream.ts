// One stream of calls to a node. An answer names its call; when the stream breaks, nobody knows what became of those that are
// not answered.

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { uint64 } from "../proto/codec/integers.ts";
import { fromStatus } from "../proto/error-status.ts";
import { DbError, failure } from "../proto/errors.ts";
import {
  type SessionRequest,
  SessionRequestSchema,
  type SessionResponse,
} from "../proto/gen/bailiwick/v1/session_pb.ts";
import { clientLimits } from "./limits.ts";
import type { CallOptions, MessageStream } from "./transport.ts";

type Asked = Exclude<SessionRequest["request"], { case: "cancel" | undefined }>;
type Answer = Exclude<SessionResponse["response"], { case: "error" | undefined }>["value"];

interface Waiting {
  /** null: the node does not know of such streams, and has done nothing. */
  readonly resolve: (answer: Answer | null) => void;
  readonly reject: (reason: DbError) => void;
}

export class CallStream {
  readonly #stream: MessageStream<SessionRequest, SessionResponse>;
  readonly #endpoint: string;
  readonly #waiting = new Map<number, Waiting>();
  #last = 0;

  /** @param ended called when no further call can be made on it */
  constructor(stream: MessageStream<SessionRequest, SessionResponse>, endpoint: string, ended: () => void) {
    this.#stream = stream;
    this.#endpoint = endpoint;
    this.#read().then(
      () => this.#end(this.#unread(), ended),
      (reason: unknown) => this.#fail(DbError.from(reason), ended),
    );
  }

  /** More would not be read by the node. */
  get isFull(): boolean {
    return this.#waiting.size >= clientLimits.streamCallsMax;
  }

  /**
   * @returns null when the node does not know of such streams: nothing was done
   * @throws {DbError} as the node answered; `outcome_unknown` when the stream broke before it did
   */
  async call(request: Asked, { timeoutMs, signal }: CallOptions): Promise<Answer | null> {
    this.#last += 1;
    const number = this.#last;
    const { promise, resolve, reject } = Promise.withResolvers<Answer | null>();
    this.#waiting.set(number, { resolve, reject });
    const giveUp = (reason: DbError) => {
      if (!this.#waiting.delete(number)) return;
      this.#send({ request: { case: "cancel", value: uint64.toWire(number, "cancel") } });
      reject(reason);
    };
    const abort = () => giveUp(new DbError(failure("canceled", "The call was given up")));
    const late = () => giveUp(new DbError(failure("deadline", `${this.#endpoint} did not answer in time`)));
    const timer = setTimeout(late, timeoutMs);
    signal?.addEventListener("abort", abort, { once: true });
    this.#send({ call: uint64.toWire(number, "call"), timeoutMs: budgetOf(timeoutMs), request });
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    }
  }

  #send(message: MessageInitShape<typeof SessionRequestSchema>): void {
    this.#stream.send(create(SessionRequestSchema, message));
  }

  async #read(): Promise<void> {
    for await (const { call, response } of this.#stream) this.#take(uint64.fromWire(call, "call"), response);
  }

  /** Of a call that was given up nobody wants to hear. */
  #take(number: number, response: SessionResponse["response"]): void {
    const waiting = this.#waiting.get(number);
    this.#waiting.delete(number);
    if (response.case === "error") {
      const told = fromStatus(response.value) ?? failure("internal", `${this.#endpoint}: ${response.value.message}`);
      waiting?.reject(new DbError(told));
    } else if (response.case === undefined) {
      waiting?.reject(new DbError(failure("internal", `${this.#endpoint} answered nothing`)));
    } else waiting?.resolve(response.value);
  }

  #fail(reason: DbError, ended: () => void): void {
    if (reason.code === "unimplemented") return this.#end(null, ended);
    this.#end(reason.effect === "unknown" ? reason : this.#broken(reason.message), ended);
  }

  /** @param reason null: the node does not know of such streams */
  #end(reason: DbError | null, ended: () => void): void {
    ended();
    for (const { resolve, reject } of this.#waiting.values()) {
      if (reason === null) resolve(null);
      else reject(reason);
    }
    this.#waiting.clear();
  }

  /** A node ends a stream well only when it has answered all that it has read. */
  #unread(): DbError {
    return new DbError(failure("stopping", `${this.#endpoint} ended the stream before it read the call`));
  }

  #broken(why: string): DbError {
    return new DbError(failure("outcome_unknown", `The stream to ${this.#endpoint} broke before it answered: ${why}`));
  }
}

/** What the node is told: whole milliseconds, no more than it allows. */
function budgetOf(timeoutMs: number): number {
  return Math.max(1, Math.min(clientLimits.streamTimeoutMsMax, Math.floor(timeoutMs)));
}
