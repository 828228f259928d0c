// A node that has forgotten what it promised, its data being gone, takes part in nothing until it is rebuilt.

import { quarantineCluster, testQuarantine } from "./scenarios/quarantine.ts";
import { TestCluster } from "./support/test-cluster.ts";

const cluster = await TestCluster.create({ name: "quarantine", clusterFile: quarantineCluster });
await cluster.start();

testQuarantine(cluster);
