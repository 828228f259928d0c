// What exists when a watch begins, read in pages at one pinned revision: each page is one message, and the next is read when the
// reader has room for it, so that a large key space neither waits in memory nor stalls the node.

import type { Revision } from "../../proto/ids.ts";
import type { KeyValue } from "../../proto/model.ts";
import type { KeyEvent, WatchMessage, WatchRequest } from "../../proto/requests.ts";
import type { RangeAnswer, RangeOptions } from "../../storage/mvcc/mvcc.ts";
import type { KeySpan } from "../../storage/mvcc/types.ts";

export type InitialPage = WatchMessage & { readonly type: "initial" };

/** The keys of a group at any revision that is not compacted. */
export interface ListingSource {
  range(span: KeySpan, options: RangeOptions): RangeAnswer;
}

export class Listing {
  readonly #request: WatchRequest;
  readonly #at: Revision;
  #after: Uint8Array | null = null;
  #page = 0;

  constructor(request: WatchRequest, at: Revision) {
    this.#request = request;
    this.#at = at;
  }

  /** @returns null when the pinned revision is compacted: then the rest cannot be read any more */
  next(source: ListingSource, limits: { readonly eventsMax: number; readonly bytesMax: number }): InitialPage | null {
    const { span, puts } = this.#request;
    const options = { at: this.#at, limit: puts ? limits.eventsMax : 0, bytesMax: limits.bytesMax, after: this.#after };
    const answer = source.range(span, options);
    if (answer.type !== "page") return null;
    this.#after = answer.kvs.at(-1)?.key ?? this.#after;
    this.#page += 1;
    const events = answer.kvs.map(toEvent);
    return { type: "initial", revision: this.#at, page: this.#page, more: puts && answer.more, events };
  }
}

function toEvent(kv: KeyValue): KeyEvent {
  return { key: kv.key, kv, previous: null, revision: kv.modRevision, endedLease: 0 };
}
