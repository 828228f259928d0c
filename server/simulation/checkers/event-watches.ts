// Guarantees of a watch of cluster events, each by its own name, against the events that the committed log of the cluster makes.

import type { ClusterEvent } from "../../../proto/model.ts";
import { demand } from "../violation.ts";
import type { EventLog } from "../workload/event-watchers.ts";
import type { ReplayedCluster } from "./replayed-cluster.ts";

/** What a watch may tell. */
export type ClusterHistory = Pick<ReplayedCluster, "events" | "index">;

const name = "A watch of cluster events";

/** @returns how many events were compared */
export function checkEventWatch(log: EventLog, history: ClusterHistory): number {
  checkOrder(log);
  checkUniqueness(log);
  checkAtomicity(log);
  checkInitial(log);
  checkBookmarks(log, history);
  checkResumption(log);
  checkReliability(log, history);
  return log.events.length;
}

/** Whether the reader was told all that there is. */
export function hasAllEvents({ through }: EventLog, { events }: ClusterHistory): boolean {
  return through >= (events.at(-1)?.index ?? 0);
}

function checkOrder({ events }: EventLog): void {
  let before = 0;
  for (const { index } of events) {
    demand(index >= before, "event order", () => `${name} gave ${index} after ${before}`);
    before = index;
  }
}

/** No event of an entry says what another one of it says. */
function checkUniqueness({ events }: EventLog): void {
  const seen = new Set<string>();
  for (const event of events) {
    const text = textOfEvent(event);
    demand(!seen.has(text), "event uniqueness", () => `${name} gave ${text} twice`);
    seen.add(text);
  }
}

/** The events of an entry come in one message. */
function checkAtomicity({ steps }: EventLog): void {
  let ended = 0;
  for (const step of steps) {
    if (step.type !== "events") continue;
    const first = step.events[0]?.index ?? Number.POSITIVE_INFINITY;
    demand(first > ended, "event atomicity", () => `${name} gave events of entry ${first} in two messages`);
    ended = step.events.at(-1)?.index ?? ended;
  }
}

/** What there was comes first if it was asked for, and then never again. */
function checkInitial({ initial, steps }: EventLog): void {
  const messages = steps.filter((step) => step.type !== "stream");
  for (const [position, step] of messages.entries()) {
    const isInitial = step.type === "events" && step.initial;
    const isRight = isInitial === (initial && position === 0);
    demand(isRight, "event initial", () => `${name} gave ${step.through} as ${isInitial ? "initial" : "a change"}`);
  }
}

/** Nothing at or below a bookmark comes after it, and none is ahead of the cluster, or behind one before. */
function checkBookmarks({ steps }: EventLog, { index }: ClusterHistory): void {
  let through = 0;
  for (const step of steps) {
    if (step.type === "stream") continue;
    const [first, last] = step.type === "events" ? [step.events[0], step.events.at(-1)] : [];
    const isBehind = first === undefined || (first.index > through && (last?.index ?? 0) <= step.through);
    demand(isBehind, "event bookmarks", () => `${name} gave ${first?.index} between ${through} and ${step.through}`);
    const isForward = step.through >= through && step.through <= index;
    demand(isForward, "event bookmarks", () => `${name} went from ${through} to ${step.through} of ${index}`);
    through = step.through;
  }
}

/** Each stream gives what is behind the place from which it went on. */
function checkResumption({ steps }: EventLog): void {
  let from = 0;
  for (const step of steps) {
    if (step.type === "stream") from = step.from;
    if (step.type !== "events") continue;
    const early = step.events.find(({ index }) => index < from);
    demand(early === undefined, "event resumption", () => `${name} from ${from} on gave ${textOf(early)}`);
  }
}

/** Every event up to where the watch stands, and no other. */
function checkReliability({ events, through }: EventLog, history: ClusterHistory): void {
  const expected = history.events.filter(({ index }) => index <= through).map(textOfEvent);
  const given = events.map(textOfEvent);
  const longer = given.length > expected.length ? given : expected;
  const place = longer.findIndex((_text, at) => given[at] !== expected[at]);
  const told = () => given[place] ?? "nothing";
  demand(place === -1, "event reliability", () => `${name} gave ${told()}, next was ${expected[place] ?? "nothing"}`);
}

function textOf(event: ClusterEvent | undefined): string {
  return event === undefined ? "nothing" : textOfEvent(event);
}

/** The word comes first, wherever whoever made the event has put it. */
function textOfEvent({ index, atMs, change: { type, ...content } }: ClusterEvent): string {
  return `${index} of ${atMs}: ${type} ${JSON.stringify(content)}`;
}
