// How the cluster's log reaches the nodes that have no vote (A3): they follow what is published, and ask any peer that has more
// for what they missed, by index. Whoever holds the database gives it on, as entries or, to who is too far behind, whole.

import { type LogIndex, type Millis, type NodeId, toLogIndex } from "../../proto/ids.ts";
import type { PeerMessage, StateRow } from "../../proto/messages.ts";
import type { Entry, EntryId } from "../../proto/raft.ts";
import { limits } from "./limits.ts";
import { RecentEntries } from "./recent-entries.ts";
import type { World } from "./world.ts";

type Message<Type extends PeerMessage["type"]> = PeerMessage & { readonly type: Type };

/** The database as this node holds it. */
export interface LogHolder {
  readonly applied: () => EntryId;
  readonly smallRows: () => readonly StateRow[];
  /** A replica hears from its leader alone. */
  readonly isReplica: () => boolean;
  /** Applies what continues this node's copy of the log. */
  readonly follow: (entries: readonly Entry[]) => void;
  /** A peer has come so far. */
  readonly reached: (index: LogIndex) => void;
}

export class ClusterLog {
  readonly #world: World;
  readonly #holder: LogHolder;
  readonly #recent = new RecentEntries(limits.clusterEntriesKept);
  #pulledMs: number = Number.NEGATIVE_INFINITY;
  /** The highest index that a peer has reached, by its own word. */
  #told: LogIndex = toLogIndex(0);

  constructor(world: World, holder: LogHolder) {
    this.#world = world;
    this.#holder = holder;
  }

  /** For nodes that will have missed it. */
  keep(entry: Entry): void {
    this.#recent.keep(entry);
  }

  /** The log does not continue what is kept. */
  clear(): void {
    this.#recent.clear();
  }

  /** Nobody who speaks for itself has more of the log. */
  get isLevel(): boolean {
    return this.#index >= this.#told;
  }

  /** A publication, or a hint that there is more. */
  news(from: NodeId, message: Message<"clusterNews">, nowMs: Millis): void {
    this.#holder.follow(message.entries);
    this.maybePull(from, message.index, nowMs);
  }

  /** How far a peer is itself, by its own word. */
  told(peer: NodeId, index: LogIndex, nowMs: Millis): void {
    this.#told = toLogIndex(Math.max(this.#told, index));
    this.maybePull(peer, index, nowMs);
  }

  /** A peer has more of the log than this node: ask it, but not again for what is under way. */
  maybePull(peer: NodeId, index: LogIndex, nowMs: Millis): void {
    this.#holder.reached(index);
    const isUnderWay = nowMs < this.#pulledMs + limits.clusterPullRetryMs;
    if (this.#holder.isReplica() || index <= this.#index || isUnderWay) return;
    this.#pull(peer, nowMs);
  }

  /** A connection has opened: what was missed meanwhile is asked for at once, groups that have begun anew above all. */
  peerUp(peer: NodeId): void {
    if (!this.#holder.isReplica()) this.#ask(peer);
  }

  /** Tells a peer how far the log is here. */
  hint(peer: NodeId): void {
    const { term, index } = this.#holder.applied();
    this.#world.out.send(peer, { type: "clusterNews", term, index, entries: [] });
  }

  answerPull(from: NodeId, after: LogIndex): void {
    if (after >= this.#index) return;
    const entries = this.#recent.after(after, limits.clusterEntriesBytesMax);
    if (entries !== null) return this.#world.out.send(from, { type: "clusterEntries", after, entries });
    this.#world.out.send(from, { type: "clusterState", last: this.#holder.applied(), rows: this.#holder.smallRows() });
  }

  /** Asks for more at once: an answer holds only so much. */
  takeEntries(from: NodeId, { entries }: Message<"clusterEntries">, nowMs: Millis): void {
    this.answered();
    const before = this.#index;
    this.#holder.follow(entries);
    if (this.#index > before) this.#pull(from, nowMs);
  }

  /** What was asked for has come. */
  answered(): void {
    this.#pulledMs = Number.NEGATIVE_INFINITY;
  }

  get #index(): LogIndex {
    return this.#holder.applied().index;
  }

  #pull(peer: NodeId, nowMs: Millis): void {
    this.#pulledMs = nowMs;
    this.#ask(peer);
  }

  #ask(peer: NodeId): void {
    this.#world.out.send(peer, { type: "clusterPull", after: this.#index });
  }
}
