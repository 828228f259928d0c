// The network between the simulated nodes: direct messages over connections and publications by a gossip model of its own.
// Every message may be carried through `carry`, which a caller sets to a codec or to a check that nobody changes it.

import { present } from "../../proto/assert.ts";
import type { BootNumber, ClusterId, NodeId } from "../../proto/ids.ts";
import type { Envelope, PeerMessage } from "../../proto/messages.ts";
import type { Random } from "../../proto/random.ts";
import type { Topic } from "../node/effects.ts";
import type { Deliver, Network } from "../node/ports.ts";
import type { Carry } from "./carry.ts";
import { Connections } from "./connections.ts";
import { Link } from "./link.ts";
import { calmLink, type LinkOptions } from "./link-options.ts";
import type { Scheduler } from "./scheduler.ts";

/** One publication on its way to one subscriber. `from`: who hands it over, by its connection. */
export interface Hop {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly envelope: Envelope;
}

/** A fault that lives outside: says what travels instead of a hop; `[hop]` changes nothing. */
export type GossipFilter = (topic: Topic, hop: Hop) => readonly Hop[];

export interface NetworkOptions {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly cluster: ClusterId;
  /** What the receiver is handed for an envelope that was sent; null: nothing, it is too long to be sent. */
  readonly carry: Carry;
  /** Told of every direct message and publication as it leaves its node. */
  readonly onLeave: (from: NodeId, to: NodeId | Topic, message: PeerMessage) => void;
}

interface Endpoint {
  readonly boot: BootNumber;
  readonly deliver: Deliver;
  topics: ReadonlySet<Topic>;
}

export class SimNetwork {
  readonly connections: Connections;
  readonly #options: NetworkOptions;
  readonly #random: Random;
  readonly #links = new Map<string, Link>();
  /** By `from>to`: directions that lose more than the others. */
  readonly #losses = new Map<string, number>();
  readonly #endpoints = new Map<NodeId, Endpoint>();
  #link: LinkOptions = calmLink;
  #gossipFilter: GossipFilter | null = null;
  #delivered = 0;

  constructor(options: NetworkOptions) {
    this.#options = options;
    this.#random = options.random.fork();
    this.connections = new Connections({
      scheduler: options.scheduler,
      random: options.random.fork(),
      link: () => this.#link,
      events: {
        changed: (at, peer, isUp) => this.#endpoints.get(at)?.deliver({ type: isUp ? "peerUp" : "peerDown", peer }),
      },
    });
  }

  /** Messages that have arrived since the start of the world. */
  get delivered(): number {
    return this.#delivered;
  }

  setLink(link: LinkOptions): void {
    this.#link = link;
  }

  /** One direction loses this share of what is sent, though the connection stays; 0: no more than the others. */
  setLoss(from: NodeId, to: NodeId, probability: number): void {
    if (probability > 0) this.#losses.set(`${from}>${to}`, probability);
    else this.#losses.delete(`${from}>${to}`);
  }

  /** null: publications arrive as they were sent. */
  setGossipFilter(filter: GossipFilter | null): void {
    this.#gossipFilter = filter;
  }

  /** Gives a starting process its way into the network; it lasts until {@link SimNetwork.detach}. */
  attach(node: NodeId, boot: BootNumber, deliver: Deliver): Network {
    const endpoint: Endpoint = { boot, deliver, topics: new Set() };
    this.#endpoints.set(node, endpoint);
    this.connections.open(node);
    const isCurrent = () => this.#endpoints.get(node) === endpoint;
    return {
      send: (to, message) => {
        if (isCurrent()) this.#send(node, to, message);
      },
      publish: (topic, message) => {
        if (isCurrent()) this.#publish(node, topic, message);
      },
      configure: (peers, topics) => {
        if (!isCurrent()) return;
        endpoint.topics = new Set(topics);
        this.connections.keep(node, peers);
      },
    };
  }

  /** The process of `node` has ended. */
  detach(node: NodeId): void {
    this.#endpoints.delete(node);
    this.connections.close(node);
  }

  #send(from: NodeId, to: NodeId, message: PeerMessage): void {
    this.#options.onLeave(from, to, message);
    const envelope = this.#options.carry(this.#envelope(from, message));
    if (envelope === null) return;
    this.connections.whenUp(from, to, () => this.#transmit({ from, to, envelope }, false));
  }

  /** Reaches who subscribes and is connected with the publisher itself; nobody passes it on. */
  #publish(from: NodeId, topic: Topic, message: PeerMessage): void {
    this.#options.onLeave(from, topic, message);
    const envelope = this.#options.carry(this.#envelope(from, message));
    if (envelope === null) return;
    for (const [to, endpoint] of this.#endpoints) {
      if (to === from || !endpoint.topics.has(topic) || !this.connections.isUp(from, to)) continue;
      const hop: Hop = { from, to, envelope };
      for (const travelling of this.#gossipFilter?.(topic, hop) ?? [hop]) this.#transmit(travelling, true);
    }
  }

  #transmit(hop: Hop, isPublished: boolean): void {
    const { scheduler } = this.#options;
    const { from, to } = hop;
    const generation = this.connections.generation(from, to);
    for (const atMs of this.#linkOf(from, to).arrivals(scheduler.nowMs)) {
      scheduler.at(atMs, () => {
        if (this.connections.isBlocked(from, to)) return;
        if (this.connections.generation(from, to) === generation) this.#arrive(hop, isPublished);
      });
    }
  }

  #arrive({ from, to, envelope }: Hop, isPublished: boolean): void {
    const endpoint = this.#endpoints.get(to);
    if (endpoint === undefined) return;
    this.#delivered += 1;
    endpoint.deliver({ type: "peer", from, published: isPublished, envelope });
  }

  #linkOf(from: NodeId, to: NodeId): Link {
    const key = `${from}>${to}`;
    const known = this.#links.get(key);
    if (known !== undefined) return known;
    const made = new Link(this.#random.fork(), () => this.#optionsOf(key));
    this.#links.set(key, made);
    return made;
  }

  #optionsOf(way: string): LinkOptions {
    const lossProbability = this.#losses.get(way);
    return lossProbability === undefined ? this.#link : { ...this.#link, lossProbability };
  }

  #envelope(from: NodeId, message: PeerMessage): Envelope {
    const { boot } = present(this.#endpoints.get(from), `endpoint of ${from}`);
    return { cluster: this.#options.cluster, from, boot, message };
  }
}
