// Whether this node takes part in its groups, and which peers do not, by their own word: when a quarantine begins, what goes on
// record, and when it is over. What the parts of the node give up then is for the node to see to.

import type { BootNumber, NodeId } from "../../proto/ids.ts";
import type { ClusterDatabase } from "./cluster-database.ts";
import { quarantineOperations, releaseOperations } from "./genesis.ts";
import type { Groups } from "./groups.ts";
import type { NodeImage } from "./image.ts";
import type { Outbox } from "./outbox.ts";

export class Quarantine {
  readonly #self: NodeId;
  readonly #boot: BootNumber;
  readonly #out: Outbox;
  #reason: string | null;
  #isForgetful: boolean;
  readonly #reasons: Map<NodeId, string>;

  constructor(image: Pick<NodeImage, "node" | "boot" | "quarantine" | "anewSince">, out: Outbox) {
    this.#self = image.node;
    this.#boot = image.boot;
    this.#out = out;
    this.#reason = image.quarantine;
    this.#isForgetful = image.anewSince > 0;
    this.#reasons = new Map(image.quarantine === null ? [] : [[image.node, image.quarantine]]);
  }

  /** Why the node takes no part in its groups; null: it does. */
  get reason(): string | null {
    return this.#reason;
  }

  /** Whether the node ever was in quarantine: then it does not know which members it has been. */
  get isForgetful(): boolean {
    return this.#isForgetful;
  }

  /** Why nodes take no part in their groups: peers, and this one. */
  get reasons(): ReadonlyMap<NodeId, string> {
    return this.#reasons;
  }

  /** As a start does it that finds its data old: this node speaks as none of the members that it was, from this step on. */
  enter(reason: string, database: ClusterDatabase): void {
    this.#reason = reason;
    this.#isForgetful = true;
    this.#reasons.set(this.#self, reason);
    this.#out.note("warn", "Quarantined", { reason });
    this.#out.writeDurably(quarantineOperations(database.record, reason, this.#boot), null);
  }

  /**
   * Every group that this node owns is here again, brought up by its peers: it is as good as any other. A group that it once
   * began is in the cluster's log, and must not begin with it again. No group waits for the vote in the cluster group; of a node
   * without groups that is all there is to bring up.
   *
   * @returns whether the quarantine is over with this step
   */
  maybeEnd(database: ClusterDatabase, groups: Groups): boolean {
    if (this.#reason === null || !database.log.isLevel) return false;
    const { directory, voters } = database.state;
    const owned = directory.groupsOf(this.#self);
    const hasVote = voters.includes(this.#self) && database.replica !== null;
    if (owned.length === 0 && !hasVote) return false;
    if (!owned.every(({ group }) => groups.get(group)?.isOwner === true)) return false;
    this.#reason = null;
    this.#reasons.delete(this.#self);
    this.#out.writeDurably(releaseOperations(), null);
    this.#out.note("info", "Readmitted", { groups: owned.length });
    return true;
  }

  /** @param reason as the peer gives it; empty: it is in none. @returns whether that is news */
  heardOf(peer: NodeId, reason: string): boolean {
    if ((this.#reasons.get(peer) ?? "") === reason) return false;
    if (reason === "") this.#reasons.delete(peer);
    else this.#reasons.set(peer, reason);
    return true;
  }

  /** Beaten with by whoever has noted it, also where that leads nothing: no other word says that a quarantine is over. */
  among(peers: ReadonlySet<NodeId>): readonly NodeId[] {
    return [...this.#reasons.keys()].filter((peer) => peers.has(peer));
  }
}
