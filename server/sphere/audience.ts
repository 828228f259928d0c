// Who must hear of a change: S1 Fig. 3, one pure function. It sends nothing; the node turns the answer into messages.

import type { GroupId, NodeId } from "../../proto/ids.ts";
import type { Directory, Interlock } from "./directory.ts";

/** Block 302: what has changed. */
export type Change =
  /** A node added, removed, failed or reintegrated; a network; a group created or deleted (A3). */
  | { readonly type: "cluster" }
  /** Anything of one group: its config object, its current owner, its rules. */
  | { readonly type: "group"; readonly group: GroupId }
  /** What a group has decided about one of its owners (A2). */
  | { readonly type: "nodeStatus"; readonly node: NodeId };

/** Owners of one interlocked group, who hear a summary and never a key (A4). */
export interface InterlockedAudience {
  readonly group: GroupId;
  /** Nodes in both groups: it is theirs to pass the summary on (S1, block 312). */
  readonly relays: readonly NodeId[];
  /** Owners of the interlocked group that do not own the changed one, in list order. */
  readonly nodes: readonly NodeId[];
}

export interface Audience {
  /** true: every node, through the cluster database. */
  readonly everywhere: boolean;
  /** Who hears the change itself: a group's owners in list order, or a node's sphere by name. */
  readonly owners: readonly NodeId[];
  readonly interlocked: readonly InterlockedAudience[];
}

/**
 * Decides who must hear of `change`. Whoever is in none of the answer's lists has no node in common with what changed, and
 * hears nothing of it: "further replication is not necessary" (S1). An empty answer is block 314, nothing to do.
 *
 * A node's status belongs to no single group, so it goes to the node's sphere and no further; that the group which decided
 * it has interlocks is of no concern, because all of them that matter to the node own the node.
 *
 * @source S1 Fig. 3, blocks 302 to 314
 */
export function audience(change: Change, directory: Directory): Audience {
  // Block 304: a cluster-level change? Block 306: throughout the cluster.
  if (change.type === "cluster") return { everywhere: true, owners: [], interlocked: [] };
  if (change.type === "nodeStatus") {
    return { everywhere: false, owners: directory.sphereOf(change.node), interlocked: [] };
  }
  // Block 308: among the owners of the group.
  const owners = directory.group(change.group)?.owners ?? [];
  // Block 310: is a node of it shared with other groups? Block 312: to their owners, by way of the shared nodes.
  const interlocked = directory.interlockedWith(change.group).map((interlock) => beyond(interlock, owners));
  return { everywhere: false, owners, interlocked };
}

function beyond(interlock: Interlock, owners: readonly NodeId[]): InterlockedAudience {
  const informed = new Set(owners);
  return {
    group: interlock.entry.group,
    relays: interlock.shared,
    nodes: interlock.entry.owners.filter((node) => !informed.has(node)),
  };
}
