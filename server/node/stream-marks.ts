// Messages of a stream that its reader has to make room for are known by a mark, so that what the network repeats is told from
// what is news, in both directions.

import { type Revision, toRevision } from "../../proto/ids.ts";
import type { KeyEvent, WatchMessage } from "../../proto/requests.ts";
import { type StreamPart, wireBytesOf } from "./stream-parts.ts";

export interface StreamMark {
  readonly through: Revision;
  /** Of what exists, of which all pages are as of one revision; 0: events. Of events that go on: their part. */
  readonly page: number;
}

/** @returns null for a message that needs no room */
export function markOf(message: WatchMessage): StreamMark | null {
  switch (message.type) {
    case "events":
    case "groupState":
    case "clusterEvents":
      return { through: message.revision, page: 0 };
    case "nodeStates":
      return isBookmark(message) ? null : { through: message.revision, page: 0 };
    case "initial":
      return { through: message.revision, page: message.page };
    default:
      return null;
  }
}

/** Of the last part the reader makes room itself, when it has read the whole. */
export function markOfPart({ message, part, more }: StreamPart): StreamMark | null {
  const mark = markOf(message);
  return mark === null || !more ? mark : { ...mark, page: part + 1 };
}

/** It says only that everything up to a place was told. */
function isBookmark(message: WatchMessage): boolean {
  if (message.type !== "nodeStates") return message.type === "progress";
  return !message.initial && message.nodes.length === 0 && message.departed.length === 0;
}

export function isSameMark(left: StreamMark | null, right: StreamMark): boolean {
  return left?.through === right.through && left.page === right.page;
}

/** What one stream has brought: each of its messages goes on once, and in order. */
export class StreamReception {
  /** null before it is open. */
  #through: number | null = null;
  #page = 0;
  /** Of a message that has not come whole yet. */
  #parts: (readonly KeyEvent[])[] = [];
  #partsBytes = 0;
  /** Of the message that the reader was given last. */
  mark: StreamMark = { through: toRevision(0), page: 0 };
  /** Its reader has a message in hand, so that no other can come. */
  isUnread = false;

  get isOpen(): boolean {
    return this.#through !== null;
  }

  /** Of all parts that wait for the rest of their message. */
  get partsBytes(): number {
    return this.#partsBytes;
  }

  /** @returns the message when this is the last part of it, else the part; null for one that came before */
  collect({ message, part, more }: StreamPart): WatchMessage | null {
    if (message.type !== "events" || (part === 0 && !more)) return message;
    const isNews = this.#through !== null && message.revision > this.#through;
    if (!isNews || part !== this.#parts.length) return null;
    this.#parts.push(message.events);
    this.#partsBytes += message.events.reduce((sum, event) => sum + wireBytesOf(event), 0);
    if (more) return message;
    const events = this.#parts.flat();
    this.#parts = [];
    this.#partsBytes = 0;
    return { ...message, events };
  }

  /** @returns false for a message that came before, or late */
  takes(message: WatchMessage): boolean {
    const isNews = this.#isNews(message);
    const mark = isNews ? markOf(message) : null;
    if (mark !== null) this.mark = mark;
    if (isNews && !isBookmark(message) && message.type !== "behind") this.isUnread = mark !== null;
    return isNews;
  }

  #isNews(message: WatchMessage): boolean {
    const through = this.#through;
    if (isBookmark(message)) return this.#comesTo((message as WatchMessage & { readonly revision: Revision }).revision);
    switch (message.type) {
      case "opened":
        this.#through ??= message.revision - 1;
        return through === null;
      case "events":
      case "groupState":
      case "nodeStates":
      case "clusterEvents":
        if (through === null || message.revision <= through) return false;
        this.#through = message.revision;
        return true;
      case "initial":
        if (through === null || message.page <= this.#page) return false;
        this.#page = message.page;
        return true;
      case "behind":
        return through !== null;
      default:
        return true;
    }
  }

  /** Two bookmarks may be of one place. */
  #comesTo(revision: Revision): boolean {
    if (this.#through === null || revision < this.#through) return false;
    this.#through = revision;
    return true;
  }
}
