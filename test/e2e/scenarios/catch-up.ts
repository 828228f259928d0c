// A node that was off for 10,000 writes and a new group comes to hold what the others hold: by the log where it is kept that
// far, by a snapshot where it is not.

import assert from "node:assert/strict";
import { test } from "node:test";
import { inspectHere } from "../support/disks.ts";
import type { TestCluster } from "../support/test-cluster.ts";
import { eventually, waitFor } from "../support/wait.ts";
import { writeMany } from "../support/writes.ts";
import { assertSameState } from "./crash.ts";

/** As cluster.yaml. */
export const catchUpCluster = `
name: catch-up
nodes: [{name: n1}, {name: n2}, {name: n3}, {name: n4}]
groups:
  - {name: small, owners: [n1, n2, n3]}
  - {name: large, owners: [n2, n1, n3]}
`;
const absent = "n3";
/** Of `small`: fewer bytes and entries than a node keeps of its log. */
const logWrites = 10_000;
/** Of `large`: 24 MiB, three times what is kept. */
const snapshotWrites = 1_500;
const snapshotValueBytes = 16 * 1024;
const catchUpMs = 30_000;

/** The tests of a running cluster of `catchUpCluster`; all nodes run at the end. */
export function testCatchUp(cluster: TestCluster): void {
  test("with n3 off, two groups take 11,500 writes and a group is created (B1, A3)", async () => {
    const client = cluster.client(["n1", "n2"], { timeoutMs: 20_000 });
    for (const group of ["small", "large"]) await client.put(group, { key: "first", value: "" });
    await cluster.stop(absent);
    await writeMany(client, "small", { writes: logWrites, valueBytes: 32 });
    await writeMany(client, "large", { writes: snapshotWrites, valueBytes: snapshotValueBytes });
    await client.createGroup({ group: "late", owners: ["n4", "n3", "n1"] });
    await client.put("late", { key: "made", value: "while n3 was off" }, { timeoutMs: 10_000 });
  });

  test("n3 catches up with each group until its state hash is that of the others (B1, C4, G3)", async () => {
    await cluster.start(absent);
    const owners = ["n1", "n2", "n3"];
    await eventually(catchUpMs, () => assertSameState(cluster, { small: owners, large: owners }));
    const { group } = await cluster.client([absent]).group("small", { consistency: "local" });
    assert(group.revision > logWrites, `revision ${group.revision}`);
  });

  test("it took the log of one group and a snapshot of the other", () => {
    const snapshots = cluster
      .log(absent)
      .filter((line) => line["msg"] === "Installed a snapshot")
      .map((line) => line["group"]);
    assert.equal(snapshots.includes("small"), false, "10,000 small writes are within the log that is kept");
    assert.equal(snapshots.includes("large"), true, "24 MiB are beyond the log that is kept");
  });

  test("it has heard of the group that was created meanwhile, and holds its share of it (A3)", async () => {
    await waitFor("the new group on n3", catchUpMs, async () => {
      const { report } = await inspectHere(cluster.directoryOf(absent));
      const late = report.groups.find(({ name }) => name === "late");
      return late?.keys.includes("made") === true ? true : null;
    });
    await eventually(catchUpMs, () => assertSameState(cluster, { late: ["n4", "n3", "n1"] }));
    const { events } = await cluster.client([absent]).clusterEvents({ limit: 100 });
    assert(JSON.stringify(events).includes("late"), JSON.stringify(events));
    cluster.assertNobodyFell();
  });
}
