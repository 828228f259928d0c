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
 * - `restored`: what is remembered did not happen on this line, as far as that can be told.
 */
export type Standing = "current" | "ahead" | "restored";

/**
 * @param lineage not empty, oldest first
 * @param anewSince start in which the node was quarantined last, 0 for never: what it was before, it gave up
 */
export function standingOf(lineage: readonly Start[], remembered: Start | null, anewSince: number): Standing {
  if (remembered === null || remembered.boot < anewSince || isLongAgo(lineage, remembered)) return "ahead";
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

/**
 * The lineage of the next start. Of more starts than are kept an old one that made no promise is forgotten, so that a process
 * that ends again and again pushes out none that may be remembered; else the oldest.
 */
export function lineageWith(lineage: readonly Start[], start: Start): readonly Start[] {
  const before = lineage.at(-1)?.boot ?? 0;
  assert(start.boot > before, () => `start ${start.boot} after start ${before}`);
  const starts = [...lineage, start];
  if (starts.length <= limits.lineageMax) return starts;
  const idle = olderHalf(starts).findIndex(({ lap }) => lap === 0);
  return starts.toSpliced(Math.max(0, idle), 1);
}

/**
 * From before all starts that are kept, hundreds of which made promises: an image would have been put back before them, and
 * all that time nobody has missed anything. While idle ones are among them, it may have been put back and ended again and again.
 */
function isLongAgo(lineage: readonly Start[], { boot }: Start): boolean {
  const [oldest] = lineage;
  if (oldest === undefined || boot >= oldest.boot || lineage.length < limits.lineageMax) return false;
  return olderHalf(lineage).every(({ lap }) => lap > 0);
}

function olderHalf(lineage: readonly Start[]): readonly Start[] {
  return lineage.slice(0, limits.lineageMax / 2);
}

export function isSameStart(left: Start, right: Start): boolean {
  return left.boot === right.boot && left.nonce === right.nonce;
}
