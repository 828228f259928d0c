// The Network port of a real process. What one node must hear goes on a direct stream to it (`peer-link.ts`), what several
// must hear is published (`gossip.ts`). Identity is proven by noise and admitted by membership; an envelope that claims
// another sender or cluster is dropped and counted.

import type { Connection, ConnectionGater, PrivateKey } from "@libp2p/interface";
import { InvariantError } from "../../proto/assert.ts";
import type { BootNumber, ClusterId, NodeId } from "../../proto/ids.ts";
import type { Envelope, PeerMessage } from "../../proto/messages.ts";
import type { Topic } from "../node/effects.ts";
import type { Input } from "../node/inputs.ts";
import type { Deliver, Journal, Network } from "../node/ports.ts";
import { adapterLimits } from "./adapter-limits.ts";
import { Gossip, type GossipDrop } from "./gossip.ts";
import { type ClusterHost, createHost, type HostAddress, startHost, toMultiaddr } from "./libp2p-host.ts";
import { Membership, type PeerAddress } from "./membership.ts";
import { type LinkDrop, PeerLink } from "./peer-link.ts";

const peerProtocol = "/bailiwick/peer/1";

export type DropReason =
  | LinkDrop
  | GossipDrop
  | "unencodable"
  | "malformed_envelope"
  | "wrong_cluster"
  | "forged_sender"
  | "not_a_member"
  | "identity_refused"
  | "link_silent"
  | "link_no_gossip";

export interface EnvelopeCodec {
  encode(envelope: Envelope): Uint8Array;
  /** Throws when the bytes are no envelope. The result may share memory with them. */
  decode(bytes: Uint8Array): Envelope;
}

export interface Libp2pNetworkOptions {
  readonly clusterId: ClusterId;
  readonly self: NodeId;
  readonly boot: BootNumber;
  readonly privateKey: PrivateKey;
  readonly listen: HostAddress;
  /** All members known at the start; this node may be among them. */
  readonly peers: ReadonlyMap<NodeId, PeerAddress>;
  readonly codec: EnvelopeCodec;
  readonly deliver: Deliver;
  readonly onDropped: (reason: DropReason, count: number) => void;
  readonly journal: Journal;
}

export class Libp2pNetwork implements Network {
  readonly #options: Libp2pNetworkOptions;
  readonly #membership: Membership;
  readonly #gossip: Gossip;
  readonly #links = new Map<NodeId, PeerLink>();
  /** Identities, and members of other clusters, that were warned of. */
  readonly #refused = new Set<string>();
  readonly #unencodable = new Set<PeerMessage["type"]>();
  #kept: ReadonlySet<NodeId> = new Set();
  /** One message often goes to several peers in a row. */
  #encoded: { readonly message: PeerMessage; readonly bytes: Uint8Array } | null = null;
  #host: ClusterHost | null = null;
  #checkTimer: NodeJS.Timeout | null = null;
  #checkedAtMs = 0;

