// The manager of a group dies with a write that nobody else has: it was never acknowledged, and all that were are there (B1).

import assert from "node:assert/strict";
import { test } from "node:test";
import { noRetry } from "../support/failures.ts";
import type { GroupName } from "../support/reference.ts";
import { groupOwners } from "../support/reference.ts";
import type { TestCluster } from "../support/test-cluster.ts";
import { eventually, waitFor } from "../support/wait.ts";
import { readKeys } from "../support/writes.ts";
import { assertSameState } from "./crash.ts";

const acknowledgedWrites = 100;
const lonelyMs = 1_500;
const serveAgainMs = 5_000;
const hearMs = 15_000;

/** The tests of a running reference cluster; all nodes run again at the end. */
export function testManagerDeath(cluster: TestCluster, group: GroupName): void {
  let manager = "";
  let others: readonly string[] = [];
  const keys = Array.from({ length: acknowledgedWrites }, (_, count) => `acknowledged/${count}`);

  test(`a write to ${group} is not acknowledged while its manager is the only owner that runs (B1)`, async () => {
    manager = await managerOf(cluster, group);
    others = groupOwners[group].filter((owner) => owner !== manager);
    const client = cluster.client([manager], noRetry);
    await Promise.all(keys.map((key) => client.put(group, { key, value: "kept" }, { timeoutMs: hearMs })));
    await cluster.freeze(...others);
    try {
      const lonely = client.put(group, { key: "lonely", value: "nowhere else" }, { timeoutMs: lonelyMs });
      await assert.rejects(lonely, "acknowledged by the manager alone");
    } finally {
      await cluster.kill(manager);
      await cluster.thaw(...others);
    }
  });

  test(`the other owners of ${group} serve within 5 s of running, with every acknowledged write (B1, D2)`, async (t) => {
    const client = cluster.client(others);
    const { tookMs } = await waitFor(`a write to ${group}`, serveAgainMs, () =>
      client.put(group, { key: "again", value: "served" }, { timeoutMs: serveAgainMs }),
    );
    t.diagnostic(`${group} served again after ${Math.round(tookMs)} ms`);
    const found = await readKeys(client, group);
    assert.deepEqual(
      keys.filter((key) => !found.has(key)),
      [],
    );
  });

  test(`the manager of before comes back as one of them, with their state (C4, G3)`, async () => {
    await cluster.start(manager);
    await eventually(hearMs, () => assertSameState(cluster, { [group]: groupOwners[group] }));
    cluster.assertNobodyFell();
  });
}

async function managerOf(cluster: TestCluster, group: string): Promise<string> {
  const { value } = await waitFor(`a manager of ${group}`, hearMs, async () => {
    const told = await cluster.client().group(group);
    return told.group.manager || null;
  });
  return value;
}
