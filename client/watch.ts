// Watches over the keys of a group: see follow.ts for how they resume.

import { type WatchEvent, WatchFilter } from "../proto/gen/bailiwick/v1/watch_pb.ts";
import type { KeyValue } from "../proto/model.ts";
import type { ClientParts } from "./caller.ts";
import { type FollowOptions, follow, type NoticeOf } from "./follow.ts";
import {
  fromOptionalKeyValue,
  fromWireInteger,
  fromWireKeyValue,
  type KeySelection,
  toWireCount,
  toWireInteger,
  toWireKeys,
} from "./key-values.ts";
import { clientLimits } from "./limits.ts";

export interface WatchOptions extends FollowOptions {
  /** Absent: all keys of the group. */
  readonly keys?: KeySelection | undefined;
  /** First revision to deliver; absent: after the newest. */
  readonly fromRevision?: number | undefined;
  /** Adds the version before to each event. */
  readonly previous?: boolean | undefined;
  readonly keysOnly?: boolean | undefined;
  /** Kinds of events to leave out. */
  readonly without?: readonly WatchedEvent["type"][] | undefined;
  /** Bytes that may happen while nothing is read before `behind` is told: 65,536 to 16,777,216; absent: 1 MiB. */
  readonly bufferBytesMax?: number | undefined;
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

export type WatchNotice = NoticeOf<WatchedEvent>;

/**
 * Watches keys of a group. Leaving the loop ends the watch.
 *
 * @throws {DbError} `compacted` with the floor in `details.revision`: read again, then watch from behind what was read;
 *   whatever the group refuses; `unreachable` and the like, and `overloaded` of too many watches, only before the watch has begun
 */
export function watchKeys(parts: ClientParts, group: string, options: WatchOptions): AsyncGenerator<WatchNotice, void> {
  const { keys = { prefix: "" }, fromRevision = 0, previous = false, keysOnly = false, without = [] } = options;
  const bufferBytesMax = toWireCount(options.bufferBytesMax ?? 0, "bufferBytesMax", clientLimits.watchBufferBytesMax);
  const filtered = without.map((type) => filters[type]);
  const wish = {
    group,
    target: toWireKeys(keys),
    filters: filtered,
    previousValues: previous,
    keysOnly,
    bufferBytesMax,
  };
  return follow(
    parts,
    {
      name: group,
      wish,
      start: toWireInteger(fromRevision, "fromRevision"),
      toEvents: toWatchedEvent,
      orderOf: ({ revision }) => revision,
      revisionOf: ({ groups }) => {
        const own = groups.find((one) => one.group === group);
        return own === undefined ? 0 : fromWireInteger(own.revision, "revision");
      },
    },
    options,
  );
}

const filters = {
  put: WatchFilter.NO_PUT,
  delete: WatchFilter.NO_DELETE,
  expire: WatchFilter.NO_EXPIRY,
} as const satisfies Record<WatchedEvent["type"], WatchFilter>;

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
