// Breadth first through all states within the bounds, until the queue is empty or something is found.

import type { Bounds } from "./bounds.ts";
import { Seen } from "./covered.ts";
import { Group } from "./world.ts";

export interface Found {
  readonly states: number;
  readonly transitions: number;
  readonly depth: number;
  /** Distinct states of single members. */
  readonly localStates: number;
  readonly violation: { readonly what: string; readonly path: readonly string[] } | null;
  /** The queue is empty: this was all. */
  readonly isAll: boolean;
}

/** @param statesMax where to give up */
export function search(bounds: Bounds, statesMax = Number.POSITIVE_INFINITY): Found {
  const group = new Group(bounds);
  const seen = new Seen();
  seen.add(group.first(), -1);
  let transitions = 0;
  let depth = 0;
  let violation: Found["violation"] = null;
  let at = 0;
  for (let levelEnd = 1; at < seen.size && violation === null && seen.size < statesMax; at++) {
    if (at === levelEnd) {
      depth++;
      levelEnd = seen.size;
    }
    if (seen.isCovered(at)) continue;
    group.follow(seen.keys[at] as string, (next) => {
      transitions++;
      if (next.violation === null) seen.add(next.key, at);
      else violation ??= { what: next.violation, path: [...pathTo(group, seen, at), next.name()] };
    });
  }
  const isAll = violation === null && at === seen.size;
  return { states: seen.size, transitions, depth, localStates: group.localStates, violation, isAll };
}

function pathTo(group: Group, { keys, parents }: Seen, end: number): string[] {
  const names: string[] = [];
  for (let at = end; at > 0; at = parents[at] as number) {
    const ways: string[] = [];
    group.follow(keys[parents[at] as number] as string, ({ key, name }) => {
      if (key === keys[at]) ways.push(name());
    });
    names.unshift(ways[0] as string);
  }
  return names;
}
