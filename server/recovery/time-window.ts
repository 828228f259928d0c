// Time windows of fallback, in UTC by arithmetic on the wall clock: a window opens on a chosen day and may close on the next.

import type { TimeWindow } from "../../proto/policies.ts";

const minuteMs = 60_000;
const dayMinutes = 1_440;
const dayMs = dayMinutes * minuteMs;
const weekDays = 7;
/** 1 January 1970 was a Thursday; 0 is Sunday. */
const firstWeekday = 4;

/** Whether the window is open: from its first millisecond until before the one after its last. */
export function isOpen(window: TimeWindow, wallMs: number): boolean {
  const today = Math.floor(wallMs / dayMs);
  return [today - 1, today].some((day) => {
    const opensMs = openingOn(window, day);
    return opensMs !== null && opensMs <= wallMs && wallMs < opensMs + lengthMs(window);
  });
}

/** The next opening after this moment; null: no day is chosen. */
export function nextOpeningMs(window: TimeWindow, wallMs: number): number | null {
  const today = Math.floor(wallMs / dayMs);
  for (let day = today; day <= today + weekDays; day++) {
    const opensMs = openingOn(window, day);
    if (opensMs !== null && opensMs > wallMs) return opensMs;
  }
  return null;
}

/** For example `02:00 to 04:00 UTC`. */
export function windowText({ fromMinute, toMinute }: TimeWindow): string {
  return `${clockText(fromMinute)} to ${clockText(toMinute)} UTC`;
}

function openingOn({ fromMinute, days }: TimeWindow, day: number): number | null {
  // A clock before 1970 gives a negative day.
  const weekday = (((day + firstWeekday) % weekDays) + weekDays) % weekDays;
  return days.has(weekday) ? day * dayMs + fromMinute * minuteMs : null;
}

function lengthMs({ fromMinute, toMinute }: TimeWindow): number {
  const isNextDay = toMinute <= fromMinute;
  return (toMinute - fromMinute + (isNextDay ? dayMinutes : 0)) * minuteMs;
}

function clockText(minute: number): string {
  const twoDigits = (value: number) => String(value).padStart(2, "0");
  return `${twoDigits(Math.floor(minute / 60))}:${twoDigits(minute % 60)}`;
}
