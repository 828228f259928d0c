// Whom a node keeps connections to, and what it listens to: never more than its sphere, its sphere's spheres and the voters.

import type { NodeId } from "../../proto/ids.ts";
import type { ClusterState } from "./cluster-state.ts";
import type { Topic } from "./effects.ts";
import { clusterTopic, ownersTopic, sphereTopic } from "./topics.ts";

export interface NetworkNeeds {
  readonly peers: readonly NodeId[];
  readonly topics: readonly Topic[];
}

/** @param partners nodes that it compares notes with */
export function networkNeeds(self: NodeId, state: ClusterState, partners: readonly NodeId[]): NetworkNeeds {
  const { directory, voters } = state;
  const isVoter = voters.includes(self);
  const peers = new Set([...partners, ...voters, ...(isVoter ? state.ungrouped() : [])]);
  peers.delete(self);
  const topics = new Set([
    ...directory.groupsOf(self).map((entry) => ownersTopic(entry.owners)),
    ...directory.sphereOf(self).map(sphereTopic),
    ...(isVoter ? [ownersTopic(voters)] : []),
    clusterTopic,
  ]);
  return { peers: [...peers].sort(), topics: [...topics].sort() };
}
