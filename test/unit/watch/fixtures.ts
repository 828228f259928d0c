// Short forms for the watch tests: text keys, a history, requests, and the hub with limits that are easy to reach.

import {
  type Millis,
  type Revision,
  toGroupId,
  toIncarnation,
  toMillis,
  toNodeId,
  toRevision,
} from "../../../proto/ids.ts";
import type { Header, KeyEvent, WatchMessage, WatchRequest } from "../../../proto/requests.ts";
import type { WatchDelivery, WatchLimits, WatchSource, WatchStart } from "../../../server/watch/watch-hub.ts";
import { Mvcc } from "../../../storage/mvcc/mvcc.ts";

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const textOf = (value: Uint8Array): string => new TextDecoder().decode(value);
export const ms = (value: number): Millis => toMillis(value);
export const rev = (value: number): Revision => toRevision(value);

export const limits: WatchLimits = { watchesMax: 100, eventsMax: 1000, bytesMax: 1_000_000, examinedMax: 100_000 };

export function requestOf(
  fields: Partial<WatchRequest> & { from?: number | null; prefix?: string } = {},
): WatchRequest {
  const { from = null, prefix = "", ...rest } = fields;
  return {
    type: "watch",
    group: toGroupId("g"),
    span: { start: bytes(prefix), end: prefix === "" ? null : bytes(`${prefix}~`) },
    startRevision: from === null ? null : rev(from),
    puts: true,
    deletes: true,
    previousValues: false,
    withoutExpiries: false,
    progressIntervalMs: 0,
    initial: false,
    bufferBytesMax: 0,
    ...rest,
  };
}

/** Applies transactions: `a=1` puts, `-a` deletes; each string is one revision, its changes apart by blanks. */
export function write(mvcc: Mvcc, ...transactions: readonly string[]): Mvcc {
  for (const transaction of transactions) {
    mvcc.apply(
      transaction.split(" ").map((change) => {
        if (change.startsWith("-")) {
          const key = change.slice(1);
          return { type: "delete", range: { start: bytes(key), end: bytes(`${key}\0`) } };
        }
        const [key = "", value = ""] = change.split("=");
        return { type: "put", key: bytes(key), value: bytes(value), lease: 0 };
      }),
    );
  }
  return mvcc;
}

export const historyOf = (...transactions: readonly string[]): Mvcc => write(new Mvcc(), ...transactions);

export function startOf(source: WatchSource): WatchStart {
  const header: Header = {
    group: toGroupId("g"),
    incarnation: toIncarnation(1),
    revision: source.revision,
    node: toNodeId("n"),
    stale: false,
  };
  return { revision: source.revision, compactedRevision: source.floor, header };
}

/** One line for a message: `events 3: 2 a=1, 3 -a` and so on. */
export function lineOf(message: WatchMessage): string {
  if (message.type === "opened") return `opened ${message.revision}`;
  if (message.type === "progress") return `progress ${message.revision}`;
  if (message.type === "compacted") return `compacted ${message.floor}`;
  if (message.type === "canceled") return `canceled ${message.failure.code}`;
  if (message.type === "behind") return `behind ${message.delivered} of ${message.newest}`;
  if (message.type === "initial")
    return `initial ${message.revision}: ${textOfEvents(message)}${message.more ? " ..." : ""}`;
  if (message.type !== "events") return `${message.type} ${message.revision}`;
  return `events ${message.revision}: ${textOfEvents(message)}`;
}

function textOfEvents({ events }: { readonly events: readonly KeyEvent[] }): string {
  const texts = events.map(({ key, kv, previous, revision }) => {
    const before = previous === null ? "" : ` was ${textOf(previous.value)}`;
    return `${revision} ${kv === null ? `-${textOf(key)}` : `${textOf(key)}=${textOf(kv.value)}`}${before}`;
  });
  return texts.join(", ");
}

export function linesOf(deliveries: readonly WatchDelivery[]): string[] {
  return deliveries.map(({ call, message }) => `${call} ${lineOf(message)}`);
}
