// A cycle of things that need each other, for refusals that name it.

/**
 * @param needs what each one needs; names that are no key of it need nothing
 * @returns the names along a cycle, the first once more at the end; null: there is none
 */
export function findCycle(needs: ReadonlyMap<string, readonly string[]>): readonly string[] | null {
  const left = onCyclesOrBefore(needs);
  const [first] = left;
  if (first === undefined) return null;
  const path = new Set<string>();
  let at = first;
  while (!path.has(at)) {
    path.add(at);
    at = needs.get(at)?.find((name) => left.has(name)) ?? first;
  }
  const names = [...path];
  return [...names.slice(names.indexOf(at)), at];
}

/** Takes away, again and again, what needs nothing that is left: what then remains needs something that remains. */
function onCyclesOrBefore(needs: ReadonlyMap<string, readonly string[]>): ReadonlySet<string> {
  const left = new Set(needs.keys());
  const openNeeds = new Map([...needs].map(([name, list]) => [name, list.filter((one) => left.has(one)).length]));
  const dependents = dependentsOf(needs);
  const free = [...left].filter((name) => openNeeds.get(name) === 0);
  for (let name = free.pop(); name !== undefined; name = free.pop()) {
    left.delete(name);
    for (const dependent of dependents.get(name) ?? []) {
      const open = (openNeeds.get(dependent) ?? 0) - 1;
      openNeeds.set(dependent, open);
      if (open === 0) free.push(dependent);
    }
  }
  return left;
}

/** Who needs each one, as often as it says so. */
export function dependentsOf(needs: ReadonlyMap<string, readonly string[]>): ReadonlyMap<string, readonly string[]> {
  const dependents = new Map<string, string[]>();
  for (const [name, list] of needs) {
    for (const need of list) {
      const known = dependents.get(need);
      if (known === undefined) dependents.set(need, [name]);
      else known.push(name);
    }
  }
  return dependents;
}
