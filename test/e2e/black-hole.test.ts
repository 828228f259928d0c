// Gossip is never needed (architecture.md, invariant 8): all publications of all nodes are swallowed, and what other files
// test with it holds as well: placement, crash, cold start and catching up. Of the rest the simulator's option `gossip` tells.

import assert from "node:assert/strict";
import { test } from "node:test";
import { referenceCluster } from "../../server/dev/reference-cluster.ts";
import { catchUpCluster, testCatchUp } from "./scenarios/catch-up.ts";
import { coldStart } from "./scenarios/cold-start.ts";
import { testCrash } from "./scenarios/crash.ts";
import { testPlacement } from "./scenarios/placement.ts";
import { scriptOf } from "./support/program.ts";
import { TestCluster } from "./support/test-cluster.ts";

const launcher = scriptOf("black-hole-node");

await runWithoutGossip("reference", referenceCluster, (cluster) => {
  testPlacement(cluster);
  testCrash(cluster);
  test("after all have died, rg220 serves with n202 and n208, and rg226 once n210 is up (C1)", async () => {
    await cluster.kill(...cluster.running);
    await coldStart(cluster);
    cluster.assertNobodyFell();
  });
});
await runWithoutGossip("catch-up", catchUpCluster, testCatchUp);

/** One cluster at a time: the next is made when the tests of this one are over and its processes gone. */
async function runWithoutGossip(
  name: string,
  clusterFile: string,
  scenario: (cluster: TestCluster) => void,
): Promise<void> {
  const cluster = await TestCluster.create({ name: `black-hole-${name}`, clusterFile, launcher });
  await cluster.start();
  scenario(cluster);
  await test(`something was published in the cluster ${name}, and swallowed`, async () => {
    await cluster.end();
    const swallowers = cluster.nodes.filter((node) => cluster.log(node).some((line) => line["msg"] === "Swallowed"));
    assert(swallowers.length > 0, "no node has tried to publish anything: this run says nothing about gossip");
  });
}
