// A network in a process of its own, for tests that end it with SIGKILL: `node libp2p-child.ts SELF PEER ADDRESS-JSON`.
// Says its own address on the channel to its parent once it listens, then keeps a connection to the peer.

import { toNodeId } from "../../proto/ids.ts";
import type { PeerAddress } from "../../server/adapters/membership.ts";
import { Libp2pHarness } from "./libp2p-harness.ts";

const [self = "", peer = "", address = ""] = process.argv.slice(2);
const harness = new Libp2pHarness();
const peers = new Map([[toNodeId(peer), JSON.parse(address) as PeerAddress]]);
const station = await harness.start({ node: toNodeId(self), peers });
station.network.configure([toNodeId(peer)], []);
process.send?.(station.address);
process.on("disconnect", () => process.exit(0));
