// The name that was probably meant: the known one with the fewest letters to change, if that is few enough.

import { compareNames } from "./ids.ts";

/** @returns null when none is near */
export function closestName(name: string, known: readonly string[]): string | null {
  const near = known
    .map((candidate) => ({ candidate, distance: distanceOf(name, candidate) }))
    .filter(({ candidate, distance }) => distance <= Math.max(1, Math.floor(candidate.length / 3)))
    .toSorted((left, right) => left.distance - right.distance || compareNames(left.candidate, right.candidate));
  return near[0]?.candidate ?? null;
}

/** What to add to the refusal of a name that is not known: the one that was probably meant, or nothing. */
export function meantName(name: string, known: readonly string[]): string {
  const meant = closestName(name, known);
  return meant === null ? "" : `; did you mean "${meant}"?`;
}

/** Letters to insert, delete or replace (Levenshtein); capitals count as their small letters. */
function distanceOf(left: string, right: string): number {
  const [a, b] = [left.toLowerCase(), right.toLowerCase()];
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let at = 1; at <= a.length; at++) {
    const next = [at];
    for (let column = 1; column <= b.length; column++) {
      const replaced = (row[column - 1] ?? 0) + (a[at - 1] === b[column - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
