// Real hosts on loopback ports for the network suite and for tests of what only a real network can do.

import { deserialize, serialize } from "node:v8";
import { generateKeyPair } from "@libp2p/crypto/keys";
import type { PrivateKey } from "@libp2p/interface";
import { peerIdFromPrivateKey } from "@libp2p/peer-id";
import { type ClusterId, type NodeId, toBootNumber, toClusterId } from "../../proto/ids.ts";
import type { Envelope } from "../../proto/messages.ts";
import { Counters } from "../../server/adapters/counters.ts";
import { type EnvelopeCodec, Libp2pNetwork, type Libp2pNetworkOptions } from "../../server/adapters/libp2p-network.ts";
import type { PeerAddress } from "../../server/adapters/membership.ts";
import type { Input } from "../../server/node/inputs.ts";
import type { NetworkHarness, Station } from "./network.ts";

const testCluster = toClusterId("0123456789abcdef0123456789abcdef");

/** Any self-describing form will do to test the network; the wire form has tests of its own. */
export const testCodec: EnvelopeCodec = {
  encode: (envelope) => serialize(envelope),
  decode: (bytes) => deserialize(bytes) as Envelope,
};

export interface LibStation extends Station {
  readonly network: Libp2pNetwork;
  readonly inputs: Input[];
  readonly privateKey: PrivateKey;
  readonly address: PeerAddress;
  readonly counters: Counters;
  /** Texts of the journal's notes. */
  readonly notes: string[];
}

export interface StationOptions {
  readonly node: NodeId;
  readonly privateKey?: PrivateKey;
  readonly port?: number;
  readonly boot?: number;
  readonly cluster?: ClusterId;
  readonly codec?: EnvelopeCodec;
  readonly peers?: ReadonlyMap<NodeId, PeerAddress>;
}

/** @throws {Error} when `done` is not true within `timeoutMs` */
export async function until(what: string, done: () => boolean, timeoutMs = 60_000): Promise<void> {
  const lateMs = performance.now() + timeoutMs;
  while (!done()) {
    if (performance.now() > lateMs) throw new Error(`Not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export class Libp2pHarness implements NetworkHarness {
  #stations: LibStation[] = [];

  async create(nodes: readonly NodeId[]): Promise<readonly LibStation[]> {
    const stations = await Promise.all(nodes.map((node) => this.start({ node })));
    this.introduce();
    return stations;
  }

  /** One more host. It knows nobody, and nobody it, before `introduce`. */
  async start(options: StationOptions): Promise<LibStation> {
    const privateKey = options.privateKey ?? (await generateKeyPair("Ed25519"));
    const inputs: Input[] = [];
    const notes: string[] = [];
    const counters = new Counters();
    const networkOptions: Libp2pNetworkOptions = {
      clusterId: options.cluster ?? testCluster,
      self: options.node,
      boot: toBootNumber(options.boot ?? 1),
      privateKey,
      listen: { host: "127.0.0.1", port: options.port ?? 0 },
      peers: options.peers ?? new Map(),
      codec: options.codec ?? testCodec,
      deliver: (input) => inputs.push(input),
      onDropped: (reason, count) => counters.add(reason, count),
      journal: { note: (_level, text) => notes.push(text) },
    };
    const network = await Libp2pNetwork.start(networkOptions);
    const identity = peerIdFromPrivateKey(privateKey).toString();
    const address = { identity, host: "127.0.0.1", port: network.port };
    const station = { node: options.node, network, inputs, privateKey, address, counters, notes };
    this.#stations.push(station);
    return station;
  }

  /** Makes all stations members of each other's cluster. */
  introduce(): void {
    for (const { network } of this.#stations) network.setPeers(this.addresses());
  }

  addresses(): ReadonlyMap<NodeId, PeerAddress> {
    return new Map(this.#stations.map(({ node, address }) => [node, address]));
  }

  async settle(what: string, done: () => boolean): Promise<void> {
    await until(what, done);
  }

  async kill(station: Station): Promise<void> {
    await this.#find(station).network.stop();
  }

  async restart(station: Station): Promise<LibStation> {
    const { node, privateKey, address } = this.#find(station);
    const peers = this.addresses();
    this.#stations = this.#stations.filter((other) => other.node !== node);
    return await this.start({ node, privateKey, port: address.port, boot: 2, peers });
  }

  async close(): Promise<void> {
    await Promise.all(this.#stations.map(({ network }) => network.stop()));
  }

  #find(station: Station): LibStation {
    const found = this.#stations.find(({ node }) => node === station.node);
    if (found === undefined) throw new Error(`No station ${station.node}`);
    return found;
  }
}
