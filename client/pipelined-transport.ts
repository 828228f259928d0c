// A transport whose calls of keys share one stream: many are in flight at once, and each costs a message where it would have
// cost a request. Everything else, and what is large, goes as it does without; so does all when the node has no such stream.

import type { DescMessage, DescMethodBiDiStreaming, DescMethodUnary, MessageShape } from "@bufbuild/protobuf";
import { DbError } from "../proto/errors.ts";
import { KeyValueService } from "../proto/gen/bailiwick/v1/key_value_pb.ts";
import { SessionService } from "../proto/gen/bailiwick/v1/session_pb.ts";
import { type Asked, CallStream } from "./call-stream.ts";
import { clientLimits } from "./limits.ts";
import { checkNotAborted } from "./signals.ts";
import type { CallOptions, Connect, MessageStream, Transport } from "./transport.ts";

/** Makes transports of which the calls of keys share a stream. */
export function pipelined(connect: Connect): Connect {
  return async (endpoint) => new PipelinedTransport(await connect(endpoint), endpoint);
}

class PipelinedTransport implements Transport {
  readonly #inner: Transport;
  readonly #endpoint: string;
  #stream: Promise<CallStream | null> | null = null;
  /** The node has no such stream. */
  #isUnknown = false;

  constructor(inner: Transport, endpoint: string) {
    this.#inner = inner;
    this.#endpoint = endpoint;
  }

  async unary<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethodUnary<Input, Output>,
    request: MessageShape<Input>,
    options: CallOptions,
  ): Promise<MessageShape<Output>> {
    const asked = askedOf(method, request);
    const stream = asked === null ? null : await this.#opened(options);
    if (asked === null || stream === null || stream.isFull) return this.#inner.unary(method, request, options);
    checkNotAborted(options.signal);
    const answer = await stream.call(asked, options);
    if (answer !== null) return answer as MessageShape<Output>;
    this.#isUnknown = true;
    return this.#inner.unary(method, request, options);
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
  #opened({ timeoutMs }: CallOptions): Promise<CallStream | null> | null {
    if (this.#isUnknown) return null;
    this.#stream ??= this.#open(timeoutMs);
    return this.#stream;
  }

  async #open(timeoutMs: number): Promise<CallStream | null> {
    const forget = () => {
      this.#stream = null;
    };
    try {
      const stream = await this.#inner.openStream(SessionService.method.session, { timeoutMs });
      return new CallStream(stream, this.#endpoint, forget);
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
