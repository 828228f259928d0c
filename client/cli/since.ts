// A moment in the past as people write it: so long ago, or a date with or without a time.

import { UsageError } from "./usage-error.ts";

export type Since = { readonly type: "ago"; readonly ms: number } | { readonly type: "at"; readonly ms: number };

const unitsMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Times without a zone are UTC, as all times that are printed. @throws {UsageError} */
export function readSince(text: string): Since {
  const [, digits, unit = "s"] = /^([0-9]{1,6})([smhd])$/.exec(text) ?? [];
  if (digits !== undefined) return { type: "ago", ms: Number(digits) * unitsMs[unit as keyof typeof unitsMs] };
  const [, date, time = "T00:00", zone = "Z"] =
    /^([0-9]{4}-[0-9]{2}-[0-9]{2})(T[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?)?(Z|[+-][0-9]{2}:[0-9]{2})?$/.exec(
      text,
    ) ?? [];
  const ms = date === undefined ? Number.NaN : Date.parse(`${date}${time}${zone}`);
  if (Number.isFinite(ms)) return { type: "at", ms };
  throw new UsageError(
    `--since is ${JSON.stringify(text)}, neither a time ago such as 90s, 10m, 2h, 7d nor a date such as 2026-11-27T10:00Z`,
  );
}

/** Milliseconds since 1970. */
export function momentOf({ type, ms }: Since, nowMs: number): number {
  return type === "ago" ? nowMs - ms : ms;
}
