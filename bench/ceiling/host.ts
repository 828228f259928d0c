// One libp2p host of the ceiling, on a free port of the loopback: TCP, noise, yamux, and gossipsub where it is asked for.

import { type GossipSub, gossipsub, StrictNoSign } from "@chainsafe/libp2p-gossipsub";
import { identify } from "@libp2p/identify";
import type { Libp2p } from "@libp2p/interface";
import { noise } from "@libp2p/noise";
import { tcp } from "@libp2p/tcp";
import { yamux } from "@libp2p/yamux";
import { createLibp2p } from "libp2p";

export const ceilingProtocol = "/bailiwick-bench/ceiling/1";
export const ceilingTopic = "ceiling";

export type CeilingHost = Libp2p<{ pubsub: GossipSub }>;

/** Messages are known by their first ten bytes, in which a piece carries its length and number. */
const idBytes = 10;

export async function createCeilingHost(): Promise<CeilingHost> {
  return await createLibp2p({
    addresses: { listen: ["/ip4/127.0.0.1/tcp/0"] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
    services: {
      identify: identify(),
      pubsub: gossipsub({
        globalSignaturePolicy: StrictNoSign,
        msgIdFn: ({ data }) => data.subarray(0, idBytes),
        floodPublish: true,
        emitSelf: false,
        allowPublishToZeroTopicPeers: true,
        fallbackToFloodsub: false,
        asyncValidation: false,
        awaitRpcHandler: false,
        awaitRpcMessageHandler: false,
        mcacheLength: 2,
        mcacheGossip: 1,
      }),
    },
  });
}
