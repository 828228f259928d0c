// One stretch of a group's history, read once and shared by all watches that stand at its beginning.

import type { Revision } from "../../proto/ids.ts";
import type { KeyEvent, WatchRequest } from "../../proto/requests.ts";
import type { ChangesAnswer } from "../../storage/mvcc/mvcc.ts";
import { isInSpan } from "../../storage/mvcc/span.ts";

/** What a watch wants of the history. */
export type EventFilter = Pick<WatchRequest, "span" | "puts" | "deletes" | "previousValues" | "withoutExpiries">;

/** The part of an answer that has events. */
export type Changes = ChangesAnswer & { readonly type: "changes" };

export class Scan {
  /** Everything up to here was read: whole revisions. */
  readonly through: Revision;
  readonly #events: readonly KeyEvent[];
  /** The same without previous values, made when first asked for. */
  #bare: readonly KeyEvent[] | null = null;

  constructor(changes: Changes) {
    this.through = changes.through;
    this.#events = changes.revisions.flatMap(({ revision, events }) =>
      events.map(({ key, kv, previous, endedLease }) => ({ key, kv, previous, revision, endedLease })),
    );
  }

  get size(): number {
    return this.#events.length;
  }

  /** Events that the filter lets through, in order of revision; previous values only if it asks for them. */
  select(filter: EventFilter): readonly KeyEvent[] {
    const events = filter.previousValues ? this.#events : this.#withoutPrevious();
    return events.filter((event) => isOfKind(event, filter) && isInSpan(event.key, filter.span));
  }

  #withoutPrevious(): readonly KeyEvent[] {
    this.#bare ??= this.#events.map((event) => ({ ...event, previous: null }));
    return this.#bare;
  }
}

function isOfKind({ kv, endedLease }: KeyEvent, filter: EventFilter): boolean {
  if (kv !== null) return filter.puts;
  return endedLease === 0 ? filter.deletes : !filter.withoutExpiries;
}
