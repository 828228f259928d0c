// How a service is put together: handlers for the methods that there are, a sentence for each that is still to come, and
// one way for all of them to fail. Handlers get decoded messages and never see grpc-js.

import type {
  DescMessage,
  DescMethod,
  DescMethodBiDiStreaming,
  DescMethodUnary,
  DescService,
  MessageShape,
} from "@bufbuild/protobuf";
import type { ServerDuplexStream, ServerUnaryCall, sendUnaryData } from "@grpc/grpc-js";
import { present } from "../../proto/assert.ts";
import { DbError, type Failure, failure } from "../../proto/errors.ts";
import { toGrpcService } from "../../proto/grpc.ts";
import { type ApiWorld, CallContext } from "./call-context.ts";
import { toStatusObject, toStreamError } from "./status-error.ts";

/** Answers one call; what it throws becomes the call's status. */
type UnaryHandler<Method extends DescMethodUnary> = (
  request: MessageShape<Method["input"]>,
  context: CallContext,
) => Promise<MessageShape<Method["output"]>>;

/** Serves a stream in both directions until the client has gone. */
type StreamHandler<Method extends DescMethodBiDiStreaming> = (
  stream: ServerDuplexStream<
    MessageShape<Method["input"]> | MalformedMessage,
    MessageShape<Method["output"]> | EncodedMessage
  >,
  world: ApiWorld,
) => void;

type Handler<Method> = Method extends DescMethodUnary
  ? UnaryHandler<Method>
  : Method extends DescMethodBiDiStreaming
    ? StreamHandler<Method>
    : never;

type Methods<Service extends DescService> = Service["method"];
type Handlers<Service extends DescService> = {
  readonly [Name in keyof Methods<Service>]?: Handler<Methods<Service>[Name]>;
};
/** For each method without a handler: what it will come with. The compiler proves that none is forgotten. */
type Later<Service extends DescService, Present> = Readonly<
  Record<Exclude<keyof Methods<Service>, keyof Present>, string>
>;

/** A service that only needs a world to run in. */
export interface ApiService {
  readonly descriptor: DescService;
  /** For `Server.addService`. */
  readonly definition: ReturnType<typeof toServerDefinition>;
  implement(world: ApiWorld): Record<string, GrpcHandler>;
}

type Message = MessageShape<DescMessage>;

/** Any of the four kinds of handler of grpc-js. */
type GrpcHandler = (call: never, respond: never) => void;

/** A request that is no message of its type; handed to handlers in its place so that the caller gets a proper answer. */
export class MalformedMessage {
  readonly failure: Failure;

  constructor(typeName: string, bytes: Uint8Array, reason: unknown) {
    const why = reason instanceof Error ? reason.message : String(reason);
    this.failure = failure(
      "invalid_argument",
      `The request of ${bytes.byteLength} bytes is no ${typeName}, or was cut short: ${why}`,
    );
  }
}

/** A response in its bytes already: one that many streams are sent. */
export class EncodedMessage {
  readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }
}

/**
 * @param later what each method without a handler comes with, as the end of a sentence
 */
export function defineService<Service extends DescService, Present extends Handlers<Service>>(
  descriptor: Service,
  handlers: Present,
  later: Later<Service, Present>,
): ApiService {
  const known: Readonly<Record<string, unknown>> = handlers;
  const missing: Readonly<Record<string, string>> = later;
  return {
    descriptor,
    definition: toServerDefinition(descriptor),
    implement: (world) =>
      fromMethods(descriptor, (method) => {
        const handler = known[method.localName];
        return handler === undefined
          ? refuse(method, missing[method.localName] ?? "a later release")
          : serve(method, handler, world);
      }),
  };
}

/** A service of which no method is there yet. */
export function defineLater(descriptor: DescService, what: string): ApiService {
  return defineService(
    descriptor,
    {},
    fromMethods(descriptor, () => what),
  );
}

function fromMethods<Value>(service: DescService, make: (method: DescMethod) => Value): Record<string, Value> {
  return Object.fromEntries(service.methods.map((method) => [method.localName, make(method)] as const));
}

/** A client may send anything: bytes that do not decode must not end as the runtime's own INTERNAL. */
function toServerDefinition(service: DescService) {
  const definitions = toGrpcService(service);
  return fromMethods(service, (method) => {
    const definition = present(definitions[method.localName], method.name);
    const requestDeserialize = tolerant(definition.requestDeserialize, method.input.typeName);
    return { ...definition, requestDeserialize, responseSerialize: sparing(definition.responseSerialize) };
  });
}

function tolerant(decode: (bytes: Buffer) => Message, typeName: string): (bytes: Buffer) => Message | MalformedMessage {
  return (bytes) => {
    try {
      return decode(bytes);
    } catch (reason) {
      return new MalformedMessage(typeName, bytes, reason);
    }
  };
}

function sparing(encode: (message: Message) => Buffer): (message: Message | EncodedMessage) => Buffer {
  return (message) => (message instanceof EncodedMessage ? message.bytes : encode(message));
}

function serve(method: DescMethod, handler: unknown, world: ApiWorld): GrpcHandler {
  if (method.methodKind === "unary") return serveUnary(handler as UnaryHandler<DescMethodUnary>, world);
  const run = handler as StreamHandler<DescMethodBiDiStreaming>;
  return (stream: Parameters<typeof run>[0]) => run(stream, world);
}

function serveUnary(handler: UnaryHandler<DescMethodUnary>, world: ApiWorld): GrpcHandler {
  return (call: ServerUnaryCall<Message | MalformedMessage, Message>, respond: sendUnaryData<Message>) => {
    if (call.request instanceof MalformedMessage) {
      respond(toStatusObject(call.request.failure));
      return;
    }
    const context = new CallContext(world, call);
    const fail = (reason: unknown) => {
      context.finish();
      respond(toStatusObject(explain(reason, call.getPath(), world)));
    };
    const answer = (message: Message) => {
      context.finish();
      respond(null, message);
    };
    handler(call.request, context).then(answer, fail);
  };
}

/** What is not for the caller to know in full is for the node's log. */
export function explain(reason: unknown, path: string, world: ApiWorld): Failure {
  const error = DbError.from(reason);
  if (error !== reason) {
    const stack = reason instanceof Error ? (reason.stack ?? reason.message) : String(reason);
    world.journal.note("warn", "A call failed for a defect", { path, stack });
  }
  return error;
}

function refuse(method: DescMethod, what: string): GrpcHandler {
  const reason = failure("unimplemented", `bailiwick: ${method.parent.name}.${method.name} comes with ${what}`);
  if (method.methodKind === "unary" || method.methodKind === "client_streaming") {
    return (_call: unknown, respond: sendUnaryData<Message>) => respond(toStatusObject(reason));
  }
  return (stream: { emit(event: "error", reason: Error): void }) => {
    stream.emit("error", toStreamError(reason));
  };
}
