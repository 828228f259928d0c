// The simulated network: connections and their news, order, loss, cuts, publications.

import assert from "node:assert/strict";
import { test } from "node:test";
import { wireLimits } from "../../../proto/codec/wire-limits.ts";
import { type NodeId, toBootNumber, toClusterId, toLogIndex, toNodeId, toTerm } from "../../../proto/ids.ts";
import type { PeerMessage } from "../../../proto/messages.ts";
import { Random } from "../../../proto/random.ts";
import type { Input } from "../../../server/node/inputs.ts";
import type { Network } from "../../../server/node/ports.ts";
import { type Carry, carryOf } from "../../../server/simulation/carry.ts";
import { calmLink } from "../../../server/simulation/link-options.ts";
import { Scheduler } from "../../../server/simulation/scheduler.ts";
import { SimNetwork } from "../../../server/simulation/sim-network.ts";

const [a, b, c] = ["a", "b", "c"].map(toNodeId) as [NodeId, NodeId, NodeId];

function rig(carry: Carry = carryOf("handed")) {
  const scheduler = new Scheduler();
  const network = new SimNetwork({
    scheduler,
    random: new Random(1),
    cluster: toClusterId("00112233445566778899aabbccddeeff"),
    carry,
    onLeave: () => {},
  });
  const heard = new Map<NodeId, string[]>();
  const attach = (node: NodeId): Network => {
    const lines: string[] = [];
    heard.set(node, lines);
    return network.attach(node, toBootNumber(1), (input) => lines.push(textOf(input)));
  };
  const take = (node: NodeId) => heard.get(node)?.splice(0) ?? [];
  return { scheduler, network, attach, take };
}

function textOf(input: Input): string {
  if (input.type === "peerUp" || input.type === "peerDown") return `${input.type} ${input.peer}`;
  if (input.type !== "peer" || input.envelope.message.type !== "clusterPull") return input.type;
  return `${input.from}${input.published ? "*" : ""} ${input.envelope.from} ${input.envelope.message.after}`;
}

function message(after: number): PeerMessage {
  return { type: "clusterPull", after: toLogIndex(after) };
}

function rowsOf(bytes: number): PeerMessage {
  const rowBytes = 500_000;
  const row = { key: new Uint8Array(1), value: new Uint8Array(rowBytes) };
  const rows = Array.from({ length: Math.ceil(bytes / rowBytes) }, () => row);
  return { type: "clusterState", last: { term: toTerm(1), index: toLogIndex(1) }, rows };
}

test("a wanted connection comes up at both ends and carries messages in order", () => {
  const { scheduler, attach, take } = rig();
  const network = attach(a);
  attach(b);
  network.configure([b], []);
  scheduler.runUntil(100);
  assert.deepEqual([take(a), take(b)], [["peerUp b"], ["peerUp a"]]);
  for (let after = 1; after <= 50; after++) network.send(b, message(after));
  scheduler.runUntil(200);
  assert.deepEqual(
    take(b),
    Array.from({ length: 50 }, (_, position) => `a a ${position + 1}`),
  );
});

test("reordering and duplication happen only when asked for", () => {
  const { scheduler, network: net, attach, take } = rig();
  const network = attach(a);
  attach(b);
  net.setLink({ ...calmLink, latencyMsMean: 5, reorderProbability: 0.5, duplicateProbability: 0.5 });
  for (let after = 1; after <= 100; after++) network.send(b, message(after));
  scheduler.runUntil(1_000);
  const heard = take(b).slice(1);
  assert.ok(heard.length > 120 && heard.length < 180, `${heard.length} arrivals`);
  assert.equal(new Set(heard).size, 100);
  assert.notDeepEqual(heard, heard.toSorted());
});

