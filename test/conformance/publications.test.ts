// What publications cost those who hear them, on real hosts: whoever hears one hands it to nobody, so that one copy comes.

import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import type { GossipSub } from "@chainsafe/libp2p-gossipsub";
import { toNodeId } from "../../proto/ids.ts";
import { Gossip } from "../../server/adapters/gossip.ts";
import { clusterTopic } from "../../server/node/topics.ts";
import { Libp2pHarness, type LibStation, until } from "./libp2p-harness.ts";
import { numbered, numbersAt } from "./network.ts";

const voters = ["v1", "v2", "v3"].map(toNodeId);
const others = Array.from({ length: 9 }, (_, at) => toNodeId(`n${at}`));

/** What gossipsub's class has and its interface does not tell: called for each copy, before it is known for one. */
interface Receiving extends GossipSub {
  handleReceivedMessage(from: unknown, message: { readonly data: Uint8Array }): Promise<void>;
}

let harness: Libp2pHarness;
/** Of each message to each host. */
let copies: Map<string, number>[];

beforeEach(() => {
  copies = [];
  const { service } = Gossip.prototype;
  mock.method(Gossip.prototype, "service", function (this: Gossip): ReturnType<Gossip["service"]> {
    const create = service.call(this);
    return (components) => counting(create(components) as Receiving);
  });
  harness = new Libp2pHarness();
});
afterEach(async () => {
  await harness.close();
  mock.restoreAll();
});

function counting(router: Receiving): GossipSub {
  const counts = new Map<string, number>();
  copies.push(counts);
  const receive = router.handleReceivedMessage.bind(router);
  router.handleReceivedMessage = (from, message) => {
    const content = Buffer.from(message.data).toString("latin1");
    counts.set(content, (counts.get(content) ?? 0) + 1);
    return receive(from, message);
  };
  return router;
}

/** As in a cluster: all keep connections to the voters. @returns whom each hears */
function configure(stations: readonly LibStation[]): ReadonlyMap<LibStation, readonly LibStation[]> {
  return new Map(
    stations.map((station) => {
      const { node, network } = station;
      const kept = voters.filter((voter) => voter !== node);
      network.configure(kept, [clusterTopic]);
      const isHeard = (other: LibStation) => other !== station && (voters.includes(node) || kept.includes(other.node));
      return [station, stations.filter(isHeard)];
    }),
  );
}

test("of what a voter publishes for the cluster one copy comes to each of eleven nodes", async () => {
  const stations = await harness.create([...voters, ...others]);
  const heardBy = configure(stations);
  const publish = (from: LibStation, number: number) => {
    from.network.publish(clusterTopic, numbered(1_000 * stations.indexOf(from) + number));
  };
  const haveHeard = (number: number) => {
    return [...heardBy].every(([reader, authors]) => {
      const heard = new Set(numbersAt(reader, true));
      return authors.every((author) => heard.has(1_000 * stations.indexOf(author) + number));
    });
  };
  // Each round comes behind what anybody has handed on in the rounds before it.
  for (let round = 1; round <= 5; round++) {
    await until(`round ${round}`, () => {
      for (const station of stations) publish(station, round);
      return haveHeard(round);
    });
  }
  const most = copies.map((counts) => Math.max(...counts.values()));
  assert.deepEqual(
    most,
    stations.map(() => 1),
  );
});
