// Gossip topics of replication: one for each distinct set of nodes that hear the same appends.

import type { NodeId } from "../../proto/ids.ts";
import { bytesOf } from "../../storage/bytes.ts";
import { hash64, hashText } from "../../storage/hash.ts";

export function ownersTopic(owners: readonly NodeId[]): string {
  return `owners/${hashText(hash64(bytesOf(owners.toSorted().join(" "))))}`;
}
