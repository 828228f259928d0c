// Gossipsub set up for a cluster of authenticated members: nothing is signed, because the immediate sender is known and
// counts as the author; and nothing is sent on, as an author reaches its owners, its sphere and, as a voter, every node
// itself. Gossip may lose or repeat anything: repair is the business of the nodes.

import { createHash } from "node:crypto";
import type { GossipSub, GossipsubOpts, Message } from "@chainsafe/libp2p-gossipsub";
import { gossipsub, StrictNoSign, TopicValidatorResult } from "@chainsafe/libp2p-gossipsub";
import type { PeerId } from "@libp2p/interface";
import { assert } from "../../proto/assert.ts";
import type { Topic } from "../node/effects.ts";
import { adapterLimits } from "./adapter-limits.ts";

/** Of a message: 8 bytes that name the sender's start, then its 8-byte count of messages. */
const idBytes = 16;

export type GossipDrop = "oversize" | "gossip_failed" | "unsubscribed_topic";

export interface GossipOptions {
  /** Unlike that of any other node or start: names this sender in the ids of its messages. */
  readonly sender: string;
  /**
   * @param bytes not shared with anyone
   * @returns whether the message is genuine
   */
  readonly receive: (identity: string, bytes: Uint8Array) => boolean;
  readonly dropped: (reason: GossipDrop) => void;
}

/** What gossipsub's class has and its interface does not tell. */
interface GossipSubInside {
  readonly direct: Set<string>;
  readonly streamsOutbound: ReadonlyMap<string, unknown>;
  readonly streamsInbound: ReadonlyMap<string, unknown>;
}

export class Gossip {
  readonly #options: GossipOptions;
  readonly #topics = new Set<Topic>();
  readonly #senderId: Uint8Array;
  #sequence = 0;
  #router: (GossipSub & GossipSubInside) | null = null;

  constructor(options: GossipOptions) {
    this.#options = options;
    this.#senderId = createHash("sha256").update(options.sender).digest().subarray(0, 8);
  }

  /** The service for the libp2p host; its instance is given to `attach`. */
  service(): ReturnType<typeof gossipsub> {
    return gossipsub({
      ...routerOptions,
      // Refuses what nobody here asked for before it takes room in any cache.
      dataTransform: {
        inboundTransform: (topic, bytes) => {
          if (this.#topics.has(topic)) return bytes;
          this.#options.dropped("unsubscribed_topic");
          throw new Error("Not subscribed");
        },
        outboundTransform: (_topic, bytes) => bytes,
      },
    });
  }

  attach(router: GossipSub): void {
    const inside = router as GossipSub & Partial<GossipSubInside>;
    assert(
      inside.direct instanceof Set && inside.streamsOutbound instanceof Map && inside.streamsInbound instanceof Map,
      "gossipsub has changed inside",
    );
    this.#router = inside as GossipSub & GossipSubInside;
  }

  /** From now on listens to exactly these topics. */
  setTopics(topics: readonly Topic[]): void {
    const router = this.#mustRouter();
    assert(topics.length <= adapterLimits.topicsMax, () => `${topics.length} topics, limit ${adapterLimits.topicsMax}`);
    const wanted = new Set(topics);
    for (const topic of [...this.#topics].filter((topic) => !wanted.has(topic))) {
      this.#topics.delete(topic);
      router.unsubscribe(topic);
      router.topicValidators.delete(topic);
    }
    for (const topic of [...wanted].filter((topic) => !this.#topics.has(topic))) {
      this.#topics.add(topic);
      router.topicValidators.set(topic, (peer, message) => this.#validate(peer, message));
      router.subscribe(topic);
    }
  }

  /** Peers that are always sent to and never pruned from a mesh. */
  setDirectPeers(identities: readonly string[]): void {
    const { direct } = this.#mustRouter();
    direct.clear();
    for (const identity of identities) direct.add(identity);
  }

  /** Whether messages flow to and from the peer. */
  reaches(identity: string): boolean {
    const { streamsOutbound, streamsInbound } = this.#mustRouter();
    return streamsOutbound.has(identity) && streamsInbound.has(identity);
  }

  publish(topic: Topic, bytes: Uint8Array): void {
    if (bytes.length > adapterLimits.frameBytesMax) {
      this.#options.dropped("oversize");
      return;
    }
    const published = this.#mustRouter().publish(topic, this.#withId(bytes));
    published.catch(() => this.#options.dropped("gossip_failed"));
  }

  #withId(bytes: Uint8Array): Uint8Array {
    this.#sequence += 1;
    const payload = new Uint8Array(idBytes + bytes.length);
    payload.set(this.#senderId);
    const count = new DataView(payload.buffer, this.#senderId.length);
    count.setUint32(0, Math.floor(this.#sequence / 2 ** 32));
    count.setUint32(4, this.#sequence % 2 ** 32);
    payload.set(bytes, idBytes);
    return payload;
  }

  #validate(peer: PeerId, message: Message): TopicValidatorResult {
    const isGenuine =
      message.data.length >= idBytes && this.#options.receive(peer.toString(), message.data.slice(idBytes));
    // Handed over already: `ignore` keeps gossipsub from sending it on, which it does to all direct peers, mesh or no mesh.
    return isGenuine ? TopicValidatorResult.Ignore : TopicValidatorResult.Reject;
  }

  #mustRouter(): GossipSub & GossipSubInside {
    assert(this.#router !== null, "gossip is not attached");
    return this.#router;
  }
}

const routerOptions: Partial<GossipsubOpts> = {
  globalSignaturePolicy: StrictNoSign,
  msgIdFn: (message) => message.data.subarray(0, idBytes),
  msgIdToStrFn: (id) => Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString("latin1"),
  floodPublish: true,
  batchPublish: true,
  emitSelf: false,
  allowPublishToZeroTopicPeers: true,
  ignoreDuplicatePublishError: true,
  fallbackToFloodsub: false,
  doPX: false,
  tagMeshPeers: false,
  asyncValidation: false,
  awaitRpcHandler: false,
  awaitRpcMessageHandler: false,
  D: 4,
  Dlo: 3,
  Dhi: 8,
  Dscore: 2,
  Dout: 1,
  // The nodes repair by direct streams, sooner than any heartbeat: little is remembered for gossip's own repair.
  mcacheLength: 2,
  mcacheGossip: 1,
  seenTTL: adapterLimits.gossipSeenMs,
  idontwantMinDataSize: 64 * 1024,
  // The links dial; gossipsub's own dialling of direct peers never comes due.
  directConnectTicks: Number.MAX_SAFE_INTEGER,
  maxOutboundBufferSize: adapterLimits.gossipBacklogBytesMax,
  // Somewhat above what is ever published: a longer message would end the peer's gossip stream.
  maxInboundDataLength: adapterLimits.frameBytesMax + 1024 * 1024,
  // Gossipsub charges 1 KiB for each topic.
  maxTopicBytesPerPeer: 2 * 1024 * adapterLimits.topicsMax,
  maxInboundStreams: 8,
  maxOutboundStreams: 8,
  decodeRpcLimits: {
    maxSubscriptions: adapterLimits.topicsMax,
    maxMessages: 5_000,
    maxIhaveMessageIDs: 5_000,
    maxIwantMessageIDs: 5_000,
    maxIdontwantMessageIDs: 512,
    maxControlMessages: 5_000,
    maxPeerInfos: 0,
  },
  // Members are admitted by identity and may share an address: no scores.
  scoreParams: { IPColocationFactorWeight: 0, behaviourPenaltyWeight: 0, topics: {} },
};
