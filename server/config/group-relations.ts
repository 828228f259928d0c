// What the groups of a cluster.yaml say of each other: each alone is right, but they may not fit together.

import { findCycle } from "../../proto/find-cycle.ts";
import type { GroupPolicies } from "../../proto/policies.ts";
import { meantName } from "./closest-name.ts";
import type { FieldPath, YamlSource } from "./yaml-source.ts";

export interface RelatedGroup {
  readonly name: string;
  readonly owners: readonly string[];
  readonly policies: GroupPolicies;
}

/**
 * @param groups in the order of the file
 * @throws {DbError} `invalid_argument` with file, line, column and field: a group that is not there; one to run with, or that
 *   is needed, on none of the same nodes; hard dependencies in a cycle
 */
export function checkRelations(source: YamlSource, groups: readonly RelatedGroup[]): void {
  const known = new Map(groups.map((group) => [group.name, group]));
  groups.forEach((group, position) => {
    checkGroup(source, { group, path: managementOf(position), known });
  });
  checkCycles(source, groups);
}

interface Related {
  readonly group: RelatedGroup;
  readonly path: FieldPath;
  readonly known: ReadonlyMap<string, RelatedGroup>;
}

function checkGroup(source: YamlSource, { group, path, known }: Related): void {
  const { sameNode, differentNode, dependencies } = group.policies;
  const find = (at: FieldPath, name: string) => {
    const other = known.get(name);
    if (other !== undefined) return other;
    throw source.problem(at, `"${name}" is not a group of this cluster${meantName(name, [...known.keys()])}`);
  };
  sameNode.forEach((name, at) => {
    const field = [...path, "sameNode", at];
    const other = find(field, name);
    refuseApart(source, { path: field, group, other });
    if (!other.policies.differentNode.some((one) => one === group.name)) return;
    throw source.problem(field, `Group "${group.name}" wants to run with "${name}", which wants to run elsewhere`);
  });
  differentNode.forEach((name, at) => {
    find([...path, "differentNode", at], name);
  });
  dependencies.forEach((dependency, at) => {
    const field = [...path, "dependencies", at, "group"];
    refuseApart(source, { path: field, group, other: find(field, dependency.group) });
  });
}

function refuseApart(
  source: YamlSource,
  { path, group, other }: { readonly path: FieldPath; readonly group: RelatedGroup; readonly other: RelatedGroup },
): void {
  if (group.owners.some((owner) => other.owners.includes(owner))) return;
  const owners = `${group.owners.join(" ")} and ${other.owners.join(" ")}`;
  throw source.problem(path, `Groups "${group.name}" and "${other.name}" share no owner: ${owners}`);
}

function checkCycles(source: YamlSource, groups: readonly RelatedGroup[]): void {
  const hardNeeds = ({ policies }: RelatedGroup) => policies.dependencies.filter(({ isSoft }) => !isSoft);
  const cycle = findCycle(
    new Map(groups.map((group) => [group.name, hardNeeds(group).map((one): string => one.group)])),
  );
  if (cycle === null) return;
  const position = groups.findIndex(({ name }) => name === cycle[0]);
  const at = groups[position]?.policies.dependencies.findIndex(({ group }) => group === cycle[1]) ?? 0;
  const path = [...managementOf(position), "dependencies", at, "group"];
  throw source.problem(path, `Hard dependencies between groups form a cycle: ${cycle.join(" -> ")}`);
}

function managementOf(position: number): FieldPath {
  return ["groups", position, "config", "management"];
}
