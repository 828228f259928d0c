// The outgoing half of a link: a bounded queue of frames in front of one stream at a time. Frames of one turn leave in one
// write; while the stream is full they wait, and beyond the bound the oldest are dropped, as the senders' repair is newer.

import type { Stream } from "@libp2p/interface";
import { Deque } from "../../storage/deque.ts";
import { adapterLimits } from "./adapter-limits.ts";
import { encodeFrames, type Frame, frameBytes } from "./frames.ts";

export interface FrameSenderEvents {
  dropped(count: number): void;
  /** The stream is gone; frames wait for the next one. */
  lost(): void;
}

export class FrameSender {
  readonly #events: FrameSenderEvents;
  readonly #queue = new Deque<Frame>();
  #queueBytes = 0;
  #stream: Stream | null = null;
  #flushing = false;

  constructor(events: FrameSenderEvents) {
    this.#events = events;
  }

  get isAttached(): boolean {
    return this.#stream !== null;
  }

  get isEmpty(): boolean {
    return this.#queue.length === 0;
  }

  /** Queues a frame; it is written at the end of the current turn when the stream has room. */
  push(frame: Frame): void {
    this.#queue.push(frame);
    this.#queueBytes += frameBytes(frame);
    this.#trim(this.#stream === null ? adapterLimits.unconnectedBytesMax : adapterLimits.queueBytesMax);
    this.#flushSoon();
  }

  attach(stream: Stream): void {
    this.#stream = stream;
    stream.addEventListener("drain", () => this.#flushSoon());
    stream.addEventListener("close", () => this.#detach(stream));
    if (stream.status === "open") this.#flushSoon();
    else this.#detach(stream);
  }

  /** Writes what a lost `drain` event may have left behind. */
  nudge(): void {
    this.#flushSoon();
  }

  clear(): void {
    const count = this.#queue.length;
    this.#queue.truncate(0);
    this.#queueBytes = 0;
    if (count > 0) this.#events.dropped(count);
  }

  close(): void {
    const stream = this.#stream;
    this.#stream = null;
    this.clear();
    if (stream?.status === "open") stream.abort(new Error("The link is closed"));
  }

  #trim(bytesMax: number): void {
    let count = 0;
    // The newest frame is kept even where it alone is beyond the bound: its size has a limit of its own.
    while (this.#queueBytes > bytesMax && this.#queue.length > 1) {
      this.#take();
      count += 1;
    }
    if (count > 0) this.#events.dropped(count);
  }

  #flushSoon(): void {
    if (this.#flushing || this.#stream === null || this.isEmpty) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    while (this.#stream !== null && !this.isEmpty && !this.#stream.writableNeedsDrain) {
      if (!this.#write(this.#stream, encodeFrames(this.#nextBatch()))) return;
    }
  }

  #nextBatch(): readonly Frame[] {
    const batch: Frame[] = [];
    let bytes = 0;
    while (!this.isEmpty && bytes < adapterLimits.writeBytes) {
      const frame = this.#take();
      batch.push(frame);
      bytes += frameBytes(frame);
    }
    return batch;
  }

  #take(): Frame {
    const frame = this.#queue.first as Frame;
    this.#queue.shift();
    this.#queueBytes -= frameBytes(frame);
    return frame;
  }

  /** false: the stream has enough for now, or has failed. */
  #write(stream: Stream, bytes: Uint8Array): boolean {
    try {
      return stream.send(bytes);
    } catch {
      this.#detach(stream);
      return false;
    }
  }

  #detach(stream: Stream): void {
    if (this.#stream !== stream) return;
    this.#stream = null;
    this.#trim(adapterLimits.unconnectedBytesMax);
    this.#events.lost();
  }
}
