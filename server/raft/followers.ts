// Whom a leader keeps informed: everyone of the membership in force, this member aside.

import type { NodeId } from "../../proto/ids.ts";
import type { Membership } from "../../proto/membership.ts";
import { allVoters } from "./changes.ts";
import type { Followed, Progress } from "./progress.ts";

/**
 * Keeps what is known of those who stay, in whatever role; whoever comes under a new number begins anew.
 *
 * @param known by node; not changed
 */
export function keepProgress(
  known: ReadonlyMap<NodeId, Progress>,
  membership: Membership,
  begin: (of: Followed) => Progress,
): Map<NodeId, Progress> {
  const all: readonly Followed[] = [...allVoters(membership), ...membership.learners, ...membership.learnersNext];
  const kept = new Map<NodeId, Progress>();
  for (const of of all) {
    const progress = known.get(of.node);
    kept.set(of.node, progress?.member === of.member ? progress : begin(of));
  }
  return kept;
}
