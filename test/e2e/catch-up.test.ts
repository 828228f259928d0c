// A node that was off for long comes to hold what the others hold, by the log and by a snapshot.

import { catchUpCluster, testCatchUp } from "./scenarios/catch-up.ts";
import { TestCluster } from "./support/test-cluster.ts";

const cluster = await TestCluster.create({ name: "catch-up", clusterFile: catchUpCluster });
await cluster.start();

testCatchUp(cluster);
