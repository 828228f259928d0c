// The names of the gossip topics.

import type { NodeId } from "../../proto/ids.ts";
import { bytesOf } from "../../storage/bytes.ts";
import { hash64, hashText } from "../../storage/hash.ts";

/** The cluster's log, for every node. */
export const clusterTopic = "cluster";

/** Verdicts on one node, for its sphere. */
export function sphereTopic(node: NodeId): string {
  return `sphere/${node}`;
}

/** Appends: one topic for each distinct set of nodes that hear the same. */
export function ownersTopic(owners: readonly NodeId[]): string {
  return `owners/${hashText(hash64(bytesOf(owners.toSorted().join(" "))))}`;
}
