// One watch of a stream: turns what the node says into responses, one message of events at a time.

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { uint64 } from "../../../proto/codec/integers.ts";
import { toStatus } from "../../../proto/error-status.ts";
import type { Failure } from "../../../proto/errors.ts";
import {
  type WatchPosition,
  type WatchResponse,
  WatchResponseSchema,
} from "../../../proto/gen/bailiwick/v1/watch_pb.ts";
import { type Revision, toRevision } from "../../../proto/ids.ts";
import type { Header, WatchMessage } from "../../../proto/requests.ts";
import type { ApiIdentity, ApiWorld } from "../call-context.ts";
import { toHeader } from "../convert/headers.ts";
import { toEventsPosition, toGroupPosition } from "../convert/status-watches.ts";
import type { WatchWish } from "../convert/watch-wish.ts";
import { toPosition } from "../convert/watches.ts";
import { EncodedMessage } from "../service.ts";
import { type EventsMessage, positionBehind, toEventMessages } from "./event-messages.ts";
import { type WatchEncoder, withWatchId } from "./watch-encoder.ts";

/** The stream that a watch writes to. */
export interface WatchSink {
  /** @param written called when the response has left for the network; never when the stream has ended */
  send(response: WatchResponse | EncodedMessage, written?: () => void): void;
  /** The watch is over; its number may be used again. */
  ended(watchId: number): void;
}

/** What has been said since the watch was opened. */
interface Standing {
  readonly header: Header;
  /** Everything up to here has been delivered; null: nobody can resume from here yet. */
  readonly position: WatchPosition | null;
}

type Said = NonNullable<MessageInitShape<typeof WatchResponseSchema>["response"]>;

export class ServedWatch {
  readonly #id: number;
  readonly #self: ApiIdentity;
  readonly #encoder: WatchEncoder;
  readonly #sink: WatchSink;
  readonly #wish: WatchWish;
  readonly #handle: { drained(): void; close(): void };
  /** null before the node has opened the watch. */
  #standing: Standing | null = null;
  /** Events are on their way to the network: the node sends no more until they have left. */
  #isWriting = false;
  #wantsProgress = false;
  /** Not made anew for each message: that would keep the message, and all that was encoded of it, until it is written. */
  readonly #written = () => {
    this.#isWriting = false;
    this.#handle.drained();
  };

  constructor(id: number, wish: WatchWish, world: ApiWorld, sink: WatchSink) {
    this.#id = id;
    this.#self = world.self;
    this.#encoder = world.encoder;
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

  /** Says how far the watch has come, as soon as there is a place to resume from. */
  reportProgress(): void {
    const position = this.#standing?.position ?? null;
    this.#wantsProgress = position === null;
    if (position !== null) this.#sendProgress(position);
  }

  #receive(message: WatchMessage): void {
    switch (message.type) {
      case "opened":
        return this.#open(message.header, message.revision);
      case "progress":
        return this.#advance(message.revision);
      case "behind":
        return this.#tellBehind(message.delivered, message.newest);
      case "compacted":
        return this.#endCompacted(message.floor);
      case "canceled":
        this.#sink.send(toCanceled(this.#id, message.failure));
        return this.#sink.ended(this.#id);
      default:
        return this.#sendEvents(message);
    }
  }

  #open(header: Header, first: Revision): void {
    const { incarnation } = this.#wish;
    const position = this.#wish.request.initial ? null : this.#positionAt(header, toRevision(first - 1));
    this.#standing = { header, position };
    if (incarnation !== null && incarnation !== header.incarnation) {
      this.close();
      this.#endCompacted(first);
      return;
    }
    const value = position === null ? {} : { position };
    this.#say({ case: "created", value }, position === null ? header.revision : revisionOf(position));
    if (this.#wantsProgress) this.reportProgress();
  }

  #sendEvents(message: EventsMessage): void {
    if (this.#standing === null) return;
    const { header } = this.#standing;
    const form = `${this.#wish.keysOnly} ${this.#wish.types.join(",")}`;
    const bodies = this.#encoder.encode(message, form, () => toEventMessages(message, header, this.#wish));
    const position = positionBehind(message, header);
    this.#standing = { header, position: position ?? this.#standing.position };
    this.#isWriting = bodies.length > 0;
    for (const [place, body] of bodies.entries()) {
      const isLast = place === bodies.length - 1;
      this.#sink.send(new EncodedMessage(withWatchId(this.#id, body)), isLast ? this.#written : undefined);
    }
    const isWanted = this.#wantsProgress && position !== null;
    if (isWanted) this.reportProgress();
    if (bodies.length > 0) return;
    if (!isWanted && position !== null && saysPosition(message)) this.#sendProgress(position);
    this.#handle.drained();
  }

  /** A bookmark to a reader that is behind may be left out: the next one says more. */
  #advance(revision: Revision): void {
    if (this.#standing === null) return;
    const { header } = this.#standing;
    const position = this.#positionAt(header, revision);
    this.#standing = { header, position };
    if (!this.#isWriting && position !== null) this.#sendProgress(position);
  }

  /** @returns null for nodes, whose position is a vector that comes with each message */
  #positionAt(header: Header, delivered: Revision): WatchPosition | null {
    switch (this.#wish.request.type) {
      case "watch":
        return toPosition(header, delivered);
      case "watchGroup":
        return toGroupPosition(header, delivered);
      case "watchCluster":
        return toEventsPosition(delivered);
      case "watchNodes":
        return null;
    }
  }

  #sendProgress(position: WatchPosition): void {
    this.#say({ case: "progress", value: { position } }, revisionOf(position));
  }

  #tellBehind(delivered: Revision, newest: Revision): void {
    const value = { delivered: uint64.toWire(delivered, "delivered"), newest: uint64.toWire(newest, "newest") };
    const response = { case: "behind", value } as const;
    this.#sink.send(create(WatchResponseSchema, { watchId: this.#id, response }));
  }

  #endCompacted(floor: Revision): void {
    const { header = null, position = null } = this.#standing ?? {};
    const incarnation = uint64.toWire(header?.incarnation ?? 0, "incarnation");
    const value = { revision: uint64.toWire(floor, "floor"), incarnation };
    this.#say({ case: "compacted", value }, position === null ? null : revisionOf(position));
    this.#sink.ended(this.#id);
  }

  /** Says something that carries a header, of keys as of what has been delivered. */
  #say(response: Said, delivered: Revision | null): void {
    const fields = { watchId: this.#id, response };
    const known = this.#standing?.header ?? null;
    if (known === null) return this.#sink.send(create(WatchResponseSchema, fields));
    const isOfKeys = this.#wish.request.type === "watch" && delivered !== null;
    const header = toHeader(this.#self, isOfKeys ? { ...known, revision: delivered } : known);
    this.#sink.send(create(WatchResponseSchema, { ...fields, header }));
  }
}

/** Whether a message without events says that something is complete. */
function saysPosition(message: EventsMessage): boolean {
  return message.type === "nodeStates" || message.type === "initial" || ("initial" in message && message.initial);
}

function revisionOf({ groups }: WatchPosition): Revision {
  return toRevision(uint64.fromWire(groups[0]?.revision ?? uint64.toWire(0, "revision"), "revision"));
}

/** @param reason null: the client asked for it */
export function toCanceled(watchId: number, reason: Failure | null): WatchResponse {
  const value = reason === null ? {} : { error: toStatus(reason) };
  return create(WatchResponseSchema, { watchId, response: { case: "canceled", value } });
}
