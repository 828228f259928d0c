// A node whose directory was wiped while its key is there has forgotten what it promised: it takes part in nothing, says so,
// and comes back as a new member when the others have brought it up (architecture.md, Identity).

import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { bailiwick } from "../support/command.ts";
import { assertFailure, noRetry } from "../support/failures.ts";
import type { TestCluster } from "../support/test-cluster.ts";
import { waitFor } from "../support/wait.ts";

/** As cluster.yaml. */
export const quarantineCluster = `
name: quarantine
nodes: [{name: n1}, {name: n2}, {name: n3}, {name: n4}, {name: n5}]
groups:
  - {name: hurt, owners: [n1, n2, n3]}
  - {name: other, owners: [n4, n5, n3]}
  - {name: whole, owners: [n1, n4, n5]}
`;
const wiped = "n3";
const noticeMs = 15_000;

/** The tests of a running cluster of `quarantineCluster`; all nodes run at the end, none of them in quarantine. */
export function testQuarantine(cluster: TestCluster): void {
  test("a node that comes back without its data is quarantined, rebuilt by the others, and readmitted", async (context) => {
    const client = cluster.client(["n1", "n4"]);
    for (const group of ["hurt", "other", "whole"]) {
      await client.put(group, { key: "before", value: "the loss" }, { timeoutMs: noticeMs });
    }
    await loseData(cluster);
    await cluster.start(wiped);
    await waitForReadmission(cluster);
    await waitFor("the others to say so", noticeMs, async () => {
      const { node } = await cluster.client(["n1"]).node(wiped);
      return node.quarantined ? null : true;
    });
    const { tookMs } = await waitFor("its vote to count again", noticeMs, async () => {
      const { group: told } = await client.group("hurt");
      const { hasQuorum, up, total, missing } = told.quorum ?? {};
      if (up === 3 && total === 3) return true;
      throw new Error(`hurt has ${up} of ${total} up, without ${missing}: ${hasQuorum}`);
    });
    context.diagnostic(`its vote counted again after ${Math.round(tookMs)} ms`);
  });

  test("it counts again: with another owner dead, its group goes on", async () => {
    await cluster.kill("n2");
    const client = cluster.client(["n1"]);
    // The first may have been on its way to the one that was killed.
    await waitFor("a write to be taken", noticeMs, () =>
      client.put("hurt", { key: "with", value: "the rebuilt one" }, { timeoutMs: noticeMs }).catch(() => null),
    );
    await assertHeld(cluster, "before", "the loss");
  });

  test("with nobody left to rebuild it, it stays in quarantine and says so, and so does its group (G3)", async () => {
    await loseData(cluster);
    await cluster.start(wiped);
    await assertSaysSo(cluster);
    const client = cluster.client(["n1"], noRetry);
    const put = () => client.put("hurt", { key: "no", value: "quorum" }, { timeoutMs: 4_000 });
    await waitFor("the failure to be noticed", noticeMs, async () => {
      await assertFailure(put(), { code: "no_quorum", message: /no quorum.*n2.*n3/ });
      return true;
    });
    const told = await client.group("hurt", { consistency: "local" });
    assert.deepEqual([told.group.quorum?.hasQuorum, told.group.quorum?.missing], [false, ["n2", "n3"]]);
  });

  test("groups that have a quorum without it go on (D1)", async () => {
    const client = cluster.client(["n4"]);
    for (const group of ["other", "whole"]) {
      await client.put(group, { key: "during", value: "the quarantine" }, { timeoutMs: noticeMs });
    }
  });

  test("it stays quarantined after another start, and is readmitted when its groups have a quorum again", async () => {
    await cluster.stop(wiped);
    await cluster.start(wiped);
    await assertSaysSo(cluster);
    await cluster.start("n2");
    await waitForReadmission(cluster);
    await cluster.client(["n1"]).put("hurt", { key: "after", value: "the return of n2" }, { timeoutMs: noticeMs });
    await assertHeld(cluster, "with", "the rebuilt one");
    cluster.assertNobodyFell();
  });
}

async function loseData(cluster: TestCluster): Promise<void> {
  await cluster.kill(wiped);
  rmSync(join(cluster.directoryOf(wiped), "data"), { recursive: true });
}

/** Its last word on the matter, in the log of the process that runs now. */
async function waitForReadmission(cluster: TestCluster): Promise<void> {
  await waitFor(`${wiped} to be readmitted`, noticeMs, () => {
    const words = cluster.log(wiped).map((line) => line["msg"]);
    const quarantined = words.lastIndexOf("Quarantined");
    return Promise.resolve(quarantined >= 0 && words.lastIndexOf("Readmitted") > quarantined ? true : null);
  });
}

/** Through the node that lost it. */
async function assertHeld(cluster: TestCluster, key: string, value: string): Promise<void> {
  const { keyValue } = await cluster.client([wiped]).get("hurt", key, { timeoutMs: noticeMs });
  assert.equal(Buffer.from(keyValue?.value ?? []).toString(), value);
}

/** In what the node says of itself, in what others say of it, and on the screen. */
async function assertSaysSo(cluster: TestCluster): Promise<void> {
  for (const via of [wiped, "n1", "n4"]) {
    await waitFor(`${via} to say that ${wiped} is quarantined`, noticeMs, async () => {
      const { node } = await cluster.client([via]).node(wiped);
      return node.quarantined && /data/i.test(node.quarantineReason) ? true : null;
    });
  }
  await waitFor("the status screen to say so", noticeMs, async () => {
    const { code, stdout, stderr } = await bailiwick(["status", "--endpoints", cluster.apiOf("n1")]);
    assert.equal(code, 0, stderr);
    return /n3.*quarantined/i.test(stdout) ? true : null;
  });
}
