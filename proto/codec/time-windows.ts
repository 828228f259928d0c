// Times of day as operators write them.

import type { TimeWindow as WireWindow } from "../gen/bailiwick/v1/policy_pb.ts";
import type { TimeWindow } from "../policies.ts";

const timePattern = /^(?:[01]\d|2[0-3]):[0-5]\d$/;
/** As `Date` counts them. */
const days = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/** @returns null when the window says no time, or a day that is none */
export function toTimeWindow(window: WireWindow): TimeWindow | null {
  const chosen = window.days.length === 0 ? days : window.days;
  if (!isTime(window.from) || !isTime(window.to) || !chosen.every(isDay)) return null;
  return {
    fromMinute: minuteOf(window.from),
    toMinute: minuteOf(window.to),
    days: new Set(chosen.map((day) => days.indexOf(day)).toSorted((left, right) => left - right)),
  };
}

/** @returns what is wrong with a window, naming the field below `field`; null: nothing */
export function timeWindowProblem(field: string, { from, to, days: chosen }: WireWindow): string | null {
  if (!isTime(from)) return `${field}.from is ${JSON.stringify(from)}, it must be HH:MM, from 00:00 to 23:59`;
  if (!isTime(to)) return `${field}.to is ${JSON.stringify(to)}, it must be HH:MM, from 00:00 to 23:59`;
  const at = chosen.findIndex((day) => !isDay(day));
  if (at < 0) return null;
  return `${field}.days[${at}] is ${JSON.stringify(chosen[at])}, it must be one of mon tue wed thu fri sat sun`;
}

function isTime(text: string): boolean {
  return timePattern.test(text);
}

function isDay(text: string): boolean {
  return days.includes(text);
}

function minuteOf(text: string): number {
  return 60 * Number(text.slice(0, 2)) + Number(text.slice(3));
}
