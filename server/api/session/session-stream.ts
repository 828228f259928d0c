// One Session call: many calls on one stream, each answered when its answer is there. A client that does not read its answers
// is not read either, and no more than a fixed number of calls are in flight, so that nothing piles up here.

import type { ServerDuplexStream } from "@grpc/grpc-js";
import { uint64 } from "../../../proto/codec/integers.ts";
import { toStatus } from "../../../proto/error-status.ts";
import { DbError, type Failure, failure } from "../../../proto/errors.ts";
import type { SessionRequest, SessionResponse } from "../../../proto/gen/bailiwick/v1/session_pb.ts";
import { limits } from "../../node/limits.ts";
import { type ApiWorld, CallContext } from "../call-context.ts";
import { invalid, readField } from "../convert/fields.ts";
import { type EncodedMessage, explain, MalformedMessage } from "../service.ts";
import { keyValueHandlers } from "../services/key-value-service.ts";
import { toStreamError } from "../status-error.ts";
import { type AnswerMessage, toMessages } from "./answer-messages.ts";
import { StreamCall } from "./stream-call.ts";

type Stream = ServerDuplexStream<SessionRequest | MalformedMessage, SessionResponse | EncodedMessage>;
type Asked = Exclude<SessionRequest["request"], { case: "cancel" | undefined }>;
type Said = SessionResponse["response"];

export class SessionStream {
  readonly #stream: Stream;
  readonly #world: ApiWorld;
  readonly #calls = new Map<number, StreamCall>();
  /** The client has sent several calls in one message, and takes several answers in one. */
  #takesMany = false;
  /** Answers that are ready: they leave together at the end of the turn. */
  #ready: SessionResponse[] = [];
  /** Answers that have not left for the network yet, and the bytes of those that are encoded. */
  #unwritten = 0;
  #unwrittenBytes = 0;
  #isFull = false;
  /** No more calls will come: it ends when all are answered. */
  #isEnding = false;
  #isOver = false;

