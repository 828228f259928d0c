// A watch that resumes by itself: when its stream breaks or falls silent it opens another, on the next endpoint, behind the last
// position that it has handed on. It ends with `compacted` when history it needs is gone; never with a gap. What is watched, and
// what an event of it is, is its subject.

import { create, type MessageInitShape, type MessageShape } from "@bufbuild/protobuf";
import { fromStatus } from "../proto/error-status.ts";
import { DbError, failure } from "../proto/errors.ts";
import {
  type WatchCreateSchema,
  type WatchEvent,
  type WatchEvents,
  type WatchPosition,
  WatchRequestSchema,
  type WatchResponse,
  WatchService,
} from "../proto/gen/bailiwick/v1/watch_pb.ts";
import type { ClientParts } from "./caller.ts";
import { fromWireInteger, type toWireInteger } from "./key-values.ts";
import { clientLimits } from "./limits.ts";
import { decideRetry } from "./retry.ts";
import { isAborted } from "./signals.ts";
import { checkTime } from "./times.ts";
import type { MessageStream } from "./transport.ts";
import { type ClientFailure, toClientError } from "./unreachable-error.ts";
import { watchesField } from "./watch-places.ts";

export interface FollowOptions {
  /** Delivers what exists first, then every later change; not with a start. */
  readonly initial?: boolean | undefined;
  /** Aborting it ends the watch without an error. */
  readonly signal?: AbortSignal | undefined;
  /** How long the watch may take to begin; once begun, it tries to resume for as long as it is read. */
  readonly timeoutMs?: number | undefined;
}

/** `revision`: of keys; of a group's status and of cluster events an index; of nodes 0, for their position is a vector. */
export type NoticeOf<Event> =
  /**
   * The watch stands: at first, and after each break. Everything behind `revision` follows; with `initial`, unless it is resumed,
   * all that exists, from the beginning.
   */
  | { readonly type: "started"; readonly revision: number; readonly endpoint: string; readonly isResumed: boolean }
  /** A part of what exists; `more`: not the last one. Nodes may be told so again later: then it stands for all told before. */
  | { readonly type: "initial"; readonly events: readonly Event[]; readonly more: boolean; readonly revision: number }
  /** All events of one or more revisions, in order. */
  | { readonly type: "events"; readonly revision: number; readonly events: readonly Event[] }
  /** Everything up to `revision` has been delivered. */
  | { readonly type: "progress"; readonly revision: number }
  /** This reader is slower than things happen; nothing is lost. */
  | { readonly type: "behind"; readonly revision: number; readonly newestRevision: number }
  /** The stream broke; the watch goes on by itself. */
  | { readonly type: "interrupted"; readonly endpoint: string; readonly failure: ClientFailure };

/** What is watched. */
export interface WatchSubject<Event> {
  /** For people. */
  readonly name: string;
  readonly wish: Omit<MessageInitShape<typeof WatchCreateSchema>, "$typeName">;
  /** First revision or index to deliver; 0: after the newest. */
  readonly start: ReturnType<typeof toWireInteger>;
  /** @returns none for an event of a kind that is not known */
  readonly toEvents: (event: WatchEvent) => readonly Event[];
  readonly revisionOf: (position: WatchPosition) => number;
  /** Of an event, when events of a revision that was delivered are repetitions. */
  readonly orderOf: ((event: Event) => number) | null;
}

/**
 * Leaving the loop ends the watch. So does closing the client, without an error.
 *
 * @throws {DbError} `compacted` with the floor in `details.revision`; whatever the server refuses; `unreachable` and the like,
 *   and `overloaded` when the client has 1,000 watches at this endpoint, only before the watch has begun
 */
export async function* follow<Event>(
  parts: ClientParts,
  subject: WatchSubject<Event>,
  options: FollowOptions,
): AsyncGenerator<NoticeOf<Event>, void> {
  const { endpoints } = parts;
  endpoints.checkOpen();
  const signal = endpoints.orClosed(options.signal);
  const watch = new Following(parts, subject, { ...options, signal });
  while (!isAborted(signal)) {
    const endpoint = endpoints.current;
    try {
      yield* watch.follow(endpoint);
    } catch (reason) {
      if (isAborted(signal)) return;
      const failed = toClientError(reason);
      const pauseMs = watch.pauseAfter(failed);
      if (pauseMs === null) throw failed;
      const { code, message, details, effect } = failed;
      yield { type: "interrupted", endpoint, failure: { code, message, details, effect } };
      endpoints.leave(endpoint);
      await parts.clock.sleep(pauseMs, signal);
    }
  }
}

const watchId = 1;

type Stream = MessageStream<MessageShape<typeof WatchRequestSchema>, WatchResponse>;

