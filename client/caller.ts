// Calls with retries: one attempt after another over the endpoints, until an answer, a failure that a retry cannot mend, or
// the deadline.

import type { DescMessage, DescMethodUnary, MessageShape } from "@bufbuild/protobuf";
import { DbError, failure } from "../proto/errors.ts";
import type { RequestId } from "../proto/gen/bailiwick/v1/common_pb.ts";
import type { ClientClock } from "./clock.ts";
import { Doubts, expiredField } from "./doubts.ts";
import type { Endpoints } from "./endpoints.ts";
import { Introductions } from "./introductions.ts";
import { clientLimits } from "./limits.ts";
import { decideRetry, type RetryDecision, type RetryOptions } from "./retry.ts";
import { type Answerer, Routes } from "./routes.ts";
import type { Sessions } from "./sessions.ts";
import { isAborted } from "./signals.ts";
import { checkTime } from "./times.ts";
import { type ClientError, type ClientFailure, toClientError } from "./unreachable-error.ts";
import { within } from "./within.ts";

/** What every call takes. */
export interface RequestOptions {
  /** For the call with all its retries, instead of the client's: above 0, up to 86,400,000. */
  readonly timeoutMs?: number | undefined;
  /** Aborting it fails the call with `canceled`. */
  readonly signal?: AbortSignal | undefined;
}

/** What a client is made of; shared by its calls and its watches. */
export interface ClientParts {
  readonly endpoints: Endpoints;
  readonly clock: ClientClock;
  readonly retry: RetryOptions;
  /** 0 to below 1. */
  readonly random: () => number;
  /** For a call that does not say how long it may take. */
  readonly timeoutMs: number;
  /** null: writes are not repeated once they may have happened. */
  readonly sessions: Sessions | null;
}

interface Call<Input extends DescMessage, Output extends DescMessage> {
  readonly method: DescMethodUnary<Input, Output>;
  readonly request: MessageShape<Input>;
  readonly isRead: boolean;
  readonly options: RequestOptions;
  /** That it is about; empty: none, or several. */
  readonly group: string;
  /** Of a write that may have an identity; null: it has none. */
  readonly identified: Identified | null;
}

/** A request that takes an identity, and the group that remembers it. */
interface Identified {
  readonly group: string;
  readonly request: { requestId?: RequestId | undefined };
}

/** A failed attempt. */
interface Attempt {
  readonly error: ClientError;
  readonly attempts: number;
  readonly startMs: number;
  readonly deadlineMs: number;
  readonly isRead: boolean;
}

export class Caller {
  readonly #parts: ClientParts;
  readonly #routes = new Routes();
  readonly #introductions: Introductions;

  constructor(parts: ClientParts) {
    this.#parts = parts;
    this.#introductions = new Introductions(parts.endpoints, this.#routes, parts.clock);
  }