  constructor(stream: Stream, world: ApiWorld) {
    this.#stream = stream;
    this.#world = world;
    world.streams.add(this);
    stream.on("data", (message: SessionRequest | MalformedMessage) => this.#receive(message));
    stream.on("drain", () => {
      this.#isFull = false;
      this.#flow();
    });
    stream.on("end", () => this.stop());
    stream.on("cancelled", () => this.#leave());
    stream.on("close", () => this.#leave());
  }

  /** Takes no more calls, and ends the stream well when those in flight are answered. */
  stop(): void {
    this.#isEnding = true;
    this.#flow();
  }

  #receive(message: SessionRequest | MalformedMessage): void {
    if (this.#isOver) return;
    try {
      this.#obey(message);
    } catch (reason) {
      this.#fail(DbError.from(reason));
    }
    this.#flow();
  }

  /** Whoever numbers calls wrongly could not tell their answers apart: the whole stream must end. */
  #obey(message: SessionRequest | MalformedMessage): void {
    if (message instanceof MalformedMessage) throw new DbError(message.failure);
    const { more } = message;
    if (more.length >= limits.streamCallsMax) {
      throw invalid("more", `The message holds ${more.length + 1} calls, the limit is ${limits.streamCallsMax}`);
    }
    if (more.some((further) => further.more.length > 0)) throw invalid("more", "A call of more holds more itself");
    if (more.length > 0) this.#takesMany = true;
    this.#take(message);
    for (const further of more) this.#take(further);
  }

  #take(message: SessionRequest): void {
    const { request, timeoutMs } = message;
    if (request.case === "cancel") return this.#calls.get(readField(uint64, request.value, "cancel"))?.cancel();
    const number = readField(uint64, message.call, "call");
    if (number === 0) throw invalid("call", "The call is 0, the least is 1");
    if (this.#calls.has(number)) throw invalid("call", `The call ${number} is in flight on this stream`);
    if (request.case === undefined) this.#refuse(number, invalid("request", "The request of the call is missing"));
    else if (this.#inFlight >= limits.streamCallsMax) this.#refuse(number, this.#tooMany());
    else this.#begin(number, request, timeoutMs);
  }

  #begin(number: number, request: Asked, timeoutMs: number): void {
    try {
      const call = new StreamCall(timeoutMs);
      this.#calls.set(number, call);
      const context = new CallContext(this.#world, call);
      const refuse = (reason: unknown) => this.#refuse(number, explain(reason, `Session ${request.case}`, this.#world));
      carryOut(request, context).then((value) => this.#answer(number, { case: request.case, value } as Said), refuse);
    } catch (reason) {
      this.#refuse(number, DbError.from(reason));
    }
  }

  #refuse(number: number, reason: Failure): void {
    this.#answer(number, { case: "error", value: toStatus(reason) });
  }

  #answer(number: number, response: Said): void {
    this.#calls.delete(number);
    if (this.#isOver) return;
    this.#unwritten += 1;
    if (this.#ready.length === 0) process.nextTick(() => this.#writeReady());
    const call = uint64.toWire(number, "call");
    this.#ready.push({ $typeName: "bailiwick.v1.SessionResponse", call, response, more: [] });
  }

  #writeReady(): void {
    if (this.#isOver) return;
    const room = limits.streamAnswersBytes - this.#unwrittenBytes;
    const messages = toMessages(this.#ready, this.#takesMany, room);
    this.#ready = this.#ready.slice(messages.reduce((sum, { answers }) => sum + answers, 0));
    for (const message of messages) this.#write(message);
    this.#flow();
  }

  /** Values are copied when they are encoded: until there is room for that, answers wait as they are. */
  #write({ message, answers }: AnswerMessage): void {
    const { byteLength } = message.bytes;
    this.#unwrittenBytes += byteLength;
    this.#isFull = !this.#stream.write(message, () => {
      this.#unwritten -= answers;
      this.#unwrittenBytes -= byteLength;
      if (this.#ready.length > 0) this.#writeReady();
      else this.#flow();
    });
  }

  /** Unanswered, or answered and not read yet. */
  get #inFlight(): number {
    return this.#calls.size + this.#unwritten;
  }

  /** Only calls that come with others in one message can be too many: no message is read when there is no room. */
  #tooMany(): Failure {
    const message = `The stream has ${this.#inFlight} calls in flight, the limit is ${limits.streamCallsMax}`;
    return failure("overloaded", message);
  }

  /** Reads on only while there is room for what that brings. */
  #flow(): void {
    if (this.#isOver) return;
    if (this.#isEnding && this.#calls.size === 0 && this.#ready.length === 0) return this.#end();
    const isBusy = this.#isFull || this.#isEnding || this.#inFlight >= limits.streamCallsMax;
    if (isBusy) this.#stream.pause();
    else if (this.#stream.isPaused()) this.#stream.resume();
  }

  #end(): void {
    this.#leave();
    this.#stream.end();
  }

  #fail(reason: Failure): void {
    this.#writeReady();
    if (this.#isOver) return;
    this.#leave();
    this.#stream.emit("error", toStreamError(reason));
  }

  #leave(): void {
    this.#isOver = true;
    this.#world.streams.delete(this);
    for (const call of this.#calls.values()) call.cancel();
    this.#calls.clear();
  }
}

/** As the calls by themselves. @returns the answer to the request, of the same case */
function carryOut(request: Asked, context: CallContext): Promise<Exclude<Said, { case: "error" }>["value"]> {
  switch (request.case) {
    case "get":
      return keyValueHandlers.get(request.value, context);
    case "list":
      return keyValueHandlers.list(request.value, context);
    case "put":
      return keyValueHandlers.put(request.value, context);
    case "delete":
      return keyValueHandlers.delete(request.value, context);
    case "transact":
      return keyValueHandlers.transact(request.value, context);
  }
}
