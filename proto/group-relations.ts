// What groups say of each other: each alone is right, but they may not fit together.

import { meantName } from "./closest-name.ts";
import { findCycle } from "./find-cycle.ts";
import type { GroupPolicies } from "./policies.ts";

export type GroupRules = Pick<GroupPolicies, "sameNode" | "differentNode" | "dependencies">;

export interface RelatedGroup {
  readonly name: string;
  readonly owners: readonly string[];
  readonly rules: GroupRules;
}

export interface RelationProblem {
  readonly group: string;
  /** In its config. */
  readonly path: readonly (string | number)[];
  readonly message: string;
}

interface Rule {
  readonly type: "sameNode" | "differentNode" | "dependencies";
  readonly name: string;
  readonly path: readonly (string | number)[];
}

/**
 * The first rule of a group that does not fit: a group that is not there; one to run with, or that is needed, on none of the same
 * nodes; one to run with, or elsewhere, that wants the opposite.
 *
 * @param known all groups of the cluster by name
 */
export function relationProblem(group: RelatedGroup, known: ReadonlyMap<string, RelatedGroup>): RelationProblem | null {
  for (const rule of rulesOf(group.rules)) {
    const message = misfit(rule, group, known);
    if (message !== null) return { group: group.name, path: rule.path, message };
  }
  return null;
}

/** Hard dependencies in a cycle; it is told of a group on it, and of the first one, where that is. */
export function cycleProblem(groups: readonly RelatedGroup[]): RelationProblem | null {
  const hardNeeds = ({ rules }: RelatedGroup) => rules.dependencies.filter(({ isSoft }) => !isSoft);
  const needs = new Map(groups.map((group) => [group.name, hardNeeds(group).map((one): string => one.group)]));
  const cycle = findCycle(needs);
  const found = groups.find(({ name }) => name === cycle?.[0]);
  if (cycle === null || found === undefined) return null;
  const at = found.rules.dependencies.findIndex(({ group }) => group === cycle[1]);
  const message = `Hard dependencies between groups form a cycle: ${cycle.join(" -> ")}`;
  return { group: found.name, path: ["management", "dependencies", at, "group"], message };
}

function rulesOf({ sameNode, differentNode, dependencies }: GroupRules): readonly Rule[] {
  const among = (type: Rule["type"], names: readonly string[], more: readonly string[] = []) =>
    names.map((name, at): Rule => ({ type, name, path: ["management", type, at, ...more] }));
  const needed = dependencies.map(({ group }) => group);
  return [
    ...among("sameNode", sameNode),
    ...among("differentNode", differentNode),
    ...among("dependencies", needed, ["group"]),
  ];
}

function misfit({ type, name }: Rule, group: RelatedGroup, known: ReadonlyMap<string, RelatedGroup>): string | null {
  const other = known.get(name);
  if (other === undefined) return `"${name}" is not a group of this cluster${meantName(name, [...known.keys()])}`;
  if (type === "differentNode") {
    const isOpposed = other.rules.sameNode.some((one) => one === group.name);
    return isOpposed ? `Group "${group.name}" wants to run elsewhere than "${name}", which wants to run with it` : null;
  }
  if (!group.owners.some((owner) => other.owners.includes(owner))) {
    const owners = `${group.owners.join(" ")} and ${other.owners.join(" ")}`;
    return `Groups "${group.name}" and "${name}" share no owner: ${owners}`;
  }
  const isOpposed = type === "sameNode" && other.rules.differentNode.some((one) => one === group.name);
  return isOpposed ? `Group "${group.name}" wants to run with "${name}", which wants to run elsewhere` : null;
}
