// A message of a stream that is too large for one between nodes goes in parts, each when the one before was taken in: a single
// revision is told whole, and the deletion of a prefix may hold all the values of a group.

import type { KeyEvent, WatchMessage } from "../../proto/requests.ts";
import { limits } from "./limits.ts";

export interface StreamPart {
  readonly message: WatchMessage;
  /** Counted from 0. */
  readonly part: number;
  /** The message goes on in the next part. */
  readonly more: boolean;
}

export function toParts(message: WatchMessage): readonly StreamPart[] {
  if (message.type !== "events") return [{ message, part: 0, more: false }];
  const parts = cut(message.events);
  return parts.map((events, part) => ({ message: { ...message, events }, part, more: part < parts.length - 1 }));
}

/** About what the event takes on the wire. */
export function wireBytesOf({ key, kv, previous }: KeyEvent): number {
  const perEvent = 48;
  const bytesOfPrevious = previous === null ? 0 : previous.key.byteLength + previous.value.byteLength + perEvent;
  return perEvent + key.byteLength + (kv === null ? 0 : kv.value.byteLength) + bytesOfPrevious;
}

/** One event always has room. */
function cut(events: readonly KeyEvent[]): readonly (readonly KeyEvent[])[] {
  const parts: KeyEvent[][] = [[]];
  let bytes = 0;
  for (const event of events) {
    const size = wireBytesOf(event);
    if (bytes > 0 && bytes + size > limits.watchPartBytes) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)?.push(event);
    bytes += size;
  }
  return parts;
}
