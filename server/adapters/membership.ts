// Who may connect, and as which node: the identities that the cluster database admits, and where they listen.

import type { NodeId } from "../../proto/ids.ts";

export interface PeerAddress {
  /** libp2p peer id. */
  readonly identity: string;
  /** An IP address or a name. */
  readonly host: string;
  readonly port: number;
}

export class Membership {
  #addresses: ReadonlyMap<NodeId, PeerAddress> = new Map();
  #nodes: ReadonlyMap<string, NodeId> = new Map();

  constructor(addresses: ReadonlyMap<NodeId, PeerAddress>) {
    this.replace(addresses);
  }

  /** @returns the nodes that are gone or have another identity now */
  replace(addresses: ReadonlyMap<NodeId, PeerAddress>): readonly NodeId[] {
    const before = this.#addresses;
    this.#addresses = new Map(addresses);
    this.#nodes = new Map([...addresses].map(([node, { identity }]) => [identity, node]));
    return [...before]
      .filter(([node, { identity }]) => addresses.get(node)?.identity !== identity)
      .map(([node]) => node);
  }

  address(node: NodeId): PeerAddress | null {
    return this.#addresses.get(node) ?? null;
  }

  node(identity: string): NodeId | null {
    return this.#nodes.get(identity) ?? null;
  }
}
