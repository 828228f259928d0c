// Messages of a stream that its reader has to make room for are known by a mark, so that what the network repeats is told from
// what is news, in both directions.

import { type Revision, toRevision } from "../../proto/ids.ts";
import type { WatchMessage } from "../../proto/requests.ts";

export interface StreamMark {
  readonly through: Revision;
  /** Of what exists, of which all pages are as of one revision; 0: events. */
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
  /** Of the message that the reader was given last. */
  mark: StreamMark = { through: toRevision(0), page: 0 };
  /** Its reader has a message in hand, so that no other can come. */
  isUnread = false;

  get isOpen(): boolean {
    return this.#through !== null;
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
