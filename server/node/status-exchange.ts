// Brings verdicts to the spheres that they concern and summaries to the owners of interlocked groups (A2, A4): published or
// relayed when they change, and repaired by comparing versions with peers, so that nothing depends on gossip (invariant 8).

import { encodeGroupSummary, encodeStatusComponent } from "../../proto/codec/records.ts";
import { compareNames, type Millis, type NodeId } from "../../proto/ids.ts";
import type { PeerMessage } from "../../proto/messages.ts";
import type { DirectoryEntry, GroupSummary, StatusComponent } from "../../proto/model.ts";
import { interlockKey, nodeStatusKey } from "../../storage/keys.ts";
import { audience } from "../sphere/audience.ts";
import type { Directory } from "../sphere/directory.ts";
import { mayHoldComponent, mayHoldSummary } from "../sphere/holding.ts";
import { Rota } from "../sphere/rota.ts";
import type { StatusTable } from "../sphere/status-table.ts";
import { limits } from "./limits.ts";
import { nextTick } from "./millis.ts";
import { sphereTopic } from "./topics.ts";
import type { World } from "./world.ts";

export class StatusExchange {
  readonly #world: World;
  readonly #table: StatusTable;
  readonly #ownSummaries: () => readonly GroupSummary[];
  readonly #changed: (node: NodeId) => void;
  #directory: Directory;
  /** Nodes that hold something which this node may hold too. */
  #partners: readonly NodeId[] = [];
  readonly #rota: Rota;
  #nextDigestMs: Millis;

  constructor(world: World, table: StatusTable, directory: Directory, options: StatusOptions) {
    this.#world = world;
    this.#table = table;
    this.#directory = directory;
    this.#ownSummaries = options.ownSummaries;
    this.#changed = options.changed;
    this.#partners = partnersOf(world.self, directory);
    this.#rota = new Rota(world.random);
    this.#rota.assign(this.#partners);
    this.#nextDigestMs = options.nowMs;
    this.#drop();
  }

  get partners(): readonly NodeId[] {
    return this.#partners;
  }

  components(node?: NodeId): readonly StatusComponent[] {
    return this.#table.components(node);
  }

  summaries(): readonly GroupSummary[] {
    return this.#table.summaries();
  }

  /**
   * Told with every entry of the cluster's log, most of which leave the directory as it is. Whoever joined a group brings news to
   * its sphere and wants news from it; both sides compare notes when they learn of it, for the other may not know it yet and
   * refuse.
   */
  directoryChanged(directory: Directory): void {
    const concerned = directory === this.#directory ? [] : this.#follow(directory);
    this.#rota.moveUp(concerned);
    this.#compareNotes(Math.min(concerned.length, limits.digestJoinersMax));
  }

  /** What this node may hold has changed: the rest goes, on disk too. @returns with whom notes are to be compared now */
  #follow(directory: Directory): readonly NodeId[] {
    const { self } = this.#world;
    const joined = directory.joinedSince(this.#directory);
    this.#directory = directory;
    this.#partners = partnersOf(self, directory);
    this.#rota.assign(this.#partners);
    this.#drop();
    const sphere = directory.sphereOf(self).filter((node) => node !== self);
    return joined.has(self) ? sphere : sphere.filter((node) => joined.has(node));
  }

