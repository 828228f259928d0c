// A node's recovery status in one word, from the verdicts of its groups (A2). Each group alone decides for itself; this
// word is for people and for the cluster's events, and no fail-over depends on it.

import { clusterGroup, type GroupId } from "../../proto/ids.ts";
import type { DirectoryEntry, RecoveryStatus, StatusComponent } from "../../proto/model.ts";

/** Words of a planned absence, the one that is least far along first. */
const plannedInOrder = ["draining", "maintenance", "left"] as const satisfies readonly RecoveryStatus[];

/**
 * The first line that fits the verdicts of the node's groups; a group without a verdict counts as `joining`:
 *
 * | verdicts | status | because |
 * |---|---|---|
 * | all one word | that word | |
 * | `up` and `joining` | `joining` | some group has still to take it in |
 * | `joining` and one other word | that word | a group that never knew the node cannot contradict |
 * | `down` and `suspect` | `suspect` | nobody vouches for it, not everybody has given it up |
 * | two or three of `draining`, `maintenance`, `left` | the first of these | the planned change has come this far everywhere |
 * | anything else, such as `up` and `down` | `partial` | its groups disagree, and an average would be a lie |
 *
 * @param components verdicts on this one node in any order; of one group the newest counts, and only with the incarnation
 *   that `groups` gives it
 * @param groups the node's groups as the directory has them; empty: the verdict of the cluster group counts, which watches
 *   the nodes that are in no group
 */
export function nodeStatus(components: readonly StatusComponent[], groups: readonly DirectoryEntry[]): RecoveryStatus {
  const byGroup = Map.groupBy(components, ({ group }) => group);
  const verdictOf = (group: GroupId, counts: (verdict: StatusComponent) => boolean) =>
    newestOf((byGroup.get(group) ?? []).filter(counts));
  const vector =
    groups.length === 0
      ? [verdictOf(clusterGroup, () => true)]
      : groups.map(({ group, incarnation }) => verdictOf(group, (verdict) => verdict.incarnation === incarnation));
  return wordFor(new Set(vector));
}

function newestOf(candidates: readonly StatusComponent[]): RecoveryStatus {
  let newest: StatusComponent | null = null;
  for (const candidate of candidates) {
    if (newest === null || candidate.index > newest.index) newest = candidate;
  }
  return newest?.status ?? "joining";
}

function wordFor(words: ReadonlySet<RecoveryStatus>): RecoveryStatus {
  const [only] = words;
  if (words.size === 1 && only !== undefined) return only;
  const decided = new Set(words);
  if (decided.delete("joining")) return decided.has("up") && decided.size === 1 ? "joining" : wordFor(decided);
  if (consistsOf(words, ["down", "suspect"])) return "suspect";
  if (consistsOf(words, plannedInOrder)) return plannedInOrder.find((word) => words.has(word)) ?? "partial";
  return "partial";
}

function consistsOf(words: ReadonlySet<RecoveryStatus>, allowed: readonly RecoveryStatus[]): boolean {
  return [...words].every((word) => allowed.includes(word));
}
