// The epochs of a group as its log makes them: each grows by one, goes to one node, and to none on which the application has failed
// since an operator last cleared that; and no right is renewed for an owner that is down all the while.

import type { Epoch, GroupId, NodeId } from "../../../proto/ids.ts";
import type { GroupState } from "../../node/group-state.ts";
import { demand } from "../violation.ts";

export interface EpochAt {
  /** The group's, and its epoch, behind one of its entries. */
  readonly revision: number;
  readonly epoch: Epoch;
}

/** An agent was granted the right of a group, for the first time or once more. */
export interface Renewal {
  readonly group: GroupId;
  readonly node: NodeId;
  /** When it asked and was answered, on the world's clock. */
  readonly askedMs: number;
  readonly heardMs: number;
}

interface DownFrom {
  readonly atMs: number;
  readonly nodes: ReadonlySet<NodeId>;
}

export class EpochLog {
  readonly epochs: EpochAt[] = [];
  /** Whom the group holds for down, each time that it changes. */
  readonly #downs: DownFrom[] = [];
  readonly #group: GroupId;
  #epoch = 0;
  #owner: NodeId | null = null;
  #banned: readonly NodeId[] = [];

  constructor(group: GroupId) {
    this.#group = group;
  }

  /** @param state behind the next entry */
  heard(state: GroupState, committedMs: number): void {
    const { mvcc, ownership, placement } = state;
    const { epoch, currentOwner: owner } = ownership;
    this.epochs.push({ revision: mvcc.revision, epoch });
    if (epoch !== this.#epoch) this.#begins(epoch, owner);
    const isSame = owner === this.#owner || owner === null || epoch !== this.#epoch;
    demand(isSame, "epochs", () => `${this.#group} goes from ${this.#owner} to ${owner} under epoch ${epoch}`);
    this.#epoch = epoch;
    this.#owner = owner;
    this.#banned = placement.bans.map(({ node }) => node);
    const down = state.verdicts().flatMap(({ node, status }) => (status === "down" ? [node] : []));
    if (down.join() === [...(this.#downs.at(-1)?.nodes ?? [])].join()) return;
    this.#downs.push({ atMs: committedMs, nodes: new Set(down) });
  }

  /** @returns how many were compared */
  checkRenewals(renewals: readonly Renewal[]): number {
    const own = renewals.filter(({ group }) => group === this.#group);
    for (const { node, askedMs, heardMs } of own) {
      const asked = this.#downs.findLast(({ atMs }) => atMs <= askedMs);
      const later = this.#downs.filter(({ atMs }) => atMs > askedMs && atMs <= heardMs);
      const wasDown = asked !== undefined && [asked, ...later].every(({ nodes }) => nodes.has(node));
      demand(!wasDown, "renewals of lost owners", () => {
        return `${node} asked at ${askedMs.toFixed(3)} for its right of ${this.#group}, which held it for down until it was given it`;
      });
    }
    return own.length;
  }

  #begins(epoch: Epoch, owner: NodeId | null): void {
    demand(epoch === this.#epoch + 1, "epochs", () => `${this.#group}: epoch ${epoch} follows ${this.#epoch}`);
    const isBanned = owner !== null && this.#banned.includes(owner);
    demand(
      !isBanned,
      "bans",
      () => `${this.#group} is assigned to ${owner} under epoch ${epoch}, and has failed there`,
    );
  }
}