  /** A call that changes nothing: repeated whatever the failure, as long as that may help. */
  read<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethodUnary<Input, Output>,
    request: MessageShape<Input>,
    options: RequestOptions,
  ): Promise<MessageShape<Output>> {
    return this.#call({ method, request, isRead: true, options, group: groupIn(request), identified: null });
  }

  /** A call that changes something: repeated only while it is certain that nothing has happened. */
  write<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethodUnary<Input, Output>,
    request: MessageShape<Input>,
    options: RequestOptions,
  ): Promise<MessageShape<Output>> {
    return this.#call({ method, request, isRead: false, options, group: groupIn(request), identified: null });
  }

  /** As {@link write}; where the client has sessions, repeated too when it may have happened: it is carried out once. */
  writeOnce<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethodUnary<Input, Output>,
    request: MessageShape<Input> & Identified["request"],
    options: RequestOptions & { readonly group: string },
  ): Promise<MessageShape<Output>> {
    const identified = this.#parts.sessions === null ? null : { group: options.group, request };
    return this.#call({ method, request, isRead: false, options, group: options.group, identified });
  }

  /** As {@link writeOnce}; where the client has no sessions, as {@link idempotent}. */
  idempotentOnce<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethodUnary<Input, Output>,
    request: MessageShape<Input> & Identified["request"],
    options: RequestOptions & { readonly group: string },
  ): Promise<MessageShape<Output>> {
    const hasSessions = this.#parts.sessions !== null;
    return hasSessions ? this.writeOnce(method, request, options) : this.idempotent(method, request, options);
  }

  /** A call that changes no more when it is made twice: repeated as a read is. */
  idempotent<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethodUnary<Input, Output>,
    request: MessageShape<Input>,
    options: RequestOptions,
  ): Promise<MessageShape<Output>> {
    return this.#call({ method, request, isRead: true, options, group: groupIn(request), identified: null });
  }

  /** @throws {DbError | UnreachableError} of the last attempt; of a read, of the last one that did not just run out of time */
  async #call<Input extends DescMessage, Output extends DescMessage>(
    call: Call<Input, Output>,
  ): Promise<MessageShape<Output>> {
    const { endpoints, clock } = this.#parts;
    const { options, identified } = call;
    const doubts = new Doubts();
    const deadlineMs = clock.nowMs() + checkTime(options.timeoutMs ?? this.#parts.timeoutMs, "timeoutMs");
    let reason: ClientError | null = null;
    for (let attempts = 1; ; attempts++) {
      const endpoint = this.#routes.to(call.group) ?? endpoints.current;
      const startMs = clock.nowMs();
      try {
        if (identified !== null && !doubts.areThere)
          await this.#identify(identified, { deadlineMs, signal: options.signal });
        const answer = await this.#attempt(call, { endpoint, remainingMs: deadlineMs - clock.nowMs() });
        this.#learn(answer);
        return answer;
      } catch (thrown) {
        const error = toClientError(thrown);
        if (identified !== null && this.#renews(identified, error, doubts)) continue;
        const isRead = call.isRead || doubts.mayRepeat(identified?.request.requestId, error);
        const decision = this.#decide({ error, attempts, startMs, deadlineMs, isRead });
        // That a read's time ran out says less than why it had to be repeated. A write's deadline must be told: it may be done.
        const told: ClientError = call.isRead && error.code === "deadline" ? (reason ?? error) : doubts.tell(error);
        const isLast = decision.type === "fail" || isAborted(options.signal) || endpoints.isClosed;
        // Where nobody has answered in time the next call is not to wait as well. A node says before that that its group did not.
        const isSilent = deadlineMs - clock.nowMs() < clientLimits.silenceMs;
        if (isLast ? isSilent : decision.at === "next") this.#leave(endpoint, call.group, error);
        if (isLast) throw told;
        reason = told;
        await clock.sleep(decision.delayMs, endpoints.orClosed(options.signal));
      }
    }
  }

  async #attempt<Input extends DescMessage, Output extends DescMessage>(
    { method, request, isRead, options, identified }: Call<Input, Output>,
    { endpoint, remainingMs }: { readonly endpoint: string; readonly remainingMs: number },
  ): Promise<MessageShape<Output>> {
    // What may be repeated leaves time to ask another endpoint when the first hangs; a write takes all there is.
    const isRepeatable = isRead || identified?.request.requestId !== undefined;
    const sharedMs = isRepeatable && this.#parts.endpoints.count > 1 ? remainingMs / 2 : remainingMs;
    const transport = await this.#parts.endpoints.transportTo(endpoint);
    return transport.unary(method, request, { timeoutMs: Math.max(1, sharedMs), signal: options.signal });
  }

  /** A group that is asked again is worth knowing where its leader answers. */
  #learn(answer: unknown): void {
    const header = (answer as { readonly header?: Answerer }).header;
    if (header === undefined || header.group === "" || header.node === "") return;
    const isKnown = this.#routes.learn(header);
    if (isKnown && this.#routes.isMissing(header.group)) void this.#introductions.seek(header.group);
  }

  #leave(endpoint: string, group: string, { code }: ClientFailure): void {
    this.#routes.forget(group, endpoint, code === "unreachable");
    this.#parts.endpoints.leave(endpoint);
  }

  /** The session may be one that others wait for longer. */
  async #identify(
    { group, request }: Identified,
    { deadlineMs, signal }: { readonly deadlineMs: number; readonly signal: AbortSignal | undefined },
  ): Promise<void> {
    const { sessions, clock } = this.#parts;
    if (sessions === null) return;
    const late = () =>
      new DbError(failure("deadline", `No session with ${group} was opened in time`, { group }, "none"));
    const patience = { timeoutMs: deadlineMs - clock.nowMs(), signal, clock, late };
    const identity = sessions.nextAtOnce(group) ?? (await within(sessions.next(group), patience));
    request.requestId = identity ?? undefined;
  }

  /** @returns whether it is to be sent again at once: its session had expired, and no attempt can have happened */
  #renews({ group, request }: Identified, error: ClientFailure, doubts: Doubts): boolean {
    if (error.details.field !== expiredField || request.requestId === undefined) return false;
    this.#parts.sessions?.expired(group, request.requestId.session);
    return doubts.areThere ? false : doubts.renewOnce();
  }

  #decide({ error, attempts, startMs, deadlineMs, isRead }: Attempt): RetryDecision {
    const { clock, endpoints, random, retry } = this.#parts;
    const nowMs = clock.nowMs();
    const state = {
      isRead,
      attempts,
      endpoints: endpoints.count,
      remainingMs: deadlineMs - nowMs,
      attemptMs: nowMs - startMs,
      jitter: random(),
    };
    return decideRetry(error, state, retry);
  }
}

function groupIn(request: object): string {
  return "group" in request && typeof request.group === "string" ? request.group : "";
}
