// A watch over keys that resumes by itself: when its stream breaks or falls silent it opens another, on the next endpoint,
// behind the last revision that it has handed on. It ends with `compacted` when history it needs is gone; never with a gap.

import { create, type MessageShape } from "@bufbuild/protobuf";
import { fromStatus } from "../proto/error-status.ts";
import { DbError, failure } from "../proto/errors.ts";
import {
  type WatchEvent,
  type WatchEvents,
  WatchFilter,
  type WatchPosition,
  WatchRequestSchema,
  type WatchResponse,
  WatchService,
} from "../proto/gen/bailiwick/v1/watch_pb.ts";
import type { KeyValue } from "../proto/model.ts";
import type { ClientParts } from "./caller.ts";
import {
  fromOptionalKeyValue,
  fromWireInteger,
  fromWireKeyValue,
  type KeySelection,
  toWireInteger,
  toWireKeys,
} from "./key-values.ts";
import { clientLimits } from "./limits.ts";
import { decideRetry } from "./retry.ts";
import { isAborted } from "./signals.ts";
import type { MessageStream } from "./transport.ts";
import { type ClientFailure, toClientError } from "./unreachable-error.ts";

export interface WatchOptions {
  /** Absent: all keys of the group. */
  readonly keys?: KeySelection | undefined;
  /** First revision to deliver; absent: after the newest. */
  readonly fromRevision?: number | undefined;
  /** Adds the version before to each event. */
  readonly previous?: boolean | undefined;
  readonly keysOnly?: boolean | undefined;
  /** Kinds of events to leave out. */
  readonly without?: readonly WatchedEvent["type"][] | undefined;
  /** Aborting it ends the watch without an error. */
  readonly signal?: AbortSignal | undefined;
  /** How long the watch may take to begin; once begun, it tries to resume for as long as it is read. */
  readonly timeoutMs?: number | undefined;
}

export interface WatchedEvent {
  /** `expire`: deleted because its lease ended. */
  readonly type: "put" | "delete" | "expire";
  readonly revision: number;
  /** Of a deletion: without a value. */
  readonly keyValue: KeyValue;
  /** null when there was none, it was not asked for, or it is compacted. */
  readonly previous: KeyValue | null;
}

export type WatchNotice =
  /** The watch stands: at first, and after each break. Everything behind `revision` follows. */
  | { readonly type: "started"; readonly revision: number; readonly endpoint: string; readonly isResumed: boolean }
  /** All events of one or more revisions, in order. */
  | { readonly type: "events"; readonly revision: number; readonly events: readonly WatchedEvent[] }
  /** Everything up to `revision` has been delivered. */
  | { readonly type: "progress"; readonly revision: number }
  /** This reader is slower than things happen; nothing is lost. */
  | { readonly type: "behind"; readonly revision: number; readonly newestRevision: number }
  /** The stream broke; the watch goes on by itself. */
  | { readonly type: "interrupted"; readonly endpoint: string; readonly failure: ClientFailure };

/**
 * Watches keys of a group. Leaving the loop ends the watch.
 *
 * @throws {DbError} `compacted` with the floor in `details.revision`: read again, then watch from behind what was read;
 *   whatever the group refuses; `unreachable` and the like only before the watch has begun
 */
export async function* watchKeys(
  parts: ClientParts,
  group: string,
  options: WatchOptions,
): AsyncGenerator<WatchNotice, void> {
  const watch = new KeyWatch(parts, group, options);
  const { signal } = options;
  while (!isAborted(signal)) {
    const endpoint = parts.endpoints.current;
    try {
      yield* watch.follow(endpoint);
    } catch (reason) {
      if (isAborted(signal)) return;
      const failed = toClientError(reason);
      const pauseMs = watch.pauseAfter(failed);
      if (pauseMs === null) throw failed;
      const { code, message, details, effect } = failed;
      yield { type: "interrupted", endpoint, failure: { code, message, details, effect } };
      parts.endpoints.leave(endpoint);
      await parts.clock.sleep(pauseMs, signal);
    }
  }
}

const watchId = 1;
const filters = {
  put: WatchFilter.NO_PUT,
  delete: WatchFilter.NO_DELETE,
  expire: WatchFilter.NO_EXPIRY,
} as const satisfies Record<WatchedEvent["type"], WatchFilter>;

type Stream = MessageStream<MessageShape<typeof WatchRequestSchema>, WatchResponse>;

class KeyWatch {
  readonly #parts: ClientParts;
  readonly #group: string;
  readonly #options: WatchOptions;
  readonly #timeoutMs: number;
  readonly #startMs: number;
  /** Behind everything delivered; null before the watch has begun. */
  #position: WatchPosition | null = null;
  /** Highest revision delivered. */
  #revision = 0;
  /** Attempts since something was heard. */
  #attempts = 0;
  /** Events of a revision of which more is to come. */
  #fragments: WatchedEvent[] = [];
  #fragmentBytes = 0;

  constructor(parts: ClientParts, group: string, options: WatchOptions) {
    this.#parts = parts;
    this.#group = group;
    this.#options = options;
    this.#timeoutMs = options.timeoutMs ?? parts.timeoutMs;
    this.#startMs = parts.clock.nowMs();
  }

