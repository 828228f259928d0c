// What `ip -ts -o monitor address` prints of the service address on one node, read as the times in which it was there.

import type { Span } from "./gaps.ts";

/** One line each, its time in UTC: `[2026-01-31T12:00:00.123456] Deleted 2: eth0    inet 192.0.2.100/24 scope …`. */
const line = /^\[([\d:T.-]+)\] (Deleted )?\d+: \S+\s+inet ([\d.]+)\//;

/**
 * @param text may end in the middle of a line
 * @param endMs end of what was there to the last
 */
export function addressSpans(
  text: string,
  { node, address, endMs }: { readonly node: string; readonly address: string; readonly endMs: number },
): readonly Span[] {
  const spans: Span[] = [];
  let sinceMs: number | null = null;
  for (const [, time = "", deleted, which] of matchesOf(text)) {
    if (which !== address) continue;
    const atMs = Date.parse(`${time.slice(0, "2026-01-31T12:00:00.123".length)}Z`);
    if (deleted === undefined) sinceMs ??= atMs;
    else if (sinceMs !== null) {
      spans.push({ node, fromMs: sinceMs, toMs: atMs });
      sinceMs = null;
    }
  }
  return sinceMs === null ? spans : [...spans, { node, fromMs: sinceMs, toMs: endMs }];
}

function matchesOf(text: string): readonly RegExpExecArray[] {
  return text
    .split("\n")
    .map((one) => line.exec(one))
    .filter((match) => match !== null);
}
