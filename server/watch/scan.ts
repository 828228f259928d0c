// One stretch of a group's history, read once and shared by all watches that stand at its beginning. Watches that want the same
// of it share the message too, so that whoever turns it into bytes does so once for all of them.

import type { Revision } from "../../proto/ids.ts";
import type { KeyEvent, WatchMessage, WatchRequest } from "../../proto/requests.ts";
import { textOf } from "../../storage/bytes.ts";
import type { ChangesAnswer } from "../../storage/mvcc/mvcc.ts";
import { isInSpan } from "../../storage/mvcc/span.ts";

/** What a watch wants of the history. */
export type EventFilter = Pick<WatchRequest, "span" | "puts" | "deletes" | "previousValues" | "withoutExpiries">;

/** The part of an answer that has events. */
export type Changes = ChangesAnswer & { readonly type: "changes" };

/** What one kind of watch gets of a scan. */
export interface Selection {
  /** null: no event is for it. */
  readonly message: (WatchMessage & { readonly type: "events" }) | null;
  /** Of keys and values, previous ones included. */
  readonly bytes: number;
}

/** Watches of one shape get the same events. */
export function shapeOf({ span, puts, deletes, previousValues, withoutExpiries }: EventFilter): string {
  const end = span.end === null ? "" : `${span.end.byteLength}:${textOf(span.end)}`;
  return `${puts} ${deletes} ${withoutExpiries} ${previousValues} ${end} ${textOf(span.start)}`;
}

export class Scan {
  /** Everything up to here was read: whole revisions. */
  readonly through: Revision;
  readonly #events: readonly KeyEvent[];
  /** The same without previous values, made when first asked for. */
  #bare: readonly KeyEvent[] | null = null;
  readonly #selections = new Map<string, Selection>();

  constructor(changes: Changes) {
    this.through = changes.through;
    this.#events = changes.revisions.flatMap(({ revision, events }) =>
      events.map(({ key, kv, previous, endedLease }) => ({ key, kv, previous, revision, endedLease })),
    );
  }

  get size(): number {
    return this.#events.length;
  }

  /** Events that the filter lets through, in order of revision; previous values only if it asks for them. @param shape of it */
  select(shape: string, filter: EventFilter): Selection {
    const known = this.#selections.get(shape);
    if (known !== undefined) return known;
    const events = this.#selected(filter);
    const message = events.length === 0 ? null : ({ type: "events", revision: this.through, events } as const);
    const selection = { message, bytes: events.reduce((sum, event) => sum + bytesOf(event), 0) };
    this.#selections.set(shape, selection);
    return selection;
  }

  #selected(filter: EventFilter): readonly KeyEvent[] {
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

function bytesOf({ key, kv, previous }: KeyEvent): number {
  return key.byteLength + (kv?.value.byteLength ?? 0) + (previous?.value.byteLength ?? 0);
}
