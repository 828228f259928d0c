// The transport over gRPC: a channel an endpoint, and one for its watches. It connects before it sends, so that a call which
// never left is told apart from one whose answer was lost; retries are the client's, never the channel's.

import type { DescMessage, DescMethodBiDiStreaming, DescMethodUnary, MessageShape } from "@bufbuild/protobuf";
import {
  type ChannelOptions,
  connectivityState,
  credentials,
  Client as GrpcClient,
  Metadata,
  type ServiceError,
} from "@grpc/grpc-js";
import { DbError, failure } from "../proto/errors.ts";
import { WatchService } from "../proto/gen/bailiwick/v1/watch_pb.ts";
import { toGrpcMethod } from "../proto/grpc.ts";
import { encoded } from "./encoded.ts";
import { clientLimits } from "./limits.ts";
import { fromServiceError } from "./service-error.ts";
import { checkNotAborted, isAborted } from "./signals.ts";
import type { CallOptions, Connect, MessageStream, Transport } from "./transport.ts";
import { UnreachableError } from "./unreachable-error.ts";

/** Unprotected, as nodes are until they have TLS. */
export const connectGrpc: Connect = (endpoint) => Promise.resolve(new GrpcTransport(endpoint));

/** Names as in gRPC core's channel arguments; the defaults of grpc-js have no limits. */
const channelOptions: ChannelOptions = {
  "grpc.keepalive_time_ms": clientLimits.keepaliveMs,
  "grpc.keepalive_timeout_ms": clientLimits.keepaliveTimeoutMs,
  "grpc.max_receive_message_length": clientLimits.responseBytesMax,
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.min_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": clientLimits.backoffMsMax,
  "grpc.enable_retries": 0,
  // A connection of its own for each channel: another client's back-off is not ours.
  "grpc.use_local_subchannel_pool": 1,
  // Nodes are named by address; a proxy for the web does not lead to them.
  "grpc.enable_http_proxy": 0,
};

class GrpcTransport implements Transport {
  readonly #endpoint: string;
  /** Of calls, and of the streams that they and renewals share. */
  readonly #calls: GrpcClient;
  /** Of streams of which there may be as many as a node lets one connection have: nothing else is to wait behind them. */
  readonly #watches: GrpcClient;
  /** What gives up each call under way; as many as callers wait for. */
  readonly #underWay = new Set<() => void>();

  constructor(endpoint: string) {
    this.#endpoint = endpoint;
    this.#calls = new GrpcClient(endpoint, credentials.createInsecure(), channelOptions);
    this.#watches = new GrpcClient(endpoint, credentials.createInsecure(), channelOptions);
  }

