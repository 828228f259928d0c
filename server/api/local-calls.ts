// Calls of local clients into the node: gives each a number, remembers who waits for it, and brings the answer back.
// Knows nothing of gRPC; deadlines are kept by the node.

import { type Failure, failure } from "../../proto/errors.ts";
import { plainRequest, type Reply, type Request, type StreamRequest, type WatchMessage } from "../../proto/requests.ts";
import { bytesOfPart } from "../../proto/transactions.ts";
import type { CallId } from "../node/inputs.ts";
import { limits } from "../node/limits.ts";
import type { Answers, Deliver } from "../node/ports.ts";
import type { Asker } from "./asker.ts";

type CallRequest = Exclude<Request, StreamRequest>;

interface CallOptions {
  /** Time left to answer: 1 ms or more. */
  readonly budgetMs: number;
  /** Leaves when nobody waits for the answer any more. */
  readonly asker?: Asker;
}

/** A running watch. Both methods do nothing once the watch has ended. */
interface OpenWatch {
  /** The last `events` message has been written, and there is room for the next. */
  drained(): void;
  /** Nothing more is delivered. */
  close(): void;
}

interface Waiting {
  readonly answer: (reply: Reply) => void;
  readonly bytes: number;
  readonly asker: Asker | null;
  readonly leave: () => void;
  readonly isForNews: boolean;
}

interface CallLimits {
  readonly callsMax: number;
  readonly callBytesMax: number;
  readonly watchesMax: number;
}

export class LocalCalls implements Answers {
  readonly #deliver: Deliver;
  readonly #limits: CallLimits;
  readonly #calls = new Map<CallId, Waiting>();
  readonly #watches = new Map<CallId, (message: WatchMessage) => void>();
  /** Of the requests in `#calls`. */
  #bytes = 0;
  #lastCall: CallId = 0;
  #isStopped = false;

  constructor(deliver: Deliver, bounds: CallLimits = limits) {
    this.#deliver = deliver;
    this.#limits = bounds;
  }

  /** @returns the node's answer; `failed` with `overloaded`, `stopping` or `canceled` where the node was not heard */
  call(request: CallRequest, { budgetMs, asker }: CallOptions): Promise<Reply> {
    const bytes = bytesOf(request);
    const refusal = this.#refuseCall(bytes, asker);
    if (refusal !== null) return Promise.resolve({ type: "failed", failure: refusal });
    return new Promise((resolve) => {
      const call = this.#nextCall();
      const leave = () => this.#end(call, canceled());
      const isForNews = request.type === "awaitOwnership";
      asker?.add(leave);
      this.#calls.set(call, { answer: resolve, bytes, asker: asker ?? null, leave, isForNews });
      this.#bytes += bytes;
      this.#deliver({ type: "call", call, request, budgetMs });
    });
  }

  /** @param onMessage hears the last message also when the watch is refused; never called before this returns */
  openWatch(request: StreamRequest, onMessage: (message: WatchMessage) => void): OpenWatch {
    const call = this.#nextCall();
    const refusal = this.#refuseWatch();
    this.#watches.set(call, onMessage);
    if (refusal === null) this.#deliver({ type: "call", call, request, budgetMs: limits.callBudgetMsMax });
    else queueMicrotask(() => this.watch(call, { type: "canceled", failure: refusal }));
    return {
      drained: () => {
        if (this.#watches.has(call)) this.#deliver({ type: "drained", call });
      },
      close: () => {
        if (this.#watches.delete(call)) this.#deliver({ type: "cancel", call });
      },
    };
  }

  reply(call: CallId, reply: Reply): void {
    this.#take(call)?.answer(reply);
  }

  watch(call: CallId, message: WatchMessage): void {
    const onMessage = this.#watches.get(call);
    if (message.type === "compacted" || message.type === "canceled") this.#watches.delete(call);
    onMessage?.(message);
  }

  /** Refuses what comes from now on, ends all watches and what only waits for news; other calls in flight are still answered. */
  stop(): void {
    this.#isStopped = true;
    for (const [call, { isForNews }] of [...this.#calls]) if (isForNews) this.#end(call, stopping());
    for (const call of [...this.#watches.keys()]) {
      this.watch(call, { type: "canceled", failure: stopping() });
      this.#deliver({ type: "cancel", call });
    }
  }

  /** Ends what {@link stop} has left; a write among it may happen or not. */
  abandon(): void {
    const reason = failure("outcome_unknown", "The node was shut down before the call was answered");
    for (const call of [...this.#calls.keys()]) this.#end(call, reason);
  }

  #nextCall(): CallId {
    this.#lastCall += 1;
    return this.#lastCall;
  }

  #take(call: CallId): Waiting | null {
    const waiting = this.#calls.get(call);
    if (waiting === undefined) return null;
    this.#calls.delete(call);
    this.#bytes -= waiting.bytes;
    waiting.asker?.remove(waiting.leave);
    return waiting;
  }

  #end(call: CallId, reason: Failure): void {
    const waiting = this.#take(call);
    if (waiting === null) return;
    this.#deliver({ type: "cancel", call });
    waiting.answer({ type: "failed", failure: reason });
  }

  #refuseCall(bytes: number, asker: Asker | undefined): Failure | null {
    const { callsMax, callBytesMax } = this.#limits;
    if (asker?.isGone === true) return failure("canceled", "The caller went away", {}, "none");
    if (this.#isStopped) return stopping();
    if (this.#calls.size >= callsMax) {
      return failure("overloaded", `The node is answering ${this.#calls.size} calls, the limit is ${callsMax}`);
    }
    if (this.#bytes + bytes <= callBytesMax) return null;
    return failure("overloaded", `The calls in flight hold ${this.#bytes} bytes, the limit is ${callBytesMax}`);
  }

  #refuseWatch(): Failure | null {
    if (this.#isStopped) return stopping();
    const { watchesMax } = this.#limits;
    if (this.#watches.size < watchesMax) return null;
    return failure("overloaded", `The node serves ${this.#watches.size} watches, the limit is ${watchesMax}`);
  }
}

function stopping(): Failure {
  return failure("stopping", "The node is shutting down");
}

function canceled(): Failure {
  return failure("canceled", "The caller went away");
}

/** What a request holds in memory, as far as it is chosen by the client. */
function bytesOf(any: CallRequest): number {
  const request = plainRequest(any);
  if (request.type === "put") return request.key.byteLength + request.value.byteLength;
  if (request.type === "transact") return request.parts.reduce((sum, part) => sum + bytesOfPart(part), 0);
  return request.type === "configure" ? request.config.byteLength : 0;
}
