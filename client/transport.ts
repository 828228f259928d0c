// The seam between the client library and a network: unary calls and two-way streams of messages to one endpoint.
// Over gRPC in grpc-transport.ts; in one process, through the same bytes, in in-process-transport.ts.

import type { DescMessage, DescMethodBiDiStreaming, DescMethodUnary, MessageShape } from "@bufbuild/protobuf";

export interface CallOptions {
  /** Connecting included. Afterwards the call fails with `deadline`; a stream is bounded only until it is open. */
  readonly timeoutMs: number;
  /** Aborting it ends the call with `canceled`. */
  readonly signal?: AbortSignal | undefined;
}

/** An open stream. Iterating it reads, as fast as its reader does; it throws {@link DbError} when the stream fails. */
export interface MessageStream<Request, Response> extends AsyncIterable<Response> {
  /** @throws {DbError} `invalid_argument` when the message cannot be encoded: nothing of it was sent, and the stream goes on */
  send(message: Request): void;
  /** Ends the stream in both directions at once; its reader gets `canceled`. Closing twice does nothing. */
  close(): void;
}

export interface Transport {
  /**
   * @throws {UnreachableError} when no connection could be made: nothing was sent
   * @throws {DbError} as the server answered; `outcome_unknown` when the connection broke before it did
   */
  unary<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethodUnary<Input, Output>,
    request: MessageShape<Input>,
    options: CallOptions,
  ): Promise<MessageShape<Output>>;

  /** @throws {UnreachableError} when no connection could be made */
  openStream<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethodBiDiStreaming<Input, Output>,
    options: CallOptions,
  ): Promise<MessageStream<MessageShape<Input>, MessageShape<Output>>>;

  /** Ends what is under way. */
  close(): void;
}

/** Makes the transport to an endpoint (`host:port`), without connecting yet. */
export type Connect = (endpoint: string) => Promise<Transport>;
