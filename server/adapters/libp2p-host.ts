// One libp2p host set up for a cluster: TCP, noise and yamux, no discovery, and without the limits made for the open
// internet, which break clusters whose nodes share an address.

import { isIP } from "node:net";
import type { GossipSub } from "@chainsafe/libp2p-gossipsub";
import { type Identify, identify } from "@libp2p/identify";
import type { ConnectionGater, Libp2p, PrivateKey } from "@libp2p/interface";
import { tcp } from "@libp2p/tcp";
import { type Multiaddr, multiaddr } from "@multiformats/multiaddr";
import { createLibp2p } from "libp2p";
import { DbError, failure } from "../../proto/errors.ts";
import { adapterLimits } from "./adapter-limits.ts";
import { encryption } from "./encryption.ts";
import type { Gossip } from "./gossip.ts";
import type { PeerAddress } from "./membership.ts";
import { streamMuxer } from "./stream-muxer.ts";

export type ClusterHost = Libp2p<{ identify: Identify; pubsub: GossipSub }>;

export interface HostAddress {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
}

export interface ClusterHostOptions {
  readonly privateKey: PrivateKey;
  readonly listen: HostAddress;
  readonly gater: ConnectionGater;
  readonly gossip: Gossip;
}

/** Makes a host that does not listen yet: protocols and listeners are added before {@link startHost}. */
export async function createHost(options: ClusterHostOptions): Promise<ClusterHost> {
  const host = await createLibp2p({
    start: false,
    privateKey: options.privateKey,
    addresses: { listen: [`${hostPath(options.listen.host)}/tcp/${options.listen.port}`] },
    transports: [tcp()],
    connectionEncrypters: [encryption()],
    streamMuxers: [streamMuxer()],
    connectionGater: options.gater,
    connectionMonitor: { enabled: false },
    connectionManager: {
      maxConnections: adapterLimits.connectionsMax,
      maxIncomingPendingConnections: adapterLimits.pendingConnectionsMax,
      inboundConnectionThreshold: adapterLimits.inboundPerSecondMax,
      maxParallelDials: adapterLimits.pendingConnectionsMax,
      maxDialQueueLength: adapterLimits.connectionsMax,
      dialTimeout: adapterLimits.dialMs,
      addressDialTimeout: adapterLimits.dialMs,
      inboundUpgradeTimeout: adapterLimits.dialMs,
      inboundStreamProtocolNegotiationTimeout: adapterLimits.openStreamMs,
      outboundStreamProtocolNegotiationTimeout: adapterLimits.openStreamMs,
    },
    services: { identify: identify(), pubsub: options.gossip.service() },
  });
  options.gossip.attach(host.services.pubsub);
  return host;
}

/** @throws {DbError} `condition_failed` when the address cannot be listened on, for example because it is in use */
export async function startHost(host: ClusterHost, listen: HostAddress): Promise<void> {
  try {
    await host.start();
  } catch (cause) {
    await host.stop();
    const reason = cause instanceof Error ? cause.message : String(cause);
    const why = /\b(E[A-Z]{3,}[^\n]*)/.exec(reason)?.[1] ?? reason;
    throw new DbError(failure("condition_failed", `Cannot listen on ${listen.host}:${listen.port}: ${why}`), cause);
  }
}

/** Where to dial a peer; the dial fails unless the peer proves the identity. */
export function toMultiaddr(address: PeerAddress): Multiaddr {
  return multiaddr(`${hostPath(address.host)}/tcp/${address.port}/p2p/${address.identity}`);
}

function hostPath(host: string): string {
  const version = isIP(host);
  return version === 0 ? `/dns/${host}` : `/ip${version}/${host}`;
}
