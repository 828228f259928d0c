// Holds a group closed after a start, and when it is new here, until its other members have found this node's start to agree
// with what they remember: a vote or an acknowledgement on an old image of the disk could count before anybody has noticed.
// Members that are not there hold it up for a grace only.

import { type GroupId, type Millis, type NodeId, toMillis } from "../../proto/ids.ts";
import { limits } from "./limits.ts";
import { earliest } from "./millis.ts";

export class GroupGates {
  /** Closed gates, and when each opens by itself. */
  readonly #opensMs = new Map<GroupId, Millis>();

  close(group: GroupId, nowMs: Millis): void {
    this.#opensMs.set(group, toMillis(nowMs + limits.helloGraceMs));
  }

  /** Once open it stays so. */
  isOpen(
    group: GroupId,
    others: readonly NodeId[],
    seen: { readonly isAccepted: (node: NodeId) => boolean; readonly nowMs: Millis },
  ): boolean {
    const opensMs = this.#opensMs.get(group);
    if (opensMs === undefined) return true;
    if (seen.nowMs < opensMs && !others.every(seen.isAccepted)) return false;
    this.#opensMs.delete(group);
    return true;
  }

  /** Opens those whose grace is over. @returns whether there were any */
  deadline(nowMs: Millis): boolean {
    if (this.#opensMs.size === 0) return false;
    const due = [...this.#opensMs].filter(([, opensMs]) => opensMs <= nowMs);
    for (const [group] of due) this.#opensMs.delete(group);
    return due.length > 0;
  }

  deadlineMs(): Millis | null {
    return this.#opensMs.size === 0 ? null : earliest(...this.#opensMs.values());
  }
}
