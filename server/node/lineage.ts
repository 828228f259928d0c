// Whether a node still runs on the disk on which it made its promises. A node keeps the list of its starts, its lineage;
// its peers remember the newest start that they have seen of it. A disk that was put back to an old image has a lineage in
// which that start is missing, bears another random number (the image was started as often as the node was), or has not come
// as far as the peers have heard.

import { assert } from "../../proto/assert.ts";
import type { Start } from "../../proto/messages.ts";
import { limits } from "./limits.ts";

/**
 * - `current`: in the very start that is remembered.
 * - `ahead`: in a later one, of the same line; or nothing is remembered that still matters.
 * - `restored`: what is remembered did not happen on this line, or happened so long ago that nobody can tell.
 */
export type Standing = "current" | "ahead" | "restored";

/**
 * @param lineage not empty, oldest first
 * @param anewSince start in which the node was quarantined last, 0 for never: what it was before, it gave up
 */
export function standingOf(lineage: readonly Start[], remembered: Start | null, anewSince: number): Standing {
  if (remembered === null || remembered.boot < anewSince) return "ahead";
  const present = presentOf(lineage);
  const known = lineage.find(({ boot }) => boot === remembered.boot);
  if (known === undefined || known.nonce !== remembered.nonce || known.lap < remembered.lap) return "restored";
  return known === present ? "current" : "ahead";
}

/** The start that a lineage ends with. */
export function presentOf(lineage: readonly Start[]): Start {
  const present = lineage.at(-1);
  assert(present !== undefined, "a lineage without a start");
  return present;
}

/** The lineage of the next start; the oldest starts are forgotten. */
export function lineageWith(lineage: readonly Start[], start: Start): readonly Start[] {
  const before = lineage.at(-1)?.boot ?? 0;
  assert(start.boot > before, () => `start ${start.boot} after start ${before}`);
  return [...lineage, start].slice(-limits.lineageMax);
}

export function isSameStart(left: Start, right: Start): boolean {
  return left.boot === right.boot && left.nonce === right.nonce;
}
