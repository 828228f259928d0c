// Who is near whom, by the owner lists alone: worked out apart from how the nodes work it out.

import type { GroupId, NodeId } from "../../../proto/ids.ts";

/** A group and its owners. */
export type Owned = readonly [GroupId, readonly NodeId[]];

export class Neighbourhood {
  /** By node: those it shares a group with, itself among them. */
  readonly #spheres = new Map<NodeId, Set<NodeId>>();
  readonly #groupsOf = new Map<NodeId, Owned[]>();
  readonly #near = new Map<NodeId, readonly Owned[]>();

  constructor(nodes: readonly NodeId[], groups: readonly Owned[]) {
    for (const node of nodes) {
      this.#spheres.set(node, new Set([node]));
      this.#groupsOf.set(node, []);
    }
    for (const owned of groups) {
      for (const owner of owned[1]) {
        this.#groupsOf.get(owner)?.push(owned);
        for (const other of owned[1]) this.#spheres.get(owner)?.add(other);
      }
    }
  }

  /** Whether the two share a group. */
  isNear(left: NodeId, right: NodeId): boolean {
    return this.#spheres.get(left)?.has(right) === true;
  }

  /** Groups that share an owner with a group of `node`, its own among them. */
  groupsNear(node: NodeId): readonly Owned[] {
    const known = this.#near.get(node);
    if (known !== undefined) return known;
    const sphere = this.#groupsOf.get(node)?.flatMap(([, owners]) => owners) ?? [];
    const made = [...new Set(sphere.flatMap((owner) => this.#groupsOf.get(owner) ?? []))];
    this.#near.set(node, made);
    return made;
  }
}
