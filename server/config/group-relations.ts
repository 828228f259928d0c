// The rules between the groups of a cluster.yaml, refused with their place in the file.

import { cycleProblem, type RelatedGroup, relationProblem } from "../../proto/group-relations.ts";
import type { YamlSource } from "./yaml-source.ts";

/**
 * @param groups in the order of the file
 * @throws {DbError} `invalid_argument` with file, line, column and field: what proto/group-relations.ts finds
 */
export function checkRelations(source: YamlSource, groups: readonly RelatedGroup[]): void {
  const known = new Map(groups.map((group) => [group.name, group]));
  const misfits = groups.map((group) => relationProblem(group, known));
  const problem = misfits.find((one) => one !== null) ?? cycleProblem(groups);
  if (problem === null) return;
  const position = groups.findIndex(({ name }) => name === problem.group);
  throw source.problem(["groups", position, "config", ...problem.path], problem.message);
}
