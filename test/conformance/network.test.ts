// The network suite on real libp2p hosts.

import { Libp2pHarness } from "./libp2p-harness.ts";
import { networkSuite } from "./network.ts";

networkSuite("libp2p on loopback", () => new Libp2pHarness());
