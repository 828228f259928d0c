// A transport whose calls of keys share one stream: many are in flight at once, and each costs a message where it would have
// cost a request. Everything else, and what is large, goes as it does without; so does all when the node has no such stream.

import type { DescMessage, DescMethodBiDiStreaming, DescMethodUnary, MessageShape } from "@bufbuild/protobuf";
import { DbError } from "../proto/errors.ts";
import { KeyValueService } from "../proto/gen/bailiwick/v1/key_value_pb.ts";
import { SessionService } from "../proto/gen/bailiwick/v1/session_pb.ts";
import { type Asked, CallStream } from "./call-stream.ts";
import { type ClientClock, systemClock } from "./clock.ts";
import { clientLimits } from "./limits.ts";
import { checkNotAborted } from "./signals.ts";
import type { CallOptions, Connect, MessageStream, Transport } from "./transport.ts";
import { UnreachableError } from "./unreachable-error.ts";
import { within } from "./within.ts";

/** Makes transports of which the calls of keys share a stream. @param clock of how long callers wait for it to open */
export function pipelined(connect: Connect, clock: ClientClock = systemClock): Connect {
  return async (endpoint) => new PipelinedTransport(await connect(endpoint), endpoint, clock);
}

class PipelinedTransport implements Transport {
  readonly #inner: Transport;
  readonly #endpoint: string;
  readonly #clock: ClientClock;
  #stream: CallStream | null = null;
  /** Of all who came before it was there. */
  #opening: Promise<CallStream | null> | null = null;
  /** The node has no such stream. */
  #isUnknown = false;

  constructor(inner: Transport, endpoint: string, clock: ClientClock) {
    this.#inner = inner;
    this.#endpoint = endpoint;
    this.#clock = clock;
  }

  async unary<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethodUnary<Input, Output>,
    request: MessageShape<Input>,
    options: CallOptions,
  ): Promise<MessageShape<Output>> {
    const asked = this.#isUnknown ? null : askedOf(method, request);
    if (asked === null) return this.#inner.unary(method, request, options);
    const deadlineMs = this.#clock.nowMs() + options.timeoutMs;
    const left = () => ({ ...options, timeoutMs: Math.max(1, deadlineMs - this.#clock.nowMs()) });
    const stream = this.#stream ?? (await this.#opened(options));
    if (stream === null || stream.isFull) return this.#inner.unary(method, request, left());
    checkNotAborted(options.signal);
    const answer = await stream.call(asked, left());
    if (answer !== null) return answer as MessageShape<Output>;
    this.#isUnknown = true;
    return this.#inner.unary(method, request, left());
  }

  openStream<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethodBiDiStreaming<Input, Output>,
    options: CallOptions,
  ): Promise<MessageStream<MessageShape<Input>, MessageShape<Output>>> {
    return this.#inner.openStream(method, options);
  }

  close(): void {
    this.#inner.close();
  }

  /** @returns null when calls go by themselves @throws {UnreachableError} */
  #opened({ timeoutMs, signal }: CallOptions): Promise<CallStream | null> {
    this.#opening ??= this.#open();
    const late = () => new UnreachableError(this.#endpoint, `silent for ${Math.round(timeoutMs)} ms`);
    return within(this.#opening, { timeoutMs, signal, clock: this.#clock, late });
  }

  /** Takes as long as a connection may: whoever has less time does not wait for it. */
  async #open(): Promise<CallStream | null> {
    const forget = () => {
      this.#stream = null;
      this.#opening = null;
    };
    try {
      const stream = await this.#inner.openStream(SessionService.method.session, { timeoutMs: clientLimits.connectMs });
      this.#stream = new CallStream(stream, this.#endpoint, forget);
      return this.#stream;
    } catch (reason) {
      forget();
      this.#isUnknown = reason instanceof DbError && reason.code === "unimplemented";
      if (this.#isUnknown) return null;
      throw reason;
    }
  }
}

/** @returns null for what goes by itself */
function askedOf<Input extends DescMessage>(
  method: DescMethodUnary<Input>,
  request: MessageShape<Input>,
): Asked | null {
  if (method.parent.typeName !== KeyValueService.typeName || method.localName === "compact") return null;
  const bytes = bytesIn(request);
  if (bytes > clientLimits.streamedBytesMax) return null;
  return { request: { case: method.localName, value: request } as unknown as Asked["request"], bytes };
}

/** About what a request takes on the wire, names of fields counted too; cheaper than encoding it once more. */
function bytesIn(value: unknown): number {
  if (value instanceof Uint8Array) return value.byteLength;
  if (typeof value === "string") return value.length;
  if (typeof value !== "object" || value === null) return 8;
  return Object.values(value).reduce<number>((sum, each) => sum + bytesIn(each), 0);
}
