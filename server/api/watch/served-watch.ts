// One watch of a stream: turns what the node says into responses, one message of events at a time.

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { uint64 } from "../../../proto/codec/integers.ts";
import { toStatus } from "../../../proto/error-status.ts";
import type { Failure } from "../../../proto/errors.ts";
import { type WatchResponse, WatchResponseSchema } from "../../../proto/gen/bailiwick/v1/watch_pb.ts";
import { type Revision, toRevision } from "../../../proto/ids.ts";
import type { Header, KeyEvent, WatchMessage } from "../../../proto/requests.ts";
import type { ApiIdentity, ApiWorld } from "../call-context.ts";
import { toHeader } from "../convert/headers.ts";
import { toPosition, toWatchEvent, type WatchWish } from "../convert/watches.ts";
import { toFragments } from "./fragments.ts";

/** The stream that a watch writes to. */
export interface WatchSink {
  /** @param written called when the response has left for the network; never when the stream has ended */
  send(response: WatchResponse, written?: () => void): void;
  /** The watch is over; its number may be used again. */
  ended(watchId: number): void;
}

/** What has been said of the group since the watch was opened. */
interface Standing {
  readonly header: Header;
  /** Everything up to here has been delivered. */
  readonly delivered: Revision;
}

type Said = NonNullable<MessageInitShape<typeof WatchResponseSchema>["response"]>;

export class ServedWatch {
  readonly #id: number;
  readonly #self: ApiIdentity;
  readonly #sink: WatchSink;
  readonly #wish: WatchWish;
  readonly #handle: { drained(): void; close(): void };
  /** null before the node has opened the watch. */
  #standing: Standing | null = null;
  /** Events are on their way to the network: the node sends no more until they have left. */
  #isWriting = false;
  #wantsProgress = false;

  constructor(id: number, wish: WatchWish, world: ApiWorld, sink: WatchSink) {
    this.#id = id;
    this.#self = world.self;
    this.#sink = sink;
    this.#wish = wish;
    this.#handle = world.calls.openWatch(wish.request, (message) => this.#receive(message));
  }

  /** Ends the watch at the client's wish. */
  cancel(): void {
    this.close();
    this.#sink.send(toCanceled(this.#id, null));
  }

  /** Ends the watch without a word: its stream is gone. */
  close(): void {
    this.#handle.close();
  }

  /** Says how far the watch has come, as soon as it is opened. */
  reportProgress(): void {
    this.#wantsProgress = this.#standing === null;
    if (this.#standing !== null) this.#sendProgress(this.#standing);
  }

  #receive(message: WatchMessage): void {
    switch (message.type) {
      case "opened":
        return this.#open(message.header, message.revision);
      case "events":
        return this.#sendEvents(message.events, message.revision);
      case "progress":
        return this.#advance(message.revision);
      case "compacted":
        return this.#endCompacted(message.floor);
      case "canceled":
        this.#sink.send(toCanceled(this.#id, message.failure));
        return this.#sink.ended(this.#id);
    }
  }

  #open(header: Header, first: Revision): void {
    const { incarnation } = this.#wish;
    const delivered = toRevision(first - 1);
    this.#standing = { header, delivered };
    if (incarnation !== null && incarnation !== header.incarnation) {
      this.close();
      this.#endCompacted(first);
      return;
    }
    this.#say({ case: "created", value: { position: toPosition(header, delivered) } });
    if (this.#wantsProgress) this.reportProgress();
  }

  #sendEvents(events: readonly KeyEvent[], revision: Revision): void {
    if (this.#standing === null) return;
    const { header } = this.#standing;
    this.#standing = { header, delivered: revision };
    this.#isWriting = true;
    const fragments = toFragments(events);
    for (const [position, { events: part, isFragment }] of fragments.entries()) {
      const isLast = position === fragments.length - 1;
      const reached = isLast ? revision : (part.at(-1)?.revision ?? revision);
      const value = {
        events: part.map((event) => toWatchEvent(event, this.#wish.keysOnly)),
        fragment: isFragment,
        ...(!isFragment && { position: toPosition(header, reached) }),
      };
      const response = create(WatchResponseSchema, { watchId: this.#id, response: { case: "events", value } });
      this.#sink.send(response, isLast ? () => this.#written() : undefined);
    }
  }

  #written(): void {
    this.#isWriting = false;
    this.#handle.drained();
  }

  /** A bookmark to a reader that is behind may be left out: the next one says more. */
  #advance(revision: Revision): void {
    if (this.#standing === null) return;
    this.#standing = { ...this.#standing, delivered: revision };
    if (!this.#isWriting) this.#sendProgress(this.#standing);
  }

  #sendProgress({ header, delivered }: Standing): void {
    this.#say({ case: "progress", value: { position: toPosition(header, delivered) } });
  }

  #endCompacted(floor: Revision): void {
    const incarnation = uint64.toWire(this.#standing?.header.incarnation ?? 0, "incarnation");
    this.#say({ case: "compacted", value: { revision: uint64.toWire(floor, "floor"), incarnation } });
    this.#sink.ended(this.#id);
  }

  /** Says something that carries a header, as of what has been delivered. */
  #say(response: Said): void {
    const fields = { watchId: this.#id, response };
    const standing = this.#standing;
    const header = standing && toHeader(this.#self, { ...standing.header, revision: standing.delivered });
    this.#sink.send(create(WatchResponseSchema, header === null ? fields : { ...fields, header }));
  }
}

/** @param reason null: the client asked for it */
export function toCanceled(watchId: number, reason: Failure | null): WatchResponse {
  const value = reason === null ? {} : { error: toStatus(reason) };
  return create(WatchResponseSchema, { watchId, response: { case: "canceled", value } });
}