  /** Follows one stream to its end, which is always an error. */
  async *follow(endpoint: string): AsyncGenerator<WatchNotice, void> {
    this.#attempts += 1;
    this.#dropFragments();
    const transport = await this.#parts.endpoints.transportTo(endpoint);
    const options = { timeoutMs: this.#timeoutMs, signal: this.#options.signal };
    const stream: Stream = await transport.openStream(WatchService.method.watch, options);
    const guard = this.#guard(stream);
    try {
      stream.send(this.#createRequest());
      for await (const response of stream) {
        const notice = this.#accept(response, endpoint);
        guard.pause();
        if (notice !== null) yield notice;
        guard.listen();
      }
      throw new DbError(failure("stopping", `${endpoint} ended the watch`));
    } finally {
      guard.stop();
      stream.close();
    }
  }

  /** @returns null when trying again cannot help */
  pauseAfter(failed: ClientFailure): number | null {
    const { clock, endpoints, retry, random } = this.#parts;
    const hasBegun = this.#position !== null;
    const remainingMs = this.#startMs + this.#timeoutMs - clock.nowMs();
    // Nobody asked for this end (that is looked at before), so it is the silence of the other side.
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

  #createRequest() {
    const { keys = { prefix: "" }, fromRevision = 0, previous = false, keysOnly = false, without = [] } = this.#options;
    const start =
      this.#position === null
        ? { startRevision: toWireInteger(fromRevision, "fromRevision") }
        : { resume: this.#position };
    const value = {
      watchId,
      group: this.#group,
      target: toWireKeys(keys),
      ...start,
      filters: without.map((type) => filters[type]),
      previousValues: previous,
      keysOnly,
      progressIntervalMs: clientLimits.watchProgressMs,
    };
    return create(WatchRequestSchema, { request: { case: "create", value } });
  }

  #accept({ response }: WatchResponse, endpoint: string): WatchNotice | null {
    this.#attempts = 0;
    switch (response.case) {
      case "created": {
        const isResumed = this.#position !== null;
        this.#advance(response.value.position);
        return { type: "started", revision: this.#revision, endpoint, isResumed };
      }
      case "events":
        return this.#acceptEvents(response.value);
      case "progress":
        this.#advance(response.value.position);
        return { type: "progress", revision: this.#revision };
      case "behind":
        return {
          type: "behind",
          revision: fromWireInteger(response.value.delivered, "delivered"),
          newestRevision: fromWireInteger(response.value.newest, "newest"),
        };
      case "compacted":
        throw this.#compacted(fromWireInteger(response.value.revision, "revision"));
      case "canceled": {
        const { error } = response.value;
        const told = error === undefined ? null : fromStatus(error);
        throw new DbError(told ?? failure("internal", `${endpoint} ended the watch without a reason`));
      }
      case undefined:
        return null;
    }
  }

  /** Hands on whole revisions only: fragments wait for the last of them. */
  #acceptEvents(message: WatchEvents): WatchNotice | null {
    const events = message.events.flatMap(toWatchedEvent).filter(({ revision }) => revision > this.#revision);
    if (message.fragment) {
      this.#keepFragments(events);
      return null;
    }
    const whole = [...this.#fragments, ...events];
    this.#dropFragments();
    const last = whole.at(-1);
    this.#advance(message.position);
    if (last === undefined) return null;
    this.#revision = Math.max(this.#revision, last.revision);
    return { type: "events", revision: this.#revision, events: whole };
  }

  #keepFragments(events: readonly WatchedEvent[]): void {
    for (const { keyValue, previous } of events) {
      this.#fragmentBytes += keyValue.key.byteLength + keyValue.value.byteLength + (previous?.value.byteLength ?? 0);
    }
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
    const own = position.groups.find(({ group }) => group === this.#group);
    if (own !== undefined) this.#revision = Math.max(this.#revision, fromWireInteger(own.revision, "revision"));
  }

  #compacted(floor: number): DbError {
    const message = `History of ${this.#group} below revision ${floor} is gone; the watch stood at ${this.#revision}`;
    return new DbError(failure("compacted", message, { group: this.#group, revision: String(floor) }));
  }

  /** Closes the stream when nothing has come for longer than a node may be silent. The time of our reader is its own. */
  #guard(stream: Stream): { readonly pause: () => void; readonly listen: () => void; readonly stop: () => void } {
    const { clock } = this.#parts;
    const ended = new AbortController();
    let sinceMs: number | null = clock.nowMs();
    const watchOver = async () => {
      while (!ended.signal.aborted) {
        const silentMs = sinceMs === null ? 0 : clock.nowMs() - sinceMs;
        if (silentMs >= clientLimits.watchSilenceMs) return stream.close();
        await clock.sleep(clientLimits.watchSilenceMs - silentMs, ended.signal);
      }
    };
    void watchOver();
    return {
      pause: () => {
        sinceMs = null;
      },
      listen: () => {
        sinceMs = clock.nowMs();
      },
      stop: () => ended.abort(),
    };
  }
}

function toWatchedEvent({ revision, event, previous }: WatchEvent): WatchedEvent[] {
  if (event.case !== "put" && event.case !== "delete" && event.case !== "expire") return [];
  return [
    {
      type: event.case,
      revision: fromWireInteger(revision, "revision"),
      keyValue: fromWireKeyValue(event.value),
      previous: fromOptionalKeyValue(previous),
    },
  ];
}
