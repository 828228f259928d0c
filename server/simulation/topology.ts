// The cluster that a simulation runs: its nodes, its groups with their owners, and who votes where. Drawn from a seed, or
// taken from a user's cluster file.

import { clusterGroup, type GroupId, type NodeId } from "../../proto/ids.ts";
import type { Bootstrap } from "../node/genesis.ts";

export interface Topology {
  readonly bootstrap: Bootstrap;
  readonly nodes: readonly NodeId[];
  /** Owner lists, in order of precedence; without the cluster group. */
  readonly groups: ReadonlyMap<GroupId, readonly NodeId[]>;
}

export function topologyOf(bootstrap: Bootstrap): Topology {
  return {
    bootstrap,
    nodes: bootstrap.nodes.map(({ node }) => node),
    groups: new Map(bootstrap.groups.map(({ group, owners }) => [group, owners])),
  };
}

/** Who votes in the log of `group`, which may be the cluster group; nobody in one that does not exist. */
export function votersOf({ bootstrap, groups }: Topology, group: GroupId): readonly NodeId[] {
  return group === clusterGroup ? bootstrap.voters : (groups.get(group) ?? []);
}

/** Whether those of the group's voters that are `there` decide. */
export function hasQuorum(topology: Topology, group: GroupId, isThere: (node: NodeId) => boolean): boolean {
  const voters = votersOf(topology, group);
  return voters.filter(isThere).length * 2 > voters.length;
}

/** For one line: `9 nodes, 4 groups of 3 3 3 3 owners`. */
export function describeTopology({ nodes, groups }: Topology): string {
  const owners = [...groups.values()].map((list) => list.length);
  const shown = owners.length > 20 ? `${owners.slice(0, 20).join(" ")} …` : owners.join(" ");
  return `${nodes.length} nodes, ${owners.length} groups of ${shown} owners`;
}