  private constructor(options: Libp2pNetworkOptions) {
    this.#options = options;
    this.#membership = new Membership(options.peers);
    this.#gossip = new Gossip({
      sender: `${options.clusterId}/${options.self}/${options.boot}`,
      receive: (identity, bytes) => this.#receivePublished(identity, bytes),
      dropped: (reason) => options.onDropped(reason, 1),
    });
  }

  /**
   * Listens and accepts members; dials nobody before `configure` or `send`.
   *
   * @throws {DbError} `condition_failed` when the address cannot be listened on
   */
  static async start(options: Libp2pNetworkOptions): Promise<Libp2pNetwork> {
    const network = new Libp2pNetwork(options);
    const { privateKey, listen } = options;
    const host = await createHost({ privateKey, listen, gater: network.#gater(), gossip: network.#gossip });
    host.addEventListener("connection:open", (event) => network.#connectionOpened(event.detail));
    host.addEventListener("connection:close", (event) => network.#connectionClosed(event.detail));
    await host.handle(peerProtocol, (stream, connection) => {
      const link = network.#linkOf(connection);
      if (link === null) stream.abort(new Error("Not a member"));
      else link.receive(stream);
    });
    network.#host = host;
    await startHost(host, listen);
    network.#startChecks();
    return network;
  }

  /** The port that is listened on, also where 0 was asked for. */
  get port(): number {
    const [address] = this.#host?.getMultiaddrs() ?? [];
    return Number(address?.getComponents().find(({ name }) => name === "tcp")?.value ?? 0);
  }

  /** Open connections, of either direction. */
  get connectionCount(): number {
    return this.#host?.getConnections().length ?? 0;
  }

  /** Ends all connections. Nothing is delivered any more. */
  async stop(): Promise<void> {
    if (this.#checkTimer !== null) clearInterval(this.#checkTimer);
    const host = this.#host;
    this.#host = null;
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
    await host?.stop();
  }

  /** Takes over the members as the cluster database has them now; connections of those who left are ended. */
  setPeers(peers: ReadonlyMap<NodeId, PeerAddress>): void {
    for (const node of this.#membership.replace(peers)) {
      this.#links.get(node)?.close();
      this.#links.delete(node);
    }
    this.#keepLinks();
  }

  configure(peers: readonly NodeId[], topics: readonly Topic[]): void {
    if (this.#host === null) return;
    this.#kept = new Set(peers);
    this.#gossip.setTopics(topics);
    this.#keepLinks();
  }

  send(to: NodeId, message: PeerMessage): void {
    if (this.#host === null) return;
    const link = this.#link(to);
    const bytes = link === null ? null : this.#encode(message);
    if (link === null) this.#options.onDropped("not_a_member", 1);
    else if (bytes !== null) link.send(bytes);
  }

  publish(topic: Topic, message: PeerMessage): void {
    if (this.#host === null) return;
    const bytes = this.#encode(message);
    if (bytes !== null) this.#gossip.publish(topic, bytes);
  }

  /** null: the protocol has no room for it, for example because it is too long; dropped and counted. */
  #encode(message: PeerMessage): Uint8Array | null {
    if (this.#encoded?.message === message) return this.#encoded.bytes;
    const { clusterId, self, boot, codec } = this.#options;
    try {
      const bytes = codec.encode({ cluster: clusterId, from: self, boot, message });
      this.#encoded = { message, bytes };
      return bytes;
    } catch (reason) {
      this.#noteUnencodable(message, reason);
      return null;
    }
  }

  #noteUnencodable(message: PeerMessage, reason: unknown): void {
    if (reason instanceof InvariantError) throw reason;
    this.#options.onDropped("unencodable", 1);
    if (this.#unencodable.has(message.type)) return;
    this.#unencodable.add(message.type);
    const text = reason instanceof Error ? reason.message : String(reason);
    this.#options.journal.note("warn", "Dropped a message that cannot be encoded", {
      type: message.type,
      reason: text,
    });
  }

  #keepLinks(): void {
    for (const [node, link] of this.#links) if (!this.#kept.has(node)) link.keep(false);
    for (const node of this.#kept) this.#link(node)?.keep(true);
    const addresses = [...this.#kept].map((node) => this.#membership.address(node));
    if (this.#host !== null) this.#gossip.setDirectPeers(addresses.flatMap((address) => address?.identity ?? []));
  }

  /** null: not a member, this node itself, or stopped. */
  #link(node: NodeId): PeerLink | null {
    if (node === this.#options.self || this.#host === null) return null;
    if (this.#membership.address(node) === null) return null;
    const link = this.#links.get(node) ?? this.#createLink(node);
    this.#links.set(node, link);
    return link;
  }

  #createLink(node: NodeId): PeerLink {
    const { self, onDropped } = this.#options;
    return new PeerLink({
      self,
      peer: node,
      dial: () => this.#dial(node),
      openStream: (connection) =>
        connection.newStream(peerProtocol, { signal: AbortSignal.timeout(adapterLimits.openStreamMs) }),
      up: () => this.#deliver({ type: "peerUp", peer: node }),
      down: () => this.#deliver({ type: "peerDown", peer: node }),
      message: (bytes) => this.#receiveDirect(node, bytes),
      dropped: onDropped,
    });
  }

  async #dial(node: NodeId): Promise<void> {
    const address = this.#membership.address(node);
    if (address === null || this.#host === null) return;
    await this.#host.dial(toMultiaddr(address), { signal: AbortSignal.timeout(adapterLimits.dialMs) });
  }

  #linkOf(connection: Connection): PeerLink | null {
    const node = this.#membership.node(connection.remotePeer.toString());
    return node === null ? null : this.#link(node);
  }

  #connectionOpened(connection: Connection): void {
    const link = this.#linkOf(connection);
    if (link === null) connection.abort(new Error("Not a member"));
    else link.connectionOpened(connection);
  }

  #connectionClosed(connection: Connection): void {
    this.#linkOf(connection)?.connectionClosed(connection);
  }

  #gater(): ConnectionGater {
    return {
      denyInboundEncryptedConnection: (peer) => {
        const node = this.#membership.node(peer.toString());
        if (node === null || node === this.#options.self) return this.#refuse(peer.toString());
        return this.#link(node)?.refusesDial() ?? true;
      },
    };
  }

  #refuse(identity: string): true {
    this.#options.onDropped("identity_refused", 1);
    if (!this.#refused.has(identity) && this.#refused.size < adapterLimits.refusedIdentitiesMax) {
      this.#refused.add(identity);
      this.#options.journal.note("warn", "Refused a connection of an unknown identity", { identity });
    }
    return true;
  }

  #receiveDirect(from: NodeId, bytes: Uint8Array): void {
    const envelope = this.#decode(bytes);
    if (envelope === null) return;
    if (envelope.from !== from) this.#options.onDropped("forged_sender", 1);
    else this.#deliver({ type: "peer", from, published: false, envelope });
  }

  #receivePublished(identity: string, bytes: Uint8Array): boolean {
    const from = this.#membership.node(identity);
    if (from === null || this.#host === null) return false;
    const envelope = this.#decode(bytes);
    if (envelope === null) return false;
    if (envelope.from !== from) {
      this.#options.onDropped("forged_sender", 1);
      return false;
    }
    this.#deliver({ type: "peer", from, published: true, envelope });
    return true;
  }

  #deliver(input: Input): void {
    if (this.#host !== null) this.#options.deliver(input);
  }

  /** null: dropped and counted. */
  #decode(bytes: Uint8Array): Envelope | null {
    const { codec, clusterId, onDropped } = this.#options;
    let envelope: Envelope;
    try {
      envelope = codec.decode(bytes);
    } catch {
      onDropped("malformed_envelope", 1);
      return null;
    }
    if (envelope.cluster === clusterId) return envelope;
    onDropped("wrong_cluster", 1);
    this.#noteForeign(envelope);
    return null;
  }

  /** A member by its identity, but started with another bootstrap file: said once, because its operator must know. */
  #noteForeign({ from, cluster }: Envelope): void {
    const key = `${from} of ${cluster}`;
    if (this.#refused.has(key) || this.#refused.size >= adapterLimits.refusedIdentitiesMax) return;
    this.#refused.add(key);
    const fields = { peer: from, theirs: cluster, ours: this.#options.clusterId };
    this.#options.journal.note("warn", "A peer has another cluster file: nothing that it says counts", fields);
  }

  #startChecks(): void {
    this.#checkedAtMs = performance.now();
    this.#checkTimer = setInterval(() => this.#check(), adapterLimits.checkIntervalMs);
  }

  #check(): void {
    const nowMs = performance.now();
    const isStalled = nowMs - this.#checkedAtMs > 1.5 * adapterLimits.checkIntervalMs;
    this.#checkedAtMs = nowMs;
    for (const [node, link] of this.#links) {
      const address = this.#membership.address(node);
      const hasGossip = address !== null && this.#gossip.reaches(address.identity);
      const cut = link.check(nowMs, hasGossip, isStalled);
      if (cut !== null) this.#options.onDropped(`link_${cut}`, 1);
    }
  }
}
