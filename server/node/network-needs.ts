// Whom a node keeps connections to, and what it listens to: never more than its sphere, its sphere's spheres and the voters.

import type { NodeId } from "../../proto/ids.ts";
import type { Membership } from "../../proto/membership.ts";
import { allVoters } from "../raft/changes.ts";
import type { ClusterState } from "./cluster-state.ts";
import type { Topic } from "./effects.ts";
import { clusterTopic, ownersTopic, sphereTopic } from "./topics.ts";

export interface NetworkNeeds {
  readonly peers: readonly NodeId[];
  readonly topics: readonly Topic[];
}

/**
 * @param partners nodes that it compares notes with
 * @param memberships of the groups that it holds
 */
export function networkNeeds(
  self: NodeId,
  state: ClusterState,
  { partners, memberships }: { readonly partners: readonly NodeId[]; readonly memberships: readonly Membership[] },
): NetworkNeeds {
  const { directory, voters } = state;
  const isVoter = voters.includes(self);
  const members = memberships.flatMap((membership) => [...allVoters(membership), ...membership.learners]);
  const fellows = members.map(({ node }) => node);
  const peers = new Set([...partners, ...voters, ...fellows, ...(isVoter ? state.ungrouped() : [])]);
  peers.delete(self);
  const topics = new Set([
    ...memberships.map(({ owners }) => ownersTopic(owners)),
    ...directory.sphereOf(self).map(sphereTopic),
    ...(isVoter ? [ownersTopic(voters)] : []),
    clusterTopic,
  ]);
  return { peers: [...peers].sort(), topics: [...topics].sort() };
}
