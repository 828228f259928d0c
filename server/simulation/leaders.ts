// Who holds itself for the leader of which group. Now and then two do, of which one does not know better yet: what they tell
// is what tests are about, so that clients turn to them and cuts are made around them more often than chance would have it.

import { type GroupId, type NodeId, toGroupId } from "../../proto/ids.ts";
import type { NoteFields } from "../node/effects.ts";

export class Leaders {
  readonly #byGroup = new Map<GroupId, Set<NodeId>>();

  of(group: GroupId): readonly NodeId[] {
    return [...(this.#byGroup.get(group) ?? [])];
  }

  /** Of any group; one that leads several is named as often. */
  get all(): readonly NodeId[] {
    return [...this.#byGroup.values()].flatMap((nodes) => [...nodes]);
  }

  noted(node: NodeId, _level: "info" | "warn", text: string, { group, role }: NoteFields): void {
    if (text !== "Role changed" || typeof group !== "string") return;
    const nodes = this.#byGroup.get(toGroupId(group)) ?? new Set();
    this.#byGroup.set(toGroupId(group), nodes);
    if (role === "leader") nodes.add(node);
    else nodes.delete(node);
  }

  crashed(node: NodeId): void {
    for (const nodes of this.#byGroup.values()) nodes.delete(node);
  }

  failed(node: NodeId): void {
    this.crashed(node);
  }
}