class Following<Event> {
  readonly #parts: ClientParts;
  readonly #subject: WatchSubject<Event>;
  readonly #options: FollowOptions;
  readonly #timeoutMs: number;
  readonly #startMs: number;
  /** Behind everything delivered; null before the watch has begun, and while what exists is not whole. */
  #position: WatchPosition | null = null;
  /** Highest revision delivered. */
  #revision = 0;
  /** Attempts since something was heard. */
  #attempts = 0;
  #hasBegun = false;
  /** The stream that is followed stands. */
  #isFollowed = false;
  /** What exists is still to come, or to be told that it was nothing. */
  #isInitial = false;
  /** Events of a revision of which more is to come. */
  #fragments: Event[] = [];
  #fragmentBytes = 0;

  constructor(parts: ClientParts, subject: WatchSubject<Event>, options: FollowOptions) {
    this.#parts = parts;
    this.#subject = subject;
    this.#options = options;
    this.#timeoutMs = checkTime(options.timeoutMs ?? parts.timeoutMs, "timeoutMs");
    this.#startMs = parts.clock.nowMs();
  }

  /** Follows one stream to its end, which is always an error. */
  async *follow(endpoint: string): AsyncGenerator<NoticeOf<Event>, void> {
    this.#attempts += 1;
    this.#isFollowed = false;
    this.#dropFragments();
    using _place = this.#parts.endpoints.watchPlaces.take(endpoint);
    const transport = await this.#parts.endpoints.transportTo(endpoint);
    const options = { timeoutMs: Math.min(this.#timeoutMs, this.#patienceMs), signal: this.#options.signal };
    const stream: Stream = await transport.openStream(WatchService.method.watch, options);
    const guard = this.#guard(stream);
    try {
      stream.send(this.#createRequest());
      for await (const response of stream) {
        const notices = this.#accept(response, endpoint);
        guard.pause();
        yield* notices;
        guard.listen();
      }
      throw new DbError(failure("stopping", `${endpoint} ended the watch`));
    } catch (reason) {
      throw guard.silence(endpoint) ?? reason;
    } finally {
      guard.stop();
      stream.close();
    }
  }

  /** @returns null when trying again cannot help */
  pauseAfter(failed: ClientFailure): number | null {
    const { clock, endpoints, retry, random } = this.#parts;
    const hasBegun = this.#hasBegun;
    if (!hasBegun && failed.details.field === watchesField) return null;
    const remainingMs = this.#startMs + this.#timeoutMs - clock.nowMs();
    // Nobody asked for this end (that is looked at before), so it is the other side that gave it up.
    const reason = failed.code === "canceled" ? failure("outcome_unknown", failed.message) : failed;
    const decision = decideRetry(
      reason,
      {
        isRead: true,
        attempts: Math.max(1, hasBegun ? Math.min(this.#attempts, retry.attemptsMax - 1) : this.#attempts),
        endpoints: endpoints.count,
        remainingMs: hasBegun ? Number.POSITIVE_INFINITY : remainingMs,
        attemptMs: 0,
        jitter: random(),
      },
      retry,
    );
    return decision.type === "fail" ? null : decision.delayMs;
  }

  /**
   * For one node: until the watch has begun, half of what is left while there is another one to ask.
   */
  get #patienceMs(): number {
    const { clock, endpoints } = this.#parts;
    if (this.#isFollowed) return clientLimits.watchSilenceMs;
    if (this.#hasBegun) return clientLimits.watchResumeMs;
    const leftMs = this.#startMs + this.#timeoutMs - clock.nowMs();
    const sharedMs = endpoints.count > 1 ? leftMs / 2 : leftMs;
    return Math.max(1, Math.min(clientLimits.watchSilenceMs, sharedMs));
  }

  #createRequest() {
    const { wish, start } = this.#subject;
    const { initial = false } = this.#options;
    this.#isInitial = initial && this.#position === null;
    const beginning = this.#position === null ? { startRevision: start, initial } : { resume: this.#position };
    const value = { ...wish, ...beginning, watchId, progressIntervalMs: clientLimits.watchProgressMs };
    return create(WatchRequestSchema, { request: { case: "create", value } });
  }

  #accept({ response }: WatchResponse, endpoint: string): readonly NoticeOf<Event>[] {
    this.#attempts = 0;
    switch (response.case) {
      case "created": {
        const isResumed = this.#position !== null;
        this.#hasBegun = true;
        this.#isFollowed = true;
        this.#advance(response.value.position);
        return [{ type: "started", revision: this.#revision, endpoint, isResumed }];
      }
      case "events":
        return response.value.initial ? this.#acceptInitial(response.value) : this.#acceptEvents(response.value);
      case "progress":
        return this.#acceptProgress(response.value.position);
      case "behind":
        return [
          {
            type: "behind",
            revision: fromWireInteger(response.value.delivered, "delivered"),
            newestRevision: fromWireInteger(response.value.newest, "newest"),
          },
        ];
      case "compacted":
        throw this.#compacted(fromWireInteger(response.value.revision, "revision"));
      case "canceled": {
        const { error } = response.value;
        const told = error === undefined ? null : fromStatus(error);
        throw new DbError(told ?? failure("internal", `${endpoint} ended the watch without a reason`));
      }
      case undefined:
        return [];
    }
  }

  /** Pages are handed on as they come: all that exists need not fit into memory. */
  #acceptInitial(message: WatchEvents): readonly NoticeOf<Event>[] {
    const events = message.events.flatMap((event) => this.#subject.toEvents(event));
    this.#advance(message.position);
    this.#isInitial = message.fragment;
    return [{ type: "initial", events, more: message.fragment, revision: this.#revision }];
  }

  #acceptProgress(position: WatchPosition | undefined): readonly NoticeOf<Event>[] {
    this.#advance(position);
    const revision = this.#revision;
    const wasInitial = this.#isInitial;
    this.#isInitial = false;
    const nothing = { type: "initial", events: [], more: false, revision } as const;
    return wasInitial ? [nothing, { type: "progress", revision }] : [{ type: "progress", revision }];
  }

  /** Hands on whole revisions only: fragments wait for the last of them. */
  #acceptEvents(message: WatchEvents): readonly NoticeOf<Event>[] {
    const { orderOf, toEvents } = this.#subject;
    const told = message.events.flatMap((event) => toEvents(event));
    const events = orderOf === null ? told : told.filter((event) => orderOf(event) > this.#revision);
    if (message.fragment) {
      this.#keepFragments(events, message);
      return [];
    }
    const whole = [...this.#fragments, ...events];
    this.#dropFragments();
    const last = whole.at(-1);
    this.#advance(message.position);
    if (last === undefined) return [];
    if (orderOf !== null) this.#revision = Math.max(this.#revision, orderOf(last));
    return [{ type: "events", revision: this.#revision, events: whole }];
  }

  #keepFragments(events: readonly Event[], message: WatchEvents): void {
    this.#fragmentBytes += bytesOf(message);
    if (this.#fragmentBytes > clientLimits.watchRevisionBytesMax) {
      const limit = clientLimits.watchRevisionBytesMax;
      throw new DbError(failure("invalid_argument", `One revision holds over ${limit} bytes of events`));
    }
    this.#fragments.push(...events);
  }

  #dropFragments(): void {
    this.#fragments = [];
    this.#fragmentBytes = 0;
  }

  #advance(position: WatchPosition | undefined): void {
    if (position === undefined) return;
    this.#position = position;
    this.#revision = Math.max(this.#revision, this.#subject.revisionOf(position));
  }

  #compacted(floor: number): DbError {
    const { name, wish } = this.#subject;
    const message = `History of ${name} below revision ${floor} is gone; the watch stood at ${this.#revision}`;
    return new DbError(failure("compacted", message, { group: wish.group ?? "", revision: String(floor) }));
  }

  /** Closes the stream when nothing has come for longer than a node may be silent. The time of our reader is its own. */
  #guard(stream: Stream): Guard {
    const { clock } = this.#parts;
    const ended = new AbortController();
    let patienceMs = this.#patienceMs;
    let sinceMs: number | null = clock.nowMs();
    let isSilent = false;
    const watchOver = async () => {
      while (!ended.signal.aborted) {
        const silentMs = sinceMs === null ? 0 : clock.nowMs() - sinceMs;
        isSilent = silentMs >= patienceMs;
        if (isSilent) return stream.close();
        await clock.sleep(patienceMs - silentMs, ended.signal);
      }
    };
    void watchOver();
    return {
      pause: () => {
        sinceMs = null;
        patienceMs = this.#patienceMs;
      },
      listen: () => {
        sinceMs = clock.nowMs();
      },
      silence: (endpoint) => {
        if (!isSilent) return null;
        return new DbError(failure("deadline", `${endpoint} said nothing for ${Math.round(patienceMs)} ms`));
      },
      stop: () => ended.abort(),
    };
  }
}

/** Of a stream that may fall silent. */
interface Guard {
  readonly pause: () => void;
  readonly listen: () => void;
  /** @returns null unless the stream was closed for its silence */
  readonly silence: (endpoint: string) => DbError | null;
  readonly stop: () => void;
}

/** About what fragments hold, of keys: the only events that are parted. */
function bytesOf({ events }: WatchEvents): number {
  return events.reduce((sum, { event, previous }) => {
    const kept = event.case === "put" || event.case === "delete" || event.case === "expire" ? event.value : null;
    const own = kept === null ? 0 : kept.key.byteLength + kept.value.byteLength;
    return sum + own + (previous?.value.byteLength ?? 0);
  }, 0);
}
