// Guarantees of a watch, each by the name that the API's documentation gives it, compared with the events that the group ended
// with. A bug breaks one of them first, and its name is what the run says.

import type { KeyEvent } from "../../../proto/requests.ts";
import { compareBytes, textOf } from "../../../storage/bytes.ts";
import { demand } from "../violation.ts";
import { nameOfValue } from "../workload/history.ts";
import { isWanted } from "../workload/watch-forms.ts";
import { eventsOf, type WatchLog } from "../workload/watchers.ts";
import { type Timeline, textOfKv } from "./replay.ts";

/** @returns how many events were compared */
export function checkWatch(log: WatchLog, timeline: Timeline): number {
  checkExisting(log, timeline);
  checkOrder(log);
  checkUniqueness(log);
  checkFilter(log);
  checkAtomicity(log);
  checkBookmarks(log, timeline);
  checkResumption(log);
  checkPreviousValues(log, timeline);
  checkReliability(log, timeline);
  return eventsOf(log).length + (log.existing?.length ?? 0);
}

const nameOf = (log: WatchLog) => `A watch of ${log.group}`;

/** What existed came whole, once, in order of the keys, as of the revision before the first change. */
function checkExisting(log: WatchLog, timeline: Timeline): void {
  if (log.existing === null) return;
  const at = log.from - 1;
  const isKnown = at <= timeline.newest && at >= timeline.base.revision;
  demand(isKnown, "watch initial", () => `${nameOf(log)} began with ${at} of ${timeline.newest}`);
  const content = timeline
    .contentAt(at)
    .map((kv) => ({ key: kv.key, kv, previous: null, revision: kv.modRevision, endedLease: 0 }));
  const expected = content.filter((event) => isWanted(log.form, event)).map(({ kv }) => textOfKv(kv));
  const given = log.existing.map(({ kv }) => textOfKv(kv));
  const place = given.findIndex((text, position) => text !== expected[position]);
  demand(place === -1, "watch initial", () => `${nameOf(log)} gave ${given[place]}, at ${at} was ${expected[place]}`);
  const isWhole = given.length === expected.length;
  demand(isWhole, "watch initial", () => `${nameOf(log)} left out ${expected[given.length]} of what was at ${at}`);
}

/** Nothing at or below a bookmark comes after it, and none is ahead of the group. That all below came is for reliability. */
function checkBookmarks(log: WatchLog, timeline: Timeline): void {
  let through = log.from - 1;
  for (const step of log.steps) {
    if (step.type === "stream") continue;
    if (step.type === "behind") {
      const isRight = step.delivered < step.newest && step.newest <= timeline.newest;
      demand(isRight, "watch behind", () => `${nameOf(log)} was told it stands at ${step.delivered} of ${step.newest}`);
      continue;
    }
    const [first] = step.type === "events" ? step.events : [];
    const isBehind = first === undefined || first.revision > through || step.through <= through;
    demand(isBehind, "watch bookmarks", () => `${nameOf(log)} gave ${first?.revision} behind the bookmark ${through}`);
    const isKnown = step.through <= timeline.newest && step.through >= through;
    demand(
      isKnown,
      "watch bookmarks",
      () => `${nameOf(log)} went from ${through} to ${step.through} of ${timeline.newest}`,
    );
    through = step.through;
  }
}

function checkOrder(log: WatchLog): void {
  let before = 0;
  for (const { revision } of eventsOf(log)) {
    demand(revision >= before, "watch order", () => `${nameOf(log)} gave ${revision} after ${before}`);
    before = revision;
  }
}

function checkUniqueness(log: WatchLog): void {
  const seen = new Set<string>();
  for (const event of eventsOf(log)) {
    const name = `${event.revision} ${textOf(event.key)}`;
    demand(!seen.has(name), "watch uniqueness", () => `${nameOf(log)} gave ${textOfEvent(event)} twice`);
    seen.add(name);
  }
}

function checkFilter(log: WatchLog): void {
  const other = eventsOf(log).find((event) => !isWanted(log.form, event));
  demand(
    other === undefined,
    "watch filter",
    () => `${nameOf(log)} gave ${textOfEvent(other)}, which it did not ask for`,
  );
}

/** The events of a revision come in one message. */
function checkAtomicity(log: WatchLog): void {
  let ended = 0;
  for (const step of log.steps) {
    if (step.type !== "events") continue;
    const first = step.events[0]?.revision ?? 0;
    demand(first > ended, "watch atomicity", () => `${nameOf(log)} gave revision ${first} in two messages`);
    ended = step.events.at(-1)?.revision ?? ended;
  }
}

/** Each stream gives what is behind the place from which it went on. */
function checkResumption(log: WatchLog): void {
  let from = 0;
  for (const step of log.steps) {
    if (step.type === "stream") from = step.from;
    if (step.type !== "events") continue;
    const early = step.events.find(({ revision }) => revision < from);
    demand(early === undefined, "watch resumption", () => `${nameOf(log)} from ${from} on gave ${textOfEvent(early)}`);
  }
}

function checkPreviousValues(log: WatchLog, timeline: Timeline): void {
  for (const event of eventsOf(log)) {
    const { key, previous, revision } = event;
    const before = log.form.previousValues ? timeline.valueAt(textOf(key), revision - 1) : null;
    const isRight = textOfKv(previous) === textOfKv(before);
    demand(
      isRight,
      "watch previous value",
      () => `${nameOf(log)} gave ${textOfEvent(event)}, which was ${textOfKv(before)}`,
    );
  }
}

/** Every wanted event of the committed log up to where the watch stands, and no other. */
function checkReliability(log: WatchLog, timeline: Timeline): void {
  const expected = timeline.events.filter((event) => {
    return event.revision >= log.from && event.revision <= log.through && isWanted(log.form, event);
  });
  const given = eventsOf(log);
  for (const [position, event] of given.entries()) {
    const wanted = expected[position];
    const isNext = wanted !== undefined && isSame(wanted, event);
    demand(
      isNext,
      "watch reliability",
      () => `${nameOf(log)} gave ${textOfEvent(event)}, next was ${textOfEvent(wanted)}`,
    );
  }
  const isWhole = given.length === expected.length;
  demand(isWhole, "watch reliability", () => `${nameOf(log)} left out ${textOfEvent(expected[given.length])}`);
}

function isSame(left: KeyEvent, right: KeyEvent): boolean {
  if (left.revision !== right.revision || compareBytes(left.key, right.key) !== 0) return false;
  return textOfKv(left.kv) === textOfKv(right.kv);
}

export function textOfEvent(event: KeyEvent | undefined): string {
  if (event === undefined) return "nothing";
  const ended = event.endedLease === 0 ? "deleted" : `ended with lease ${event.endedLease}`;
  const value = event.kv === null ? ended : `${nameOfValue(event.kv.value)} version ${event.kv.version}`;
  const previous = event.previous === null ? "nothing" : nameOfValue(event.previous.value);
  return `r${event.revision} ${textOf(event.key)} ${value}, before ${previous}`;
}
