// The transport without a network: handlers in the same process, through the same bytes as on a wire. For tests of programs
// that use this library, and for its own.

import {
  create,
  type DescMessage,
  type DescMethodBiDiStreaming,
  type DescMethodUnary,
  type DescService,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { DbError, failure } from "../proto/errors.ts";
import { encoded } from "./encoded.ts";
import { checkNotAborted } from "./signals.ts";
import type { CallOptions, MessageStream, Transport } from "./transport.ts";

interface CallContext {
  /** Aborted when the caller gave up, or its time is over. */
  readonly signal: AbortSignal;
}

type Awaitable<Value> = Value | Promise<Value>;

type Handler<Method> =
  Method extends DescMethodUnary<infer Input, infer Output>
    ? (request: MessageShape<Input>, context: CallContext) => Awaitable<MessageInitShape<Output>>
    : Method extends DescMethodBiDiStreaming<infer Input, infer Output>
      ? (requests: AsyncIterable<MessageShape<Input>>, context: CallContext) => AsyncIterable<MessageInitShape<Output>>
      : never;

/** Handlers of a service by local name; a method without one answers `unimplemented`. */
export type ServiceHandlers<Service extends DescService> = {
  readonly [Name in keyof Service["method"]]?: Handler<Service["method"][Name]>;
};

/** A service with its handlers, for {@link createInProcessTransport}. */
export interface InProcessService {
  readonly service: DescService;
  readonly handlers: Readonly<Record<string, unknown>>;
}

export function inProcessService<Service extends DescService>(
  service: Service,
  handlers: ServiceHandlers<Service>,
): InProcessService {
  return { service, handlers };
}

/** Handlers throw {@link DbError} to fail a call, and {@link UnreachableError} to play a node that is not there. */
export function createInProcessTransport(services: readonly InProcessService[]): Transport {
  return new InProcessTransport(services);
}

class InProcessTransport implements Transport {
  readonly #handlers: ReadonlyMap<string, unknown>;
  readonly #closed = new AbortController();

  constructor(services: readonly InProcessService[]) {
    this.#handlers = new Map(
      services.flatMap(({ service, handlers }) =>
        Object.entries(handlers).map(([name, handler]) => [`${service.typeName}/${name}`, handler] as const),
      ),
    );
  }

  async unary<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethodUnary<Input, Output>,
    request: MessageShape<Input>,
    { timeoutMs, signal }: CallOptions,
  ): Promise<MessageShape<Output>> {
    const handler = this.#handlerOf<Handler<DescMethodUnary<Input, Output>>>(method);
    checkNotAborted(signal);
    const timedOut = AbortSignal.timeout(Math.ceil(timeoutMs));
    const ended = AbortSignal.any([timedOut, this.#closed.signal, ...(signal === undefined ? [] : [signal])]);
    const work = Promise.resolve(handler(received(method.input, request), { signal: ended }));
    const answer = await Promise.race([work, rejectedWhen(ended, () => (timedOut.aborted ? "deadline" : "canceled"))]);
    return copy(method.output, create(method.output, answer));
  }

  async openStream<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethodBiDiStreaming<Input, Output>,
    { signal }: CallOptions,
  ): Promise<MessageStream<MessageShape<Input>, MessageShape<Output>>> {
    const handler = this.#handlerOf<Handler<DescMethodBiDiStreaming<Input, Output>>>(method);
    checkNotAborted(signal);
    const ending = new AbortController();
    const ended = AbortSignal.any([ending.signal, this.#closed.signal, ...(signal === undefined ? [] : [signal])]);
    const requests = new Inbox<MessageShape<Input>>(ended);
    const responses = handler(requests, { signal: ended });
    return {
      send: (message) => requests.push(received(method.input, message)),
      close: () => ending.abort(),
      [Symbol.asyncIterator]: () => readUntil(responses, { ended, output: method.output }),
    };
  }

  close(): void {
    this.#closed.abort();
  }

  #handlerOf<Found>(method: { readonly parent: DescService; readonly localName: string }): Found {
    const name = `${method.parent.typeName}/${method.localName}`;
    const handler = this.#handlers.get(name);
    if (handler === undefined) throw new DbError(failure("unimplemented", `No handler for ${name}`));
    return handler as Found;
  }
}

/** What was sent and not yet read. */
class Inbox<Message> implements AsyncIterable<Message> {
  readonly #waiting: Message[] = [];
  readonly #ended: AbortSignal;
  #wake: () => void = () => {};

  constructor(ended: AbortSignal) {
    this.#ended = ended;
    ended.addEventListener("abort", () => this.#wake(), { once: true });
  }

  push(message: Message): void {
    this.#waiting.push(message);
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Message> {
    while (!this.#ended.aborted) {
      const message = this.#waiting.shift();
      if (message !== undefined) yield message;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

async function* readUntil<Output extends DescMessage>(
  responses: AsyncIterable<MessageInitShape<Output>>,
  { ended, output }: { readonly ended: AbortSignal; readonly output: Output },
): AsyncGenerator<MessageShape<Output>> {
  const iterator = responses[Symbol.asyncIterator]();
  const stopped = rejectedWhen(ended, () => "canceled");
  for (;;) {
    const step = await Promise.race([iterator.next(), stopped]);
    if (step.done === true) return;
    yield copy(output, create(output, step.value));
  }
}

function rejectedWhen(signal: AbortSignal, code: () => "canceled" | "deadline"): Promise<never> {
  const rejected = new Promise<never>((_, reject) => {
    const give = () => reject(new DbError(failure(code(), "The call was given up")));
    if (signal.aborted) give();
    else signal.addEventListener("abort", give, { once: true });
  });
  // Somebody else may win the race; this is then nobody's error.
  rejected.catch(() => {});
  return rejected;
}

/** A request as the handler gets it. */
function received<Schema extends DescMessage>(schema: Schema, message: MessageShape<Schema>): MessageShape<Schema> {
  return fromBinary(
    schema,
    encoded(() => toBinary(schema, message)),
  );
}

/** What arrives shares nothing with what was sent. */
function copy<Schema extends DescMessage>(schema: Schema, message: MessageShape<Schema>): MessageShape<Schema> {
  return fromBinary(schema, toBinary(schema, message));
}
