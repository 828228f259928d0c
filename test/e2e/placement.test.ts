// Where the records of the reference cluster are, on nine disks; and that a record in the wrong place is noticed.

import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeStatusComponent } from "../../proto/codec/records.ts";
import { toGroupId, toIncarnation, toLogIndex, toNodeId } from "../../proto/ids.ts";
import { referenceCluster } from "../../server/dev/reference-cluster.ts";
import { newGroupOperations } from "../../server/node/genesis.ts";
import { emptyBytes } from "../../storage/bytes.ts";
import { nodeStatusKey } from "../../storage/keys.ts";
import { assertMarkers, assertTable, type Marked, testPlacement, writeMarkers } from "./scenarios/placement.ts";
import { inspect, plant } from "./support/disks.ts";
import { TestCluster } from "./support/test-cluster.ts";

const cluster = await TestCluster.create({ name: "placement", clusterFile: referenceCluster });
await cluster.start();

testPlacement(cluster);

test("stopped, the nine disks hold the same, and a second marker of each group as well (A1, A2, A4, A7)", async () => {
  const marked: Marked = await writeMarkers(cluster);
  await assertMarkers(cluster, marked);
  await cluster.stop();
  cluster.assertNobodyFell();
  await assertTable(cluster, marked);
  await assertMarkers(cluster, marked);
});

test("inspect reports a record of a group that the node does not own, with exit code 1 (A1)", async () => {
  const object = { group: toGroupId("rg222"), incarnation: toIncarnation(1), config: emptyBytes };
  const owners = ["n204", "n210", "n216"].map(toNodeId);
  await plant(cluster.directoryOf("n202"), newGroupOperations({ ...object, owners }, 77));
  const { code, report } = await inspect(cluster.directoryOf("n202"));
  assert.equal(code, 1);
  assert.deepEqual(
    report.foreign?.map(({ kind, name }) => `${kind} ${name}`),
    ["group rg222"],
  );
});

test("inspect reports the status of a node outside the sphere, with exit code 1 (A2)", async () => {
  const component = { group: toGroupId("rg226"), incarnation: toIncarnation(1), index: toLogIndex(9) };
  const value = encodeStatusComponent({ ...component, node: toNodeId("n208"), status: "down", reason: "planted" });
  const key = nodeStatusKey(toNodeId("n208"), toGroupId("rg226"));
  await plant(cluster.directoryOf("n204"), [{ type: "put", key, value }]);
  const { code, report } = await inspect(cluster.directoryOf("n204"));
  assert.equal(code, 1);
  assert.deepEqual(
    report.foreign?.map(({ kind, name }) => `${kind} ${name}`),
    ["nodeStatus n208"],
  );
});
