// One Watch call: many watches that share a stream and nothing else. A client that does not read stops its own watches,
// and in the end its own requests; nothing is queued for it beyond one message of events for each watch.

import type { ServerDuplexStream } from "@grpc/grpc-js";
import { DbError, type Failure, failure } from "../../../proto/errors.ts";
import type { WatchCreate, WatchRequest, WatchResponse } from "../../../proto/gen/bailiwick/v1/watch_pb.ts";
import { limits } from "../../node/limits.ts";
import type { ApiWorld } from "../call-context.ts";
import { invalid } from "../convert/fields.ts";
import { readWatch } from "../convert/watches.ts";
import { type EncodedMessage, MalformedMessage } from "../service.ts";
import { toStreamError } from "../status-error.ts";
import { ServedWatch, toCanceled, type WatchSink } from "./served-watch.ts";

type Stream = ServerDuplexStream<WatchRequest | MalformedMessage, WatchResponse | EncodedMessage>;

export class WatchStream implements WatchSink {
  readonly #stream: Stream;
  readonly #world: ApiWorld;
  readonly #watches = new Map<number, ServedWatch>();
  #isOver = false;

  constructor(stream: Stream, world: ApiWorld) {
    this.#stream = stream;
    this.#world = world;
    world.streams.add(this);
    stream.on("data", (message: WatchRequest | MalformedMessage) => this.#receive(message));
    stream.on("drain", () => stream.resume());
    stream.on("end", () => this.stop());
    stream.on("cancelled", () => this.#leave());
    stream.on("close", () => this.#leave());
  }

  send(response: WatchResponse | EncodedMessage, written?: () => void): void {
    if (this.#isOver) return;
    const hasRoom = this.#stream.write(response, (error: Error | null | undefined) => {
      if (error === null || error === undefined) written?.();
    });
    if (!hasRoom) this.#stream.pause();
  }

  ended(watchId: number): void {
    this.#watches.delete(watchId);
  }

  /** Ends the stream well, after what has been written. */
  stop(): void {
    if (this.#isOver) return;
    this.#leave();
    this.#stream.end();
  }

  #receive(message: WatchRequest | MalformedMessage): void {
    if (this.#isOver) return;
    try {
      this.#obey(message);
    } catch (reason) {
      this.#fail(DbError.from(reason));
    }
  }

  #obey(message: WatchRequest | MalformedMessage): void {
    if (message instanceof MalformedMessage) throw new DbError(message.failure);
    const { request } = message;
    switch (request.case) {
      case "create":
        return this.#create(request.value);
      case "cancel":
        return this.#cancel(request.value.watchId);
      case "progress":
        return this.#reportProgress(request.value.watchId);
      case undefined:
        throw invalid("request", "The request is empty: one of create, cancel, progress");
    }
  }

  #create(wish: WatchCreate): void {
    const { watchId } = wish;
    // A `canceled` of this number would be read as the end of the other watch, so that the whole stream must end.
    if (this.#watches.has(watchId)) throw invalid("watch_id", `The watch_id ${watchId} is in use on this stream`);
    try {
      this.#checkRoom(watchId);
      this.#watches.set(watchId, new ServedWatch(watchId, readWatch(wish), this.#world, this));
    } catch (reason) {
      this.send(toCanceled(watchId, DbError.from(reason)));
    }
  }

  #checkRoom(watchId: number): void {
    if (watchId === 0) throw invalid("watch_id", "The watch_id is 0, the least is 1");
    const { streamWatchesMax } = limits;
    if (this.#watches.size < streamWatchesMax) return;
    const message = `The stream has ${this.#watches.size} watches, the limit is ${streamWatchesMax}: open another stream`;
    throw new DbError(failure("overloaded", message));
  }

  #cancel(watchId: number): void {
    const watch = this.#watches.get(watchId);
    this.#watches.delete(watchId);
    watch?.cancel();
  }

  #reportProgress(watchId: number): void {
    if (watchId !== 0) return this.#watches.get(watchId)?.reportProgress();
    for (const watch of this.#watches.values()) watch.reportProgress();
  }

  #fail(reason: Failure): void {
    this.#leave();
    this.#stream.emit("error", toStreamError(reason));
  }

  #leave(): void {
    this.#isOver = true;
    this.#world.streams.delete(this);
    for (const watch of this.#watches.values()) watch.close();
    this.#watches.clear();
  }
}
