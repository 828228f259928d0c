// What a node may hold beside its own groups, and what two nodes may tell each other of it (A1, A2, A4). One place, so
// that what is accepted from a peer, kept on disk and sent in repair can never differ.

import type { GroupId, NodeId } from "../../proto/ids.ts";
import type { GroupKey } from "../../proto/model.ts";
import type { Directory } from "./directory.ts";

/** A verdict by name: of group `group` on its owner `node`. */
export interface ComponentKey extends GroupKey {
  readonly node: NodeId;
}

/**
 * Whether `self` may hold this verdict: its node is in the sphere of `self`, and is an owner of a group that exists. An
 * incarnation below the directory's is of a group that is gone; one above it only says that this directory lags.
 */
export function mayHoldComponent(key: ComponentKey, directory: Directory, self: NodeId): boolean {
  return exists(key, directory) && directory.owns(key.node, key.group) && directory.isInSphere(self, key.node);
}

/** Whether `self` may hold the summary of this group: it owns a group interlocked with it, and not the group itself. */
export function mayHoldSummary(key: GroupKey, directory: Directory, self: NodeId): boolean {
  if (!exists(key, directory) || directory.owns(self, key.group)) return false;
  return directory.interlockedWith(key.group).some((interlock) => directory.owns(self, interlock.entry.group));
}

/** Whether `left` and `right` compare notes on verdicts about `node`: both are in its sphere. */
export function sharesStatusOf(node: NodeId, directory: Directory, pair: Pair): boolean {
  return directory.isInSphere(pair.left, node) && directory.isInSphere(pair.right, node);
}

/**
 * Whether `left` and `right` compare notes on the summary of `group`: they meet in a group interlocked with it, so that one
 * of them is a shared node (S1 Fig. 3, block 312) or both are its hearers. Two owners have the group's log for that.
 */
export function sharesSummaryOf(group: GroupId, directory: Directory, pair: Pair): boolean {
  if (directory.owns(pair.left, group) && directory.owns(pair.right, group)) return false;
  return directory
    .interlockedWith(group)
    .some(({ entry }) => directory.owns(pair.left, entry.group) && directory.owns(pair.right, entry.group));
}

export interface Pair {
  readonly left: NodeId;
  readonly right: NodeId;
}

function exists(key: GroupKey, directory: Directory): boolean {
  const entry = directory.group(key.group);
  return entry !== null && key.incarnation >= entry.incarnation;
}
