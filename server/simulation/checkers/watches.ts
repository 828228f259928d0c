// Guarantees of a watch, each compared with the events that the group ended with: ordered, unique, atomic by revision,
// reliable (nothing left out), resumable. The names are those of the API's documentation.

import type { KeyEvent } from "../../../proto/requests.ts";
import { textOf } from "../../../storage/bytes.ts";
import { demand } from "../violation.ts";
import { nameOfValue } from "../workload/history.ts";
import type { WatchLog } from "../workload/watchers.ts";
import type { Timeline } from "./replay.ts";

/** @returns how many events were compared */
export function checkWatch(log: WatchLog, timeline: Timeline): number {
  const name = `A watch of ${log.group}`;
  const isKnown = log.through <= timeline.newest;
  demand(isKnown, "watch bookmarks", () => `${name} was brought to ${log.through} of ${timeline.newest}`);
  const expected = timeline.events.filter(({ revision }) => revision >= log.from && revision <= log.through);
  for (const [position, event] of log.events.entries()) {
    const before = log.events[position - 1];
    const isOrdered = before === undefined || before.revision <= event.revision;
    demand(isOrdered, "watch order", () => `${name} gave ${event.revision} after ${before?.revision}`);
    const wanted = expected[position];
    const isNext = wanted !== undefined && sameEvent(wanted, event);
    demand(isNext, "watch", () => `${name} gave ${textOfEvent(event)}, next was ${textOfEvent(wanted)}`);
  }
  const isWhole = log.events.length === expected.length;
  demand(isWhole, "watch reliability", () => `${name} left out ${textOfEvent(expected[log.events.length])}`);
  return expected.length;
}

function sameEvent(left: KeyEvent, right: KeyEvent): boolean {
  return textOfEvent(left) === textOfEvent(right);
}

export function textOfEvent(event: KeyEvent | undefined): string {
  if (event === undefined) return "nothing";
  const ended = event.endedLease === 0 ? "deleted" : `ended with lease ${event.endedLease}`;
  const value = event.kv === null ? ended : `${nameOfValue(event.kv.value)} version ${event.kv.version}`;
  const previous = event.previous === null ? "nothing" : nameOfValue(event.previous.value);
  return `r${event.revision} ${textOf(event.key)} ${value}, before ${previous}`;
}
