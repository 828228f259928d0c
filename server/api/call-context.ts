// What a handler is given besides its request: who this node is, the way into it, and how long the caller waits.

import { InvariantError } from "../../proto/assert.ts";
import { DbError, failure } from "../../proto/errors.ts";
import type { ClusterId, NodeId } from "../../proto/ids.ts";
import type { IdentifiableRequest, Reply, Request, StreamRequest } from "../../proto/requests.ts";
import type { RequestIdentity } from "../../proto/sessions.ts";
import { limits } from "../node/limits.ts";
import type { Journal } from "../node/ports.ts";
import { Asker } from "./asker.ts";
import type { LocalCalls } from "./local-calls.ts";
import type { WatchEncoder } from "./watch/watch-encoder.ts";

/** What a node says of itself in answers. */
export interface ApiIdentity {
  readonly cluster: ClusterId;
  /** Of the cluster, as configured. */
  readonly clusterName: string;
  readonly node: NodeId;
  /** Of the software, for example `0.1.0`. */
  readonly version: string;
  /** Of the runtime, for example `v24.21.0`. */
  readonly runtime: string;
  /** Version of the layout on its disk. */
  readonly diskFormat: number;
}

/** What all calls of one server share. */
export interface ApiWorld {
  readonly self: ApiIdentity;
  readonly calls: LocalCalls;
  readonly journal: Journal;
  /** Streams that must be ended when the server stops. */
  readonly streams: Set<{ stop(): void }>;
  readonly encoder: WatchEncoder;
}

/** The part of a grpc-js call that says how long it lasts. */
export interface CallLifetime {
  getDeadline(): Date | number;
  on(event: "cancelled", listener: () => void): unknown;
}

type AskRequest = Exclude<Request, StreamRequest>;
type Answer<Type extends AskRequest["type"]> = Extract<Reply, { readonly type: Type }>;

export class CallContext {
  readonly self: ApiIdentity;
  readonly #calls: LocalCalls;
  readonly #deadlineMs: number;
  readonly #asker = new Asker();
  /** Made for those who wait for other things than answers. */
  #abort: AbortController | null = null;
  #isDone = false;

  constructor(world: ApiWorld, lifetime: CallLifetime) {
    this.self = world.self;
    this.#calls = world.calls;
    const nowMs = Date.now();
    this.#deadlineMs = nowMs + budgetOf(lifetime.getDeadline(), nowMs);
    // Also emitted after a call has been answered.
    lifetime.on("cancelled", () => {
      if (!this.#isDone) this.#leave();
    });
  }

  /** Aborted when the caller has gone. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#asker.isGone) this.#abort.abort();
    return this.#abort.signal;
  }

  /** Milliseconds left to answer; 0 or less: none. */
  remainingMs(): number {
    return this.#deadlineMs - Date.now();
  }

  /** The call has been answered. */
  finish(): void {
    this.#isDone = true;
  }

  /**
   * Asks the node, within the call's deadline.
   *
   * @param budgetMsMax for a part that the answer can do without: 1 ms or more
   * @throws {DbError} the failure that the node answered
   */
  ask<Type extends AskRequest["type"]>(
    request: Extract<AskRequest, { readonly type: Type }>,
    budgetMsMax = Number.POSITIVE_INFINITY,
  ): Promise<Answer<Type>> {
    return this.#expect(request.type, request, budgetMsMax);
  }

  /**
   * As {@link ask}.
   *
   * @param identity under which it is carried out once; null: each time that it is asked for
   */
  write<Type extends IdentifiableRequest["type"]>(
    request: Extract<IdentifiableRequest, { readonly type: Type }>,
    identity: RequestIdentity | null,
  ): Promise<Answer<Type>> {
    const { group, type } = request;
    return this.#expect(type, identity === null ? request : { type: "identified", group, identity, request });
  }

  async #expect<Type extends AskRequest["type"]>(
    type: Type,
    request: AskRequest,
    budgetMsMax = Number.POSITIVE_INFINITY,
  ): Promise<Answer<Type>> {
    const budgetMs = Math.min(this.remainingMs(), budgetMsMax);
    if (budgetMs <= 0) throw new DbError(failure("deadline", "The call's deadline has passed", {}, "none"));
    const reply = await this.#calls.call(request, { budgetMs, asker: this.#asker });
    if (reply.type === "failed") throw new DbError(reply.failure);
    if (reply.type === type) return reply as Answer<Type>;
    throw new InvariantError(`The node answered ${reply.type} to ${type}`);
  }

  #leave(): void {
    this.#asker.leave();
    this.#abort?.abort();
  }
}

function budgetOf(deadline: Date | number, nowMs: number): number {
  const atMs = Number(deadline);
  if (!Number.isFinite(atMs)) return limits.callBudgetMsUsual;
  const leftMs = Math.min(atMs - nowMs, limits.callBudgetMsMax);
  return leftMs - Math.min(limits.answerMarginMsMax, leftMs / 10);
}
