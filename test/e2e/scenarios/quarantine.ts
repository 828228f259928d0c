// A node whose directory was wiped while its key is there has forgotten what it promised: it takes part in nothing, and says
// so (architecture.md, Identity).

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

/** The tests of a running cluster of `quarantineCluster`; all nodes run at the end, one of them in quarantine. */
export function testQuarantine(cluster: TestCluster): void {
  test("a node that comes back without its data is quarantined, and says so in its status and in that of the cluster", async () => {
    const client = cluster.client(["n1", "n4"]);
    for (const group of ["hurt", "other", "whole"]) {
      await client.put(group, { key: "before", value: "the loss" }, { timeoutMs: noticeMs });
    }
    await cluster.kill(wiped);
    rmSync(join(cluster.directoryOf(wiped), "data"), { recursive: true });
    await cluster.start(wiped);
    await assertSaysSo(cluster);
  });

  test("with another owner dead, its group has no quorum through it, and names both (G3)", async () => {
    await cluster.kill("n2");
    const client = cluster.client(["n1"], noRetry);
    const put = () => client.put("hurt", { key: "no", value: "quorum" }, { timeoutMs: 4_000 });
    await waitFor("the failure to be noticed", noticeMs, async () => {
      await assertFailure(put(), { code: "no_quorum", message: /no quorum.*n2.*n3/ });
      return true;
    });
    const told = await client.group("hurt", { consistency: "local" });
    assert.deepEqual([told.group.quorum?.hasQuorum, told.group.quorum?.missing], [false, ["n2", "n3"]]);
    // The survivor asks for votes all the while: twice as long as an election takes, nobody may have given one.
    const sinceMs = performance.now();
    await waitFor("enough time for an election", noticeMs, async () => {
      await assertFailure(put(), { code: "no_quorum", message: /no quorum/ });
      return performance.now() - sinceMs > 4_000 ? true : null;
    });
    const log = cluster.log(wiped);
    const since = log.slice(log.findLastIndex((line) => line["msg"] === "Quarantined") + 1);
    assert.deepEqual(
      since.filter((line) => line["msg"] === "Role changed"),
      [],
      "it took part in an election",
    );
  });

  test("groups that have a quorum without it go on (D1)", async () => {
    const client = cluster.client(["n4"]);
    for (const group of ["other", "whole"]) {
      await client.put(group, { key: "during", value: "the quarantine" }, { timeoutMs: noticeMs });
    }
  });

  test("it stays quarantined after another start, and its groups serve again with their other owner", async () => {
    await cluster.stop(wiped);
    await cluster.start(wiped, "n2");
    await assertSaysSo(cluster);
    const client = cluster.client(["n1"]);
    await client.put("hurt", { key: "after", value: "the return of n2" }, { timeoutMs: noticeMs });
    const found = await client.get("hurt", "before");
    assert.equal(Buffer.from(found.keyValue?.value ?? []).toString(), "the loss");
    cluster.assertNobodyFell();
  });
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
