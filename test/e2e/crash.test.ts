// S1's worked recovery on the reference cluster: n208 dies, its two groups go on elsewhere, the others notice nothing. And the
// worst moment for a group: its manager dies with a write that nobody else has.

import { referenceCluster } from "../../server/dev/reference-cluster.ts";
import { testCrash } from "./scenarios/crash.ts";
import { testManagerDeath } from "./scenarios/manager-death.ts";
import { TestCluster } from "./support/test-cluster.ts";

const cluster = await TestCluster.create({ name: "crash", clusterFile: referenceCluster });
await cluster.start();

testCrash(cluster);
testManagerDeath(cluster, "rg222");
