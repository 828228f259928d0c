// Which nodes of this node's sphere have changed, and in which order: what a watch of nodes is a position in. It holds one
// number a node, whoever watches.

import { type LogIndex, type NodeId, toLogIndex } from "../../proto/ids.ts";
import type { StatusComponent } from "../../proto/model.ts";
import type { Directory } from "../sphere/directory.ts";

/** When a node changed last; `isDeparted`: it left the sphere then. */
interface Mark {
  readonly at: number;
  readonly isDeparted: boolean;
  /** Its groups, as text; of a node in none, the verdict of the cluster. */
  readonly groups: string;
}

export interface NodeNews {
  readonly node: NodeId;
  readonly at: number;
  readonly isDeparted: boolean;
}

export class SphereChanges {
  readonly #self: NodeId;
  readonly #marks = new Map<NodeId, Mark>();
  #counter = 0;
  /**
   * Since this index of the cluster's log nobody has come to the sphere, left it, or changed groups within it; known only since
   * the node's start.
   */
  #since: LogIndex = toLogIndex(0);

  constructor(self: NodeId) {
    this.#self = self;
  }

  /** Of the newest change. */
  get counter(): number {
    return this.#counter;
  }

  get since(): LogIndex {
    return this.#since;
  }

  /** What is known of the node is other than it was. One that is not of the sphere is passed over. */
  changed(node: NodeId): void {
    const mark = this.#marks.get(node);
    if (mark !== undefined && !mark.isDeparted) this.#mark(node, mark);
  }

  /**
   * @param index of the cluster's log that the directory is as of
   * @param verdicts on nodes in no group, as of then
   */
  follow(directory: Directory, index: LogIndex, verdicts: readonly StatusComponent[]): void {
    const sphere = new Set(directory.sphereOf(this.#self));
    for (const [node, mark] of this.#marks) {
      if (!sphere.has(node) && !mark.isDeparted) this.#membersChanged(node, { groups: "", isDeparted: true }, index);
    }
    for (const node of sphere) this.#followNode(node, groupsOf(node, directory, verdicts), index);
  }

  /** Newest last, of those behind `position`. */
  after(position: number): readonly NodeNews[] {
    const later = [...this.#marks].filter(([, { at }]) => at > position);
    return later
      .map(([node, { at, isDeparted }]) => ({ node, at, isDeparted }))
      .sort((left, right) => left.at - right.at);
  }

  #followNode(node: NodeId, groups: string, index: LogIndex): void {
    const known = this.#marks.get(node);
    const isAsKnown = known?.isDeparted === false && known.groups === groups;
    if (!isAsKnown) this.#membersChanged(node, { groups, isDeparted: false }, index);
  }

  #membersChanged(node: NodeId, mark: Omit<Mark, "at">, index: LogIndex): void {
    this.#since = index;
    this.#mark(node, mark);
  }

  #mark(node: NodeId, { groups, isDeparted }: Omit<Mark, "at">): void {
    this.#counter += 1;
    this.#marks.set(node, { at: this.#counter, groups, isDeparted });
  }
}

function groupsOf(node: NodeId, directory: Directory, verdicts: readonly StatusComponent[]): string {
  const groups = directory.groupsOf(node).map(({ group, incarnation }) => `${group}/${incarnation}`);
  if (groups.length > 0) return groups.join(" ");
  return String(verdicts.find((verdict) => verdict.node === node)?.index ?? "");
}
