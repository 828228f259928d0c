// One stream of calls to a node. An answer names its call; when the stream breaks, nobody knows what became of those that are
// not answered.

import { create } from "@bufbuild/protobuf";
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

/** A call to be made. */
export interface Asked {
  readonly request: Exclude<SessionRequest["request"], { case: "cancel" | undefined }>;
  /** About what it takes on the wire. */
  readonly bytes: number;
}

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
  /** What is asked in this turn: it leaves together at the end of it, in as few messages as hold it. */
  #unsent: { readonly message: SessionRequest; readonly bytes: number }[] = [];

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
  async call({ request, bytes }: Asked, { timeoutMs, signal }: CallOptions): Promise<Answer | null> {
    this.#last += 1;
    const number = this.#last;
    const { promise, resolve, reject } = Promise.withResolvers<Answer | null>();
    this.#waiting.set(number, { resolve, reject });
    const giveUp = (reason: DbError) => {
      if (!this.#waiting.delete(number)) return;
      this.#send({ case: "cancel", value: uint64.toWire(number, "cancel") });
      reject(reason);
    };
    const abort = () => giveUp(new DbError(failure("canceled", "The call was given up")));
    const late = () => giveUp(new DbError(failure("deadline", `${this.#endpoint} did not answer in time`)));
    const timer = setTimeout(late, timeoutMs);
    signal?.addEventListener("abort", abort, { once: true });
    this.#send(request, { number, bytes, timeoutMs: budgetOf(timeoutMs) });
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    }
  }

  #send(
    request: SessionRequest["request"],
    { number, bytes, timeoutMs } = { number: 0, bytes: 0, timeoutMs: 0 },
  ): void {
    const message = create(SessionRequestSchema);
    message.call = uint64.toWire(number, "call");
    message.timeoutMs = timeoutMs;
    message.request = request;
    if (this.#unsent.length === 0) process.nextTick(() => this.#sendAll());
    this.#unsent.push({ message, bytes });
  }

  #sendAll(): void {
    const unsent = this.#unsent;
    this.#unsent = [];
    const firsts: SessionRequest[] = [];
    let room = 0;
    for (const { message, bytes } of unsent) {
      const first = firsts.at(-1);
      if (first !== undefined && bytes <= room && first.more.length < clientLimits.streamCallsMax - 1) {
        first.more.push(message);
      } else {
        firsts.push(message);
        room = clientLimits.streamMessageBytes;
      }
      room -= bytes;
    }
    for (const first of firsts) this.#sendOrRefuse(first);
  }

  /** Of calls that cannot go together each goes by itself, so that only those fail that cannot be encoded. */
  #sendOrRefuse(first: SessionRequest): void {
    try {
      this.#stream.send(first);
    } catch (reason) {
      const parts = [first, ...first.more.splice(0)];
      if (parts.length === 1) this.#refuse(first, DbError.from(reason));
      else for (const part of parts) this.#sendOrRefuse(part);
    }
  }

  #refuse({ call }: SessionRequest, reason: DbError): void {
    const number = uint64.fromWire(call, "call");
    const waiting = this.#waiting.get(number);
    this.#waiting.delete(number);
    waiting?.reject(reason);
  }

  async #read(): Promise<void> {
    for await (const message of this.#stream) for (const each of [message, ...message.more]) this.#take(each);
  }

  /** Of a call that was given up nobody wants to hear. */
  #take({ call, response }: SessionResponse): void {
    const number = uint64.fromWire(call, "call");
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
