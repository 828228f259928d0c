// The cluster database without its quorum: groups serve and fail over all the same (C5).

import { clusterQuorumCluster, testClusterQuorum } from "./scenarios/cluster-quorum.ts";
import { TestCluster } from "./support/test-cluster.ts";

const cluster = await TestCluster.create({ name: "cluster-quorum", clusterFile: clusterQuorumCluster });
await cluster.start();

testClusterQuorum(cluster);
