// Cuts the events of one step of a watch into messages that fit a client. A revision is never parted, unless it alone is
// too large: then all but its last message say so.

import type { KeyEvent } from "../../../proto/requests.ts";
import { limits } from "../../node/limits.ts";
import { wireBytesOf } from "../../node/stream-parts.ts";

export interface Fragment {
  readonly events: readonly KeyEvent[];
  /** More events of the last one's revision follow. */
  readonly isFragment: boolean;
}

/** @param events in order of their revisions; at least one */
export function toFragments(
  events: readonly KeyEvent[],
  bytesMax: number = limits.watchMessageBytesMax,
): readonly Fragment[] {
  const parts: KeyEvent[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const revision of byRevision(events)) {
    const whole = sumOf(revision);
    if (bytes + whole > bytesMax) {
      parts.push([]);
      bytes = 0;
    }
    for (const event of revision) {
      const size = wireBytesOf(event);
      if (bytes > 0 && bytes + size > bytesMax) {
        parts.push([]);
        bytes = 0;
      }
      parts.at(-1)?.push(event);
      bytes += size;
    }
  }
  return parts.map((part, position) => {
    const isFragment = parts[position + 1]?.[0]?.revision === part.at(-1)?.revision;
    return { events: part, isFragment };
  });
}

function byRevision(events: readonly KeyEvent[]): KeyEvent[][] {
  const groups: KeyEvent[][] = [];
  for (const event of events) {
    const last = groups.at(-1);
    if (last?.[0]?.revision === event.revision) last.push(event);
    else groups.push([event]);
  }
  return groups;
}

function sumOf(events: readonly KeyEvent[]): number {
  return events.reduce((sum, event) => sum + wireBytesOf(event), 0);
}
