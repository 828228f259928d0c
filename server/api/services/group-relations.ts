// The rules of a group about other groups, checked when somebody writes them, by what this node and those groups know just then.
// Nothing is held meanwhile: of two changes at once each may be right and both together not, and what does not answer is not
// looked at. So placement bears rules that do not fit; this is for whoever wrote them.

import { cycleProblem, type GroupRules, type RelatedGroup, relationProblem } from "../../../proto/group-relations.ts";
import type { GroupId, NodeId } from "../../../proto/ids.ts";
import type { DirectoryEntry } from "../../../proto/model.ts";
import { PoliciesRead } from "../../node/group-policies.ts";
import type { CallContext } from "../call-context.ts";
import { invalid } from "../convert/fields.ts";
import { askGroups } from "./ask-groups.ts";

interface Written {
  readonly group: GroupId;
  /** null: as this node has heard. */
  readonly owners: readonly NodeId[] | null;
  /** Encoded. */
  readonly config: Uint8Array;
}

/** @throws {DbError} `invalid_argument` with the field of the config, the other group and the rule */
export async function checkRelations(written: Written, context: CallContext): Promise<void> {
  const problem = await relationsProblem(written, context);
  if (problem !== null) throw invalid("config", `The config is refused: ${problem}`);
}

/** @returns what does not fit, with the field of the config; null: nothing that is known */
export async function relationsProblem(
  { group: name, owners, config }: Written,
  context: CallContext,
): Promise<string | null> {
  const rules = new PoliciesRead().of(config);
  if (namesIn(rules).length === 0) return null;
  const { groups: entries } = await context.ask({ type: "directory" });
  const ownersKnown = owners ?? entries.find(({ group }) => group === name)?.owners;
  if (ownersKnown === undefined) return null;
  const group = { name, owners: ownersKnown, rules };
  const others = entries.filter((entry) => entry.group !== name);
  const known = new Map([group, ...(await relativesOf(group, others, context))].map((one) => [one.name, one]));
  const cycle = cycleProblem([...known.values()]);
  const problem = relationProblem(group, known) ?? (cycle?.group === name ? cycle : null);
  return problem === null ? null : `${pathText(problem.path)}: ${problem.message}`;
}

/** All others; rules are known of those to which the group's own lead, one after the other. */
async function relativesOf(
  group: RelatedGroup,
  others: readonly DirectoryEntry[],
  context: CallContext,
): Promise<readonly RelatedGroup[]> {
  const left = new Set(others.map((entry) => entry.group));
  const answered: RelatedGroup[] = [];
  for (let next = namesIn(group.rules); next.length > 0; ) {
    const asked = next.filter((name) => left.delete(name));
    const { groups } = await askGroups(context, asked);
    const told = groups.map(({ object }) => {
      return { name: object.group, owners: object.owners, rules: new PoliciesRead().of(object.config) };
    });
    answered.push(...told);
    next = told.flatMap(({ rules }) => rules.dependencies.map((dependency) => dependency.group));
  }
  return [...others.map((entry) => ({ name: entry.group, owners: entry.owners, rules: noRules })), ...answered];
}

const noRules: GroupRules = { sameNode: [], differentNode: [], dependencies: [] };

function namesIn({ sameNode, differentNode, dependencies }: GroupRules): readonly GroupId[] {
  return [...sameNode, ...differentNode, ...dependencies.map(({ group }) => group)];
}

function pathText(path: readonly (string | number)[]): string {
  return path
    .map((part) => (typeof part === "number" ? `[${part}]` : `.${part}`))
    .join("")
    .slice(1);
}
