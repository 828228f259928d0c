// A node comes out of quarantine: everybody who has noted that it was in it hears so, whoever leads by then.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeId } from "../../../proto/ids.ts";
import type { PeerMessage } from "../../../proto/messages.ts";
import { Cluster, n1, n2, n3, n4, rg } from "./cluster.ts";

const shape = { nodes: [n1, n2, n3, n4], groups: { rg: [n1, n2, n3] }, voters: [n4] };

function statusAt(cluster: Cluster, node: NodeId) {
  return cluster.ask(node, { type: "groupStatus", group: rg }, "groupStatus").status;
}

function isElection(message: PeerMessage): boolean {
  return message.type === "raft" && message.group === rg && ["preVote", "vote"].includes(message.message.type);
}

/** n2 notes as the leader that n3 is in quarantine, and leads no more when n3 is rebuilt. */
function rebuiltUnderAnotherLeader({ cut }: { readonly cut?: readonly [NodeId, NodeId] } = {}): Cluster {
  const cluster = new Cluster(shape);
  cluster.copies = (from, _to, message) => (from !== n2 && isElection(message) ? 0 : 1);
  cluster.until(() => cluster.leader() === n2, 20_000);
  cluster.copies = (from, _to, message) => (from === n3 && message.type === "replicaLost" ? 0 : 1);
  cluster.stop(n3);
  cluster.wipe(n3);
  cluster.start(n3, "wiped");
  cluster.until(() => cluster.leader() === n1, 20_000);
  cluster.advance(300);
  assert.deepEqual(statusAt(cluster, n2).missing, [n3]);
  cluster.copies = () => 1;
  if (cut !== undefined) cluster.cut(...cut);
  cluster.until(() => cluster.ask(n3, { type: "nodeSelf", node: n3 }, "nodeSelf").self.quarantine === null, 60_000);
  return cluster;
}

test("a former leader that has noted a node's quarantine hears of its end", () => {
  const cluster = rebuiltUnderAnotherLeader();
  cluster.advance(500);
  for (const node of [n1, n2, n3]) assert.deepEqual(statusAt(cluster, node).missing, []);
});

test("and does not call the node down when it leads again", () => {
  const cluster = rebuiltUnderAnotherLeader();
  cluster.advance(3_000);
  const reasonOf = () => statusAt(cluster, n2).verdicts.find(({ node }) => node === n3)?.reason;
  const before = reasonOf();
  cluster.stop(n1);
  cluster.until(() => statusAt(cluster, n2).manager === n2, 20_000);
  cluster.advance(3_000);
  assert.equal(reasonOf(), before);
});

test("one that could not be told in time hears of it with the next connection", () => {
  const cluster = rebuiltUnderAnotherLeader({ cut: [n2, n3] });
  cluster.advance(500);
  assert.deepEqual(statusAt(cluster, n2).missing, [n3]);
  cluster.heal();
  cluster.advance(1_000);
  assert.deepEqual(statusAt(cluster, n2).missing, []);
});

test("and though the first words of it are lost", () => {
  const cluster = rebuiltUnderAnotherLeader({ cut: [n2, n3] });
  let lost = 0;
  cluster.copies = (from, to, message) => {
    const isLost = from === n3 && to === n2 && message.type === "beatEcho" && lost < 3;
    lost += isLost ? 1 : 0;
    return isLost ? 0 : 1;
  };
  cluster.heal();
  cluster.advance(2_000);
  assert.equal(lost, 3);
  assert.deepEqual(statusAt(cluster, n2).missing, []);
});
