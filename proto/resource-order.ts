// What the dependencies between the resources of a group mean for the time that stopping takes. Stops run against the
// dependencies: a resource stops when all that need it have stopped.

import { policyBounds } from "./codec/policy-bounds.ts";
import { dependentsOf } from "./find-cycle.ts";
import type { GroupConfig } from "./gen/bailiwick/v1/group_config_pb.ts";
import type { Dependency, Resource } from "./gen/bailiwick/v1/resource_pb.ts";

/** What each resource needs, by name. */
export type Needs = ReadonlyMap<string, readonly string[]>;

export function needsOf(dependencies: readonly Dependency[]): Needs {
  const needs = new Map<string, readonly string[]>();
  for (const { resource, needs: more } of dependencies) needs.set(resource, [...(needs.get(resource) ?? []), ...more]);
  return needs;
}

/**
 * How long each resource that has a runner may take to stop. One that does not say has 60 s, or less: an equal share of what
 * the stop budget leaves to those in a row with it, after the critical ones that do say.
 *
 * @param config its dependencies have no cycle
 * @param stopBudgetMs as `decodeGroupPolicies` gives it
 */
export function stopTimeoutsOf(
  { resources, dependencies }: Pick<GroupConfig, "resources" | "dependencies">,
  stopBudgetMs: number,
): ReadonlyMap<string, number> {
  const needs = needsOf(dependencies);
  const run = resources.filter(isRun);
  const said = new Map(run.filter(isCritical).map(({ name, stopTimeoutMs }) => [name, stopTimeoutMs]));
  const unsaid = new Map(run.map(({ name, stopTimeoutMs }) => [name, stopTimeoutMs === 0 ? 1 : 0]));
  const [saidMs, count] = [longestThrough(needs, said), longestThrough(needs, unsaid)];
  return new Map(
    run.map(({ name, stopTimeoutMs }) => {
      const share = Math.floor((stopBudgetMs - saidMs(name)) / Math.max(count(name), 1));
      return [name, stopTimeoutMs === 0 ? usualStop(share) : stopTimeoutMs];
    }),
  );
}

/** @returns the critical resources in a row that take longest to stop, as they stop; without an item: there are none */
export function longestStop(
  config: Pick<GroupConfig, "resources" | "dependencies">,
  stopBudgetMs: number,
): readonly { readonly name: string; readonly stopMs: number }[] {
  const timeouts = stopTimeoutsOf(config, stopBudgetMs);
  const critical = config.resources.filter(isRun).filter(isCritical);
  const weights = new Map(critical.map(({ name }) => [name, timeouts.get(name) ?? 0]));
  const longest = longestFrom(needsOf(config.dependencies), weights);
  const first = config.resources
    .map(({ name }) => longest(name))
    .reduce<Way | null>((best, way) => (best === null || way.weight > best.weight ? way : best), null);
  return namesAlong(first).flatMap((name) => {
    const stopMs = weights.get(name);
    return stopMs === undefined ? [] : [{ name, stopMs }];
  });
}

function isRun({ run }: Resource): boolean {
  return run !== undefined;
}

function isCritical({ critical }: Resource): boolean {
  return critical ?? true;
}

function usualStop(shareMs: number): number {
  const { min, usual } = policyBounds.stopTimeoutMs;
  return Math.min(Math.max(shareMs, min), usual);
}

/** The heaviest way that leads through a resource, as a sum. */
function longestThrough(needs: Needs, weights: ReadonlyMap<string, number>): (name: string) => number {
  const [down, up] = [longestFrom(needs, weights), longestFrom(dependentsOf(needs), weights)];
  return (name) => down(name).weight + up(name).weight - (weights.get(name) ?? 0);
}

interface Way {
  readonly name: string;
  readonly next: Way | null;
  readonly weight: number;
}

/** The heaviest way that begins at a resource. One that would come back to where it began ends there. */
function longestFrom(needs: Needs, weights: ReadonlyMap<string, number>): (name: string) => Way {
  const known = new Map<string, Way>();
  const longest = (name: string): Way => {
    const done = known.get(name);
    if (done !== undefined) return done;
    const own = weights.get(name) ?? 0;
    known.set(name, { name, next: null, weight: own });
    const next = (needs.get(name) ?? [])
      .map(longest)
      .reduce<Way | null>((best, way) => (best === null || way.weight > best.weight ? way : best), null);
    const way = { name, next, weight: own + (next?.weight ?? 0) };
    known.set(name, way);
    return way;
  };
  return longest;
}

function namesAlong(way: Way | null): string[] {
  const names: string[] = [];
  for (let at = way; at !== null; at = at.next) names.push(at.name);
  return names;
}
