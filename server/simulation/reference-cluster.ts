// The nine nodes and four groups of S1 Fig. 2A, in the order of their file.

import { type GroupId, type NodeId, toClusterId, toGroupId, toIncarnation, toNodeId } from "../../proto/ids.ts";
import { emptyBytes } from "../../storage/bytes.ts";
import type { Bootstrap } from "../node/genesis.ts";
import { limits } from "../node/limits.ts";
import { createBoot } from "./boot.ts";
import type { Boot } from "./sim-node.ts";

export const referenceNodes: readonly NodeId[] = [
  "n202",
  "n204",
  "n206",
  "n208",
  "n210",
  "n212",
  "n214",
  "n216",
  "n218",
].map(toNodeId);

/** Owner lists, in order of precedence. */
export const referenceGroups: ReadonlyMap<GroupId, readonly NodeId[]> = new Map(
  [
    ["rg220", "n202 n208 n214"],
    ["rg222", "n204 n210 n216"],
    ["rg224", "n206 n212 n218"],
    ["rg226", "n208 n210 n212"],
  ].map(([group, owners]) => [toGroupId(group as string), (owners as string).split(" ").map(toNodeId)]),
);

export const referenceClusterId = toClusterId("0123456789abcdef0123456789abcdef");

/** Of the cluster group: nodes in one group only, and in different ones. */
export const clusterVoters: readonly NodeId[] = ["n202", "n204", "n206", "n214", "n216"].map(toNodeId);

const bootstrap: Bootstrap = {
  cluster: referenceClusterId,
  nodes: referenceNodes.map((node, position) => ({
    node,
    identity: `identity-of-${node}`,
    peerAddress: `127.0.0.1:${7501 + position}`,
    apiAddress: `127.0.0.1:${7401 + position}`,
    labels: [],
  })),
  groups: [...referenceGroups].map(([group, owners]) => ({
    group,
    incarnation: toIncarnation(1),
    owners,
    config: emptyBytes,
  })),
  voters: clusterVoters,
};

export function referenceBoot(logEntriesKept: number): Boot {
  return createBoot(bootstrap, { bytes: limits.logBytesKept, entries: logEntriesKept });
}
