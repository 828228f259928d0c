// Two of nine nodes, on disks that never held anything and on disks that did.

import { test } from "node:test";
import { referenceCluster } from "../../server/dev/reference-cluster.ts";
import { coldStart } from "./scenarios/cold-start.ts";
import { TestCluster } from "./support/test-cluster.ts";

const cluster = await TestCluster.create({ name: "cold-start", clusterFile: referenceCluster });

test("on a first start with n202 and n208 only, rg220 serves, and rg226 names n210 and n212 until n210 is up (C1)", () =>
  coldStart(cluster));

test("the same once the whole cluster has run and was cut off by SIGKILL (C1, B1)", async () => {
  await cluster.start(...cluster.nodes.filter((node) => !cluster.running.includes(node)));
  for (const group of ["rg220", "rg222", "rg224", "rg226"]) {
    await cluster.client().put(group, { key: "before", value: "the power cut" }, { timeoutMs: 10_000 });
  }
  await cluster.kill(...cluster.running);
  await coldStart(cluster);
  cluster.assertNobodyFell();
});