  async unary<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethodUnary<Input, Output>,
    request: MessageShape<Input>,
    options: CallOptions,
  ): Promise<MessageShape<Output>> {
    const { path, requestSerialize, responseDeserialize } = toGrpcMethod<Input, Output>(method);
    const bytes = checkSize(encoded(() => requestSerialize(request)));
    const deadline = Date.now() + options.timeoutMs;
    await this.#connected(this.#calls, options);
    const { promise, resolve, reject } = Promise.withResolvers<MessageShape<Output>>();
    const settle = (error: ServiceError | null, response?: MessageShape<Output>) => {
      const isGivenUp = end();
      if (error !== null) reject(fromServiceError(error, { endpoint: this.#endpoint, isGivenUp }));
      else if (response === undefined) reject(new DbError(failure("internal", `${this.#endpoint} answered nothing`)));
      else resolve(response);
    };
    const call = this.#calls.makeUnaryRequest(
      path,
      asIs,
      responseDeserialize,
      bytes,
      new Metadata(),
      { deadline },
      settle,
    );
    const end = this.#follow(call, options.signal);
    return promise;
  }

  async openStream<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethodBiDiStreaming<Input, Output>,
    options: CallOptions,
  ): Promise<MessageStream<MessageShape<Input>, MessageShape<Output>>> {
    const { path, requestSerialize, responseDeserialize } = toGrpcMethod<Input, Output>(method);
    const client = method.parent.typeName === WatchService.typeName ? this.#watches : this.#calls;
    await this.#connected(client, options);
    const call = client.makeBidiStreamRequest(path, asIs, responseDeserialize, new Metadata(), {});
    const closing = new AbortController();
    const signal = options.signal === undefined ? closing.signal : AbortSignal.any([closing.signal, options.signal]);
    const end = this.#follow(call, signal);
    call.once("close", end);
    // Errors reach the reader; one that comes after it has left concerns nobody.
    call.on("error", () => {});
    return {
      // Encoded here: within a write of gRPC's a failure would end the stream, for all who share it.
      send: (message) => void call.write(encoded(() => requestSerialize(message))),
      close: () => closing.abort(),
      [Symbol.asyncIterator]: () => this.#read(call, end),
    };
  }

  close(): void {
    for (const giveUp of this.#underWay) giveUp();
    this.#calls.close();
    this.#watches.close();
  }

  /** Gives a call up when its signal says so, or the transport is closed. @returns ends that, and says if it has happened */
  #follow(call: { cancel(): void }, signal: AbortSignal | undefined): () => boolean {
    let isGivenUp = false;
    const giveUp = () => {
      isGivenUp = true;
      // Of a call that is canceled in the turn in which it was made grpc-js opens the stream all the same, and closes it never.
      setImmediate(() => call.cancel());
    };
    this.#underWay.add(giveUp);
    if (isAborted(signal)) giveUp();
    else signal?.addEventListener("abort", giveUp, { once: true });
    return () => {
      this.#underWay.delete(giveUp);
      signal?.removeEventListener("abort", giveUp);
      return isGivenUp;
    };
  }

  async *#read<Response>(call: AsyncIterable<Response>, end: () => boolean): AsyncGenerator<Response> {
    try {
      yield* call;
    } catch (reason) {
      if (!isServiceError(reason)) throw DbError.from(reason);
      throw fromServiceError(reason, { endpoint: this.#endpoint, isGivenUp: end() });
    }
  }

  /** Waits until the channel is ready, but not through its back-off: another endpoint may answer meanwhile. */
  async #connected(client: GrpcClient, { timeoutMs, signal }: CallOptions): Promise<void> {
    const channel = client.getChannel();
    const waitMs = Math.min(timeoutMs, clientLimits.connectMs);
    const deadline = Date.now() + waitMs;
    for (;;) {
      checkNotAborted(signal);
      const state = channel.getConnectivityState(true);
      if (state === connectivityState.READY) return;
      if (state === connectivityState.TRANSIENT_FAILURE) throw new UnreachableError(this.#endpoint, "refused or gone");
      if (state === connectivityState.SHUTDOWN) throw new UnreachableError(this.#endpoint, "the client is closed");
      if (!(await changed(channel, state, { deadline, signal }))) {
        if (!isAborted(signal)) throw new UnreachableError(this.#endpoint, `silent for ${Math.round(waitMs)} ms`);
      }
    }
  }
}

/** @returns false when the state was still the same at the deadline, or the wait was given up */
function changed(
  channel: ReturnType<GrpcClient["getChannel"]>,
  state: connectivityState,
  { deadline, signal }: { readonly deadline: number; readonly signal: AbortSignal | undefined },
): Promise<boolean> {
  return new Promise((resolve) => {
    const giveUp = () => resolve(false);
    signal?.addEventListener("abort", giveUp, { once: true });
    channel.watchConnectivityState(state, deadline, (error) => {
      signal?.removeEventListener("abort", giveUp);
      resolve(error === undefined);
    });
  });
}

function asIs(bytes: Buffer): Buffer {
  return bytes;
}

function checkSize(bytes: Buffer): Buffer {
  if (bytes.byteLength <= clientLimits.requestBytesMax) return bytes;
  const message = `The request has ${bytes.byteLength} bytes, the limit is ${clientLimits.requestBytesMax}`;
  throw new DbError(failure("invalid_argument", message));
}

function isServiceError(reason: unknown): reason is ServiceError {
  return reason instanceof Error && "code" in reason && "metadata" in reason;
}
