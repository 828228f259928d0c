// Who owns what with whom: an immutable view of the cluster database's group directory, with the spheres of influence and
// interlocks of S1 Fig. 2B-2H derived from it. Resource groups only: the system group, which all nodes follow, would put
// every node into every sphere.

import { assert } from "../../proto/assert.ts";
import { clusterGroup, compareNames, type GroupId, type NodeId } from "../../proto/ids.ts";
import type { DirectoryEntry } from "../../proto/model.ts";

/** A group that has nodes in common with another; `shared` in the order of that other group's owner list. */
export interface Interlock {
  readonly entry: DirectoryEntry;
  /** At least one. */
  readonly shared: readonly NodeId[];
}

export interface DirectoryContent {
  /** In any order, each once. */
  readonly nodes: readonly NodeId[];
  /** In any order, names distinct; never the system group. */
  readonly groups: readonly DirectoryEntry[];
}

export class Directory {
  /** All nodes, by name. */
  readonly nodes: readonly NodeId[];
  /** All resource groups, by name. */
  readonly groups: readonly DirectoryEntry[];
  readonly #nodeSet: ReadonlySet<NodeId>;
  readonly #groupByName = new Map<GroupId, DirectoryEntry>();
  readonly #ownersOf = new Map<GroupId, ReadonlySet<NodeId>>();
  readonly #groupsOf = new Map<NodeId, DirectoryEntry[]>();
  readonly #interlocks = new Map<GroupId, readonly Interlock[]>();
  /** By the list of a node's groups: nodes that belong to the same groups have one sphere and share one array. */
  readonly #spheres = new Map<string, readonly NodeId[]>();

  /** Keeps the entries that it is given: they must not change. */
  constructor(content: DirectoryContent) {
    this.nodes = content.nodes.toSorted(compareNames);
    this.groups = content.groups.toSorted((left, right) => compareNames(left.group, right.group));
    this.#nodeSet = new Set(this.nodes);
    for (const entry of this.groups) this.#index(entry);
  }

  #index(entry: DirectoryEntry): void {
    assert(entry.group !== clusterGroup, "The system group is no resource group");
    assert(!this.#groupByName.has(entry.group), () => `Group ${entry.group} is in the directory twice`);
    this.#groupByName.set(entry.group, entry);
    this.#ownersOf.set(entry.group, new Set(entry.owners));
    for (const owner of entry.owners) {
      const groups = this.#groupsOf.get(owner);
      if (groups === undefined) this.#groupsOf.set(owner, [entry]);
      else groups.push(entry);
    }
  }

  isNode(node: NodeId): boolean {
    return this.#nodeSet.has(node);
  }

  /** @returns null when the cluster database has no such group */
  group(name: GroupId): DirectoryEntry | null {
    return this.#groupByName.get(name) ?? null;
  }

  owns(node: NodeId, group: GroupId): boolean {
    return this.#ownersOf.get(group)?.has(node) ?? false;
  }

  /** Groups with `node` in their owner list, by name; empty for a node in no group. */
  groupsOf(node: NodeId): readonly DirectoryEntry[] {
    return this.#groupsOf.get(node) ?? [];
  }

  /** Every node that shares at least one group with `node`, and `node` itself, by name (S1 Fig. 2B-2H). */
  sphereOf(node: NodeId): readonly NodeId[] {
    const groups = this.groupsOf(node);
    if (groups.length === 0) return [node];
    const key = groups.map((entry) => entry.group).join(" ");
    const known = this.#spheres.get(key);
    if (known !== undefined) return known;
    const sphere = [...new Set(groups.flatMap((entry) => entry.owners))].toSorted(compareNames);
    this.#spheres.set(key, sphere);
    return sphere;
  }

  /** Whether `node` belongs to the sphere of `center`; symmetric. */
  isInSphere(node: NodeId, center: NodeId): boolean {
    return node === center || this.groupsOf(center).some((entry) => this.owns(node, entry.group));
  }

  /** Who owns a group here that it did not own in `before`; a group that was made anew is another one. */
  joinedSince(before: Directory): ReadonlySet<NodeId> {
    const joined = new Set<NodeId>();
    for (const entry of this.groups) {
      const earlier = before.group(entry.group);
      if (earlier === entry) continue;
      const isSame = earlier?.incarnation === entry.incarnation;
      for (const owner of entry.owners) if (!isSame || !before.owns(owner, entry.group)) joined.add(owner);
    }
    return joined;
  }

  /** The other groups that have an owner in common with `group`, by name; empty for an unknown group. */
  interlockedWith(group: GroupId): readonly Interlock[] {
    const known = this.#interlocks.get(group);
    if (known !== undefined) return known;
    const entry = this.#groupByName.get(group);
    if (entry === undefined) return [];
    const interlocks = this.#findInterlocks(entry);
    this.#interlocks.set(group, interlocks);
    return interlocks;
  }

  #findInterlocks(entry: DirectoryEntry): readonly Interlock[] {
    const found = new Map<GroupId, { readonly entry: DirectoryEntry; readonly shared: NodeId[] }>();
    for (const owner of entry.owners) {
      for (const other of this.groupsOf(owner)) {
        if (other.group === entry.group) continue;
        const interlock = found.get(other.group);
        if (interlock === undefined) found.set(other.group, { entry: other, shared: [owner] });
        else interlock.shared.push(owner);
      }
    }
    return [...found.values()].toSorted((left, right) => compareNames(left.entry.group, right.entry.group));
  }
}
