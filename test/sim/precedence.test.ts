// The first owner of the list leads its group again when it is back, also while clients write so much that no follower ever
// has the end of the log.

import assert from "node:assert/strict";
import { test } from "node:test";
import { namesOf, Scene } from "./scene.ts";

const nodes = namesOf("a b c d");
const owners = nodes.slice(0, 3);
const workload = {
  clients: 3,
  thinkMsMean: 2,
  burstProbability: 0.05,
  keysPerGroup: 8,
  valueBytesMax: 32,
  budgetMsMax: 1_000,
  watches: 0,
  variedWatches: false,
  stateWatches: 0,
  transfers: 0,
  leases: 0,
  leaseTtlMsMax: 3_000,
  identities: false,
};

test("leadership goes back to the first owner under load, and nothing is lost by it", () => {
  for (let seed = 1; seed <= 2; seed++) {
    const scene = new Scene(seed, { nodes, owners, voters: owners }, { workload });
    const [first] = owners;
    assert.ok(first !== undefined);
    scene.node(first).crash("power");
    scene.until("Another leader", () => scene.leader !== first, 4_000);
    scene.node(first).start();
    const { length } = scene.testbed.history.operations;
    const begunMs = scene.nowMs;
    scene.until("Leadership of the first owner", () => scene.leader === first, 8_000);
    const perSecond = (1_000 * (scene.testbed.history.operations.length - length)) / (scene.nowMs - begunMs);
    assert.ok(perSecond > 500, `${perSecond} calls a second`);
    assert.ok(scene.compare(owners) > 500);
  }
});
