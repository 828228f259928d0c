// The nine nodes and four groups of S1 Fig. 2A, in the order of their file.

import { type GroupId, type NodeId, toClusterId, toGroupId, toIncarnation, toNodeId } from "../../proto/ids.ts";
import { emptyBytes } from "../../storage/bytes.ts";
import type { Bootstrap } from "../node/genesis.ts";
import { usualReplacement } from "../node/voter-replacement.ts";
import { type Topology, topologyOf } from "./topology.ts";

/** A cluster without config objects, and with addresses that nobody dials. */
export function plainBootstrap(
  nodes: readonly NodeId[],
  groups: readonly (readonly [GroupId, readonly NodeId[]])[],
  voters: readonly NodeId[],
): Bootstrap {
  return {
    cluster: toClusterId("0123456789abcdef0123456789abcdef"),
    nodes: nodes.map((node, position) => ({
      node,
      identity: `identity-of-${node}`,
      peerAddress: `127.0.0.1:${20_001 + 2 * position}`,
      apiAddress: `127.0.0.1:${20_002 + 2 * position}`,
      labels: [],
      capacity: [],
    })),
    groups: groups.map(([group, owners]) => ({ group, incarnation: toIncarnation(1), owners, config: emptyBytes })),
    voters,
    leaseRead: null,
    voterReplacement: usualReplacement,
  };
}

const nodes = "n202 n204 n206 n208 n210 n212 n214 n216 n218";

const groups = [
  ["rg220", "n202 n208 n214"],
  ["rg222", "n204 n210 n216"],
  ["rg224", "n206 n212 n218"],
  ["rg226", "n208 n210 n212"],
] as const;

/** Of the cluster group: nodes in one group only, and in different ones. */
const voters = "n202 n204 n206 n214 n216";

function named(names: string): readonly NodeId[] {
  return names.split(" ").map(toNodeId);
}

export function createReferenceTopology(): Topology {
  const owned = groups.map(([group, owners]) => [toGroupId(group), named(owners)] as const);
  return topologyOf(plainBootstrap(named(nodes), owned, named(voters)));
}
