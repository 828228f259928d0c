// What every implementation of the Network port must do, real or simulated: the suite is given a harness that makes
// networks and lets time pass, and asserts only what the port promises on a sound network.

import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { type NodeId, toLogIndex, toNodeId, toTerm } from "../../proto/ids.ts";
import type { PeerMessage } from "../../proto/messages.ts";
import type { Input } from "../../server/node/inputs.ts";
import type { Network } from "../../server/node/ports.ts";

export interface Station {
  readonly node: NodeId;
  readonly network: Network;
  /** All inputs delivered so far, in order. */
  readonly inputs: readonly Input[];
}

export interface NetworkHarness {
  /** One network a node, all members of one cluster; nobody is connected or subscribed yet. */
  create(nodes: readonly NodeId[]): Promise<readonly Station[]>;
  /** Lets time pass until `done`, and fails with `what` after a generous while. */
  settle(what: string, done: () => boolean): Promise<void>;
  /** Ends a node without a word, as SIGKILL would. */
  kill(station: Station): Promise<void>;
  /** Starts a killed node again under the same name and identity. */
  restart(station: Station): Promise<Station>;
  close(): Promise<void>;
}

const [a, b, c] = [toNodeId("n1"), toNodeId("n2"), toNodeId("n3")];
const topic = "owners/n1,n2";

/** A message that names itself by `call`. */
export function numbered(call: number): PeerMessage {
  return { type: "forwardCancel", call };
}

/** A message of about `bytes`. */
export function bulky(bytes: number): PeerMessage {
  const value = new Uint8Array(bytes).map((_, position) => position % 251);
  return {
    type: "clusterState",
    last: { term: toTerm(1), index: toLogIndex(1) },
    rows: [{ key: new Uint8Array([1]), value }],
  };
}

type PeerInput = Extract<Input, { type: "peer" }>;

export function messagesAt(station: Station): readonly PeerInput[] {
  return station.inputs.filter((input) => input.type === "peer");
}

/** The numbers of the `numbered` messages that came, in order. */
export function numbersAt(station: Station, published = false): readonly number[] {
  return messagesAt(station)
    .filter((input) => input.published === published)
    .flatMap(({ envelope }) => (envelope.message.type === "forwardCancel" ? [envelope.message.call] : []));
}

export function changesAt(station: Station, type: "peerUp" | "peerDown"): readonly NodeId[] {
  return station.inputs.flatMap((input) => (input.type === type ? [input.peer] : []));
}

function range(count: number): readonly number[] {
  return Array.from({ length: count }, (_, position) => position);
}

export function networkSuite(name: string, createHarness: () => NetworkHarness): void {
  describe(`Network: ${name}`, () => {
    let harness: NetworkHarness;
    let stations: readonly Station[];
    const at = (position: number): Station => stations[position] as Station;

    beforeEach(async () => {
      harness = createHarness();
      stations = await harness.create([a, b, c]);
    });
    afterEach(async () => await harness.close());

    /** All three keep connections to each other; `topics` of each by position. */
    const connect = async (topics: readonly (readonly string[])[] = [[], [], []]) => {
      const nodes = stations.map(({ node }) => node);
      for (const [position, { node, network }] of stations.entries()) {
        network.configure(
          nodes.filter((other) => other !== node),
          topics[position] ?? [],
        );
      }
      await harness.settle("all connected", () =>
        stations.every((station) => new Set(changesAt(station, "peerUp")).size === nodes.length - 1),
      );
    };

    /** Publishes over and over, as gossip may need a while to learn of subscriptions; a number is used once. */
    const publishUntil = async (publisher: Station, to: string, done: () => boolean) => {
      let number = 0;
      await harness.settle("publication heard", () => {
        if (!done()) publisher.network.publish(to, numbered(++number));
        return done();
      });
    };

    it("send() reaches its addressee alone, both ways, with the sender's envelope", async () => {
      await connect();
      at(0).network.send(b, numbered(7));
      at(1).network.send(a, numbered(8));
      await harness.settle("both heard", () => numbersAt(at(1)).length + numbersAt(at(0)).length === 2);
      const [heard] = messagesAt(at(1));
      assert.equal(heard?.from, a);
      assert.equal(heard?.published, false);
      assert.equal(heard?.envelope.from, a);
      assert.deepEqual(heard?.envelope.message, numbered(7));
      assert.deepEqual(numbersAt(at(0)), [8]);
      assert.deepEqual(messagesAt(at(2)), []);
    });

    it("send() keeps the order of messages to one peer and loses none of a moderate burst", async () => {
      await connect();
      for (const number of range(500)) at(0).network.send(b, numbered(number));
      await harness.settle("all heard", () => numbersAt(at(1)).length === 500);
      assert.deepEqual(numbersAt(at(1)), range(500));
    });

    it("send() carries a message of 5 MiB", async () => {
      await connect();
      at(0).network.send(b, bulky(5 * 1024 * 1024));
      at(0).network.send(b, numbered(1));
      await harness.settle("heard", () => messagesAt(at(1)).length === 2);
      assert.deepEqual(messagesAt(at(1))[0]?.envelope.message, bulky(5 * 1024 * 1024));
    });

    it("send() to a peer that is not configured reaches it", async () => {
      at(0).network.send(c, numbered(3));
      await harness.settle("heard", () => numbersAt(at(2)).length === 1);
      at(2).network.send(a, numbered(4));
      await harness.settle("answered", () => numbersAt(at(0)).length === 1);
    });

    it("send() to a name that is no member does nothing", async () => {
      await connect();
      at(0).network.send(toNodeId("nobody"), numbered(1));
      at(0).network.send(b, numbered(2));
      await harness.settle("the other heard", () => numbersAt(at(1)).length === 1);
    });

    it("publish() reaches the subscribers, not others and not its author", async () => {
      await connect([[topic], [topic], ["sphere/n3"]]);
      await publishUntil(at(0), topic, () => numbersAt(at(1), true).length >= 3);
      const [heard] = messagesAt(at(1));
      assert.equal(heard?.from, a);
      assert.equal(heard?.published, true);
      assert.equal(heard?.envelope.from, a);
      assert.deepEqual(messagesAt(at(0)), []);
      assert.deepEqual(messagesAt(at(2)), []);
      assert.equal(new Set(numbersAt(at(1), true)).size, numbersAt(at(1), true).length);
    });

    it("publish() is heard no more after the topic is given up", async () => {
      await connect([[], [topic], [topic]]);
      const bothHeard = () => numbersAt(at(1), true).length > 0 && numbersAt(at(2), true).length > 0;
      await publishUntil(at(0), topic, bothHeard);
      at(1).network.configure([a, c], []);
      const before = { b: numbersAt(at(1), true).length, c: numbersAt(at(2), true).length };
      await publishUntil(at(0), topic, () => numbersAt(at(2), true).length >= before.c + 3);
      assert.equal(numbersAt(at(1), true).length, before.b);
    });

    it("a killed peer is reported down, and up when it is back, and heard again", async () => {
      await connect();
      await harness.kill(at(1));
      await harness.settle("down at both", () =>
        [at(0), at(2)].every((station) => changesAt(station, "peerDown").includes(b)),
      );
      const back = await harness.restart(at(1));
      back.network.configure([a, c], []);
      await harness.settle("up again", () => changesAt(at(0), "peerUp").filter((peer) => peer === b).length === 2);
      at(0).network.send(b, numbered(11));
      back.network.send(a, numbered(12));
      await harness.settle("heard", () => numbersAt(back).includes(11) && numbersAt(at(0)).includes(12));
    });
  });
}