test("a blocked direction loses messages, and both ends hear of the cut in time and of the repair", () => {
  const { scheduler, network: net, attach, take } = rig();
  const network = attach(a);
  const back = attach(b);
  network.configure([b], []);
  scheduler.runUntil(100);
  net.setLink({ ...calmLink, cutNoticeMsMax: 1_000 });
  net.connections.block(a, b);
  network.send(b, message(1));
  back.send(a, message(2));
  scheduler.runUntil(101);
  assert.deepEqual(take(b), ["peerUp a"], "lost, and not noticed yet");
  scheduler.runUntil(1_200);
  assert.deepEqual([take(a), take(b)], [["peerUp b", "b b 2", "peerDown b"], ["peerDown a"]]);
  net.connections.unblockAll();
  scheduler.runUntil(3_000);
  assert.deepEqual([take(a), take(b)], [["peerUp b"], ["peerUp a"]]);
});

test("a process that ends takes its messages and connections with it", () => {
  const { scheduler, network: net, attach, take } = rig();
  const network = attach(a);
  const old = attach(b);
  network.configure([b], []);
  scheduler.runUntil(100);
  old.send(a, message(1));
  net.detach(b);
  old.send(a, message(2));
  scheduler.runUntil(200);
  assert.deepEqual(take(a), ["peerUp b", "peerDown b"]);
  attach(b);
  scheduler.runUntil(1_000);
  assert.deepEqual([take(a), take(b)], [["peerUp b"], ["peerUp a"]]);
});

test("a message that is too long for the wire is lost, sent or published, and the connection stays", () => {
  const { scheduler, attach, take } = rig(carryOf("codec"));
  const networks = [attach(a), attach(b)] as const;
  networks[0].configure([b], ["t"]);
  networks[1].configure([], ["t"]);
  scheduler.runUntil(100);
  take(b);
  networks[0].send(b, rowsOf(wireLimits.sentBytesMax));
  networks[0].publish("t", rowsOf(wireLimits.sentBytesMax));
  networks[0].send(b, rowsOf(wireLimits.sentBytesMax - 1_000_000));
  networks[0].send(b, message(1));
  scheduler.runUntil(200);
  assert.deepEqual(take(b), ["peer", "a a 1"]);
});

test("a publication reaches connected subscribers and nobody else", () => {
  const { scheduler, attach, take } = rig();
  const networks = [attach(a), attach(b), attach(c)] as const;
  networks[0].configure([b, c], ["t"]);
  networks[1].configure([], ["t"]);
  networks[2].configure([], ["other"]);
  scheduler.runUntil(100);
  networks[0].publish("t", message(1));
  scheduler.runUntil(200);
  assert.deepEqual(
    [take(a).sort(), take(b), take(c)],
    [["peerUp b", "peerUp c"], ["peerUp a", "a* a 1"], ["peerUp a"]],
  );
});

test("nobody passes on what it hears, of the cluster topic either", () => {
  const { scheduler, attach, take } = rig();
  const networks = [attach(a), attach(b), attach(c)] as const;
  networks[0].configure([b], ["cluster"]);
  networks[1].configure([c], ["cluster"]);
  networks[2].configure([], ["cluster"]);
  scheduler.runUntil(100);
  networks[0].publish("cluster", message(1));
  scheduler.runUntil(200);
  assert.deepEqual(take(b).slice(2), ["a* a 1"]);
  assert.deepEqual(take(c), ["peerUp b"]);
});

test("a gossip filter decides what travels", () => {
  const { scheduler, network: net, attach, take } = rig();
  const network = attach(a);
  attach(b).configure([a], ["t"]);
  scheduler.runUntil(100);
  net.setGossipFilter(() => []);
  network.publish("t", message(1));
  net.setGossipFilter((_topic, hop) => [hop, { ...hop, envelope: { ...hop.envelope, from: c } }]);
  network.publish("t", message(2));
  scheduler.runUntil(200);
  assert.deepEqual(take(b).slice(1).sort(), ["a* a 2", "a* c 2"]);
});
