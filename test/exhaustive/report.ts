// One search in words: its bounds, its numbers, and the way to what it found.

import type { Bounds } from "./bounds.ts";
import type { Found } from "./search.ts";

export function reportOf({ name }: Bounds, found: Found): string {
  const { states, transitions, depth, localStates, isAll, violation } = found;
  const end = isAll ? "all of them" : "not all of them";
  const numbers = `${states} states, ${transitions} transitions, depth ${depth}, ${localStates} states of single members`;
  const line = `${name}: ${numbers}, ${end}`;
  return violation === null ? line : [line, violation.what, ...violation.path].join("\n  ");
}
