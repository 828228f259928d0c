// How much the groups of a node hold in memory together, and whether there is room for more. One group at its quota leaves the
// others theirs; when all together reach what the node can hold, none of those that it manages may grow.

import { type Failure, failure } from "../../proto/errors.ts";
import type { GroupId, NodeId } from "../../proto/ids.ts";

export class MemorySpace {
  readonly #self: NodeId;
  readonly #bytesMax: number;
  /** By group; no more than there are groups. */
  readonly #held = new Map<GroupId, number>();
  #total = 0;

  constructor(self: NodeId, bytesMax: number) {
    this.#self = self;
    this.#bytesMax = bytesMax;
  }

  /** The group holds so many bytes now. */
  holds(group: GroupId, bytes: number): void {
    this.#total += bytes - (this.#held.get(group) ?? 0);
    this.#held.set(group, bytes);
  }

  /** The group is here no more. */
  drop(group: GroupId): void {
    this.#total -= this.#held.get(group) ?? 0;
    this.#held.delete(group);
  }

  /** @param growth bytes that a write adds at most @returns null when there is room for them */
  refusal(group: GroupId, growth: number): Failure | null {
    if (growth === 0 || this.#total + growth <= this.#bytesMax) return null;
    const message =
      `The groups of ${this.#self} hold ${this.#total} bytes together, limit ${this.#bytesMax} (groupsBytesMax of ` +
      "its node.yaml): delete keys, or move groups to other nodes";
    return failure("overloaded", message, { group, node: this.#self });
  }
}
