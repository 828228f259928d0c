// Reads that a manager answers from its lease, when it is cut off from all others: right up to the configured bound of clock
// rates, at the bound exactly, and shown to be wrong beyond it, for the bound is all that they rest on.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ratesWithin } from "../../server/simulation/clock-rates.ts";
import { plainBootstrap } from "../../server/simulation/reference-topology.ts";
import { topologyOf } from "../../server/simulation/topology.ts";
import { Violation } from "../../server/simulation/violation.ts";
import { group, namesOf, Scene } from "./scene.ts";

const owners = namesOf("n1 n2 n3");
const leaseRead = { clockRateErrorMax: 0.5 };
const within = ratesWithin(leaseRead);
const cuts = 6;

/** @returns the reads that a manager answered while nobody could confirm it */
function play(seed: number, { leaderRate, otherRate }: { readonly leaderRate: number; readonly otherRate: number }) {
  const topology = topologyOf({ ...plainBootstrap(owners, [[group, owners]], owners), leaseRead });
  const shape = { nodes: owners, owners, voters: owners };
  const scene = new Scene(seed, shape, { topology });
  const { world, history, options } = scene.testbed;
  let answered = 0;
  for (let cut = 0; cut < cuts; cut++) {
    const { leader } = scene;
    for (const node of owners) world.node(node).setClockRate(node === leader ? leaderRate : otherRate);
    scene.runFor(1_000);
    const cutMs = scene.nowMs;
    for (const other of owners) if (other !== leader) cutBoth(scene, leader, other);
    scene.until("another leader", () => scene.leader !== leader, 10_000);
    scene.runFor(1_000);
    answered += history.operations.filter(({ node, request, invokedMs, outcome }) => {
      const isNew = node === leader && invokedMs > cutMs + options.link.latencyMsMean;
      const isRead = request.type === "get" && request.consistency === "linearizable";
      return isNew && isRead && outcome?.type === "ok";
    }).length;
    world.network.connections.unblockAll();
    scene.runFor(3_000);
  }
  scene.compare(owners);
  return answered;
}

function cutBoth(scene: Scene, left: (typeof owners)[number], right: (typeof owners)[number]): void {
  const { connections } = scene.testbed.world.network;
  connections.block(left, right);
  connections.block(right, left);
}

for (let seed = 1; seed <= 3; seed++) {
  test(`a manager that is cut off answers from its lease, and nothing old, seed ${seed}`, () => {
    assert.ok(play(seed, { leaderRate: within.rateMin, otherRate: within.rateMax }) > 0);
  });
}

test("clocks beyond the bound make a manager that is cut off answer with old values", () => {
  const isOld = (error: unknown) => error instanceof Violation && error.kind === "correctness";
  assert.throws(() => play(1, { leaderRate: within.rateMin / 4, otherRate: within.rateMax }), isOld);
});