  #drop(): void {
    for (const dropped of this.#table.retain(this.#directory, this.#world.self)) {
      const isComponent = dropped.type === "component";
      const key = isComponent ? nodeStatusKey(dropped.node, dropped.group) : interlockKey(dropped.group);
      this.#world.out.write([{ type: "delete", key }]);
    }
  }

  /** A group of this node has decided; as its manager this node tells the spheres, as a shared node it relays. */
  groupChanged(changed: readonly StatusComponent[], summary: GroupSummary | null, isManager: boolean): void {
    const news = changed.filter((component) => this.#keepComponent(component));
    if (isManager) for (const component of news) this.#publish(component);
    if (summary !== null) this.#relay(summary);
  }

  receive(message: PeerMessage & { readonly type: "statuses" }): void {
    for (const component of message.components) this.#keepComponent(component);
    for (const summary of message.summaries) this.#keepSummary(summary);
  }

  compare(from: NodeId, message: PeerMessage & { readonly type: "statusDigest" }): void {
    const { self, out } = this.#world;
    const own = this.#ownSummaries();
    const repair = this.#table.newerThan(message.versions, from, this.#directory, self, own);
    const { components, summaries, wanted } = repair;
    if (components.length > 0 || summaries.length > 0) out.send(from, { type: "statuses", components, summaries });
    if (wanted && message.answer) this.#sendDigest(from, false);
  }

  deadline(nowMs: Millis): void {
    if (nowMs < this.#nextDigestMs) return;
    this.#nextDigestMs = nextTick(nowMs, limits.digestIntervalMs);
    this.#compareNotes(limits.digestPeers);
  }

  deadlineMs(): Millis | null {
    return this.#partners.length === 0 ? null : this.#nextDigestMs;
  }

  /** A connection has opened: what was missed meanwhile is fetched at once. */
  peerUp(peer: NodeId): void {
    if (this.#partners.includes(peer)) this.#sendDigest(peer, true);
  }

  #publish(component: StatusComponent): void {
    const message: PeerMessage = { type: "statuses", components: [component], summaries: [] };
    this.#world.out.publish(sphereTopic(component.node), message);
  }

  /** S1 Fig. 3, block 312: the shared nodes are responsible. */
  #relay(summary: GroupSummary): void {
    const { interlocked } = audience({ type: "group", group: summary.group }, this.#directory);
    for (const { relays, nodes } of interlocked) {
      if (!relays.includes(this.#world.self)) continue;
      for (const node of nodes) {
        this.#world.out.send(node, { type: "statuses", components: [], summaries: [summary] });
      }
    }
  }

  #compareNotes(peersMax: number): void {
    const chosen = this.#rota.next(peersMax, (peer) => this.#world.connected.has(peer));
    for (const peer of chosen) this.#sendDigest(peer, true);
  }

  #sendDigest(peer: NodeId, answer: boolean): void {
    const { self, out } = this.#world;
    const versions = this.#table.versionsFor(peer, this.#directory, self, this.#ownSummaries());
    out.send(peer, { type: "statusDigest", versions, answer });
  }

  #keepComponent(component: StatusComponent): boolean {
    if (!mayHoldComponent(component, this.#directory, this.#world.self)) return false;
    if (!this.#table.mergeComponent(component)) return false;
    const key = nodeStatusKey(component.node, component.group);
    this.#world.out.write([{ type: "put", key, value: encodeStatusComponent(component) }]);
    this.#changed(component.node);
    return true;
  }

  #keepSummary(summary: GroupSummary): void {
    if (!mayHoldSummary(summary, this.#directory, this.#world.self)) return;
    if (!this.#table.mergeSummary(summary)) return;
    this.#world.out.write([{ type: "put", key: interlockKey(summary.group), value: encodeGroupSummary(summary) }]);
  }
}

export interface StatusOptions {
  /** Of the groups that this node owns, from their logs. */
  readonly ownSummaries: () => readonly GroupSummary[];
  /** The verdicts on a node are others than before. */
  readonly changed: (node: NodeId) => void;
  readonly nowMs: Millis;
}

/**
 * The nodes of the spheres of all nodes of this node's sphere, and the owners that hear of the same groups; each group is gone
 * through once, for the spheres of the owners of a large one are many, and nearly the same.
 */
function partnersOf(self: NodeId, directory: Directory): readonly NodeId[] {
  const partners = new Set<NodeId>();
  const seen = new Set<DirectoryEntry>();
  for (const node of directory.sphereOf(self)) {
    const groups = directory.groupsOf(node).filter((entry) => !seen.has(entry));
    for (const entry of groups) seen.add(entry);
    for (const owner of groups.flatMap(({ owners }) => owners).toSorted(compareNames)) partners.add(owner);
  }
  partners.delete(self);
  return [...partners];
}
