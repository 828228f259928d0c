// Gossip is never needed (architecture.md, invariant 8): all publications of all nodes are swallowed, and placement, crash
// and cold start hold as they do with it.

import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { referenceCluster } from "../../server/dev/reference-cluster.ts";
import { coldStart } from "./scenarios/cold-start.ts";
import { testCrash } from "./scenarios/crash.ts";
import { testPlacement } from "./scenarios/placement.ts";
import { TestCluster } from "./support/test-cluster.ts";

const launcher = fileURLToPath(new URL("black-hole-node.ts", import.meta.url));
const cluster = await TestCluster.create({ name: "black-hole", clusterFile: referenceCluster, launcher });
await cluster.start();

testPlacement(cluster);
testCrash(cluster);

test("after all have died, rg220 serves with n202 and n208, and rg226 once n210 is up (C1)", async () => {
  await cluster.kill(...cluster.running);
  await coldStart(cluster);
  cluster.assertNobodyFell();
});
