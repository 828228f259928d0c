// What an agent is told that asks for the right to run a group's application, once it is known that the manager still leads.

import type { GroupId, NodeId } from "../../proto/ids.ts";
import type { Ownership } from "../../proto/model.ts";
import type { FenceOrder, OwnershipGrant } from "../../proto/placement.ts";
import type { LeaseTerms } from "../../proto/policies.ts";

export interface GrantView {
  readonly group: GroupId;
  /** Whose agent asks. */
  readonly node: NodeId;
  readonly ownership: Ownership;
  /** Of the present epoch; null: the ownership is advice. */
  readonly lease: LeaseTerms | null;
  /**
   * The right of the present epoch can be held by nobody any more, was given up, or its owner is being fenced: it is never renewed
   * again.
   */
  readonly isOver: boolean;
  /** It is to stop, but others that depend on it have to stop before. */
  readonly isStopAwaited: boolean;
  /** For this agent, whoever has the right. */
  readonly fence: FenceOrder | null;
}

/** The right of the present epoch for the current owner, as long as it is not over; nothing for anybody else. */
export function grantFor(view: GrantView): OwnershipGrant {
  const { group, node, ownership, lease } = view;
  const { currentOwner, epoch, state } = ownership;
  const nothing = { isGranted: false, ttlMs: 0, stopBudgetMs: 0, isEndless: false, wanted: "offline" } as const;
  const none = { group, epoch, ...nothing, isRevoked: false, fence: view.fence };
  if (currentOwner !== node) return { ...none, reason: `${currentOwner ?? "Nobody"} has the right to run ${group}` };
  const wanted = state === "acquiring" || state === "online" || view.isStopAwaited ? "online" : "offline";
  // Advice has no end, and nobody has to stop for it.
  if (lease === null) return { ...none, isGranted: true, wanted, reason: ownership.reason };
  if (view.isOver) return { ...none, isRevoked: true, reason: `The right of epoch ${epoch} is over` };
  // Else an agent that cannot stop it would go on renewing, and the operator's word would change nothing.
  if (state === "error")
    return { ...none, isRevoked: true, reason: `The group ${group} is in error: its right is not renewed` };
  const { ttlMs, stopBudgetMs, isEndless } = lease;
  return { ...none, isGranted: true, ttlMs, stopBudgetMs, isEndless, wanted, reason: ownership.reason };
}
