// The cluster database loses its quorum (C5): three nodes that own nothing are its only voters, and all of them die. Groups
// go on and fail over; only what needs the cluster says that it cannot.

import assert from "node:assert/strict";
import { test } from "node:test";
import { referenceCluster } from "../../../server/dev/reference-cluster.ts";
import { assertFailure, noRetry } from "../support/failures.ts";
import { groupNames } from "../support/reference.ts";
import type { TestCluster } from "../support/test-cluster.ts";
import { waitFor } from "../support/wait.ts";

const voters = ["n301", "n302", "n303"];
/** As cluster.yaml. */
export const clusterQuorumCluster = referenceCluster
  .replace("groups:", `${voters.map((name) => `  - {name: ${name}}\n`).join("")}groups:`)
  .concat(`settings: {voters: 3, voterCandidates: [${voters.join(", ")}]}\n`);
const hearMs = 15_000;

/** The tests of a running cluster of `clusterQuorumCluster`; n208 and n303 are dead at the end. */
export function testClusterQuorum(cluster: TestCluster): void {
  test("the three extra nodes are the voters of the cluster database, and it works while they are up (A3)", async () => {
    const { value: status } = await waitFor("a leader of the cluster group", hearMs, async () => {
      const told = await cluster.client().status();
      return told.cluster?.leader === "" ? null : told;
    });
    assert.deepEqual(status.cluster?.voters, voters);
    await cluster.client(["n202"]).createGroup({ group: "while-up", owners: ["n204", "n206"] }, { timeoutMs: hearMs });
  });

  test("with all voters killed, every group writes and reads through owners and strangers alike (C5)", async () => {
    await cluster.kill(...voters);
    for (const via of ["n202", "n208", "n218"]) {
      const client = cluster.client([via]);
      for (const group of [...groupNames, "while-up"]) {
        await client.put(group, { key: `via-${via}`, value: via }, { timeoutMs: hearMs });
        const { keyValue } = await client.get(group, `via-${via}`);
        assert.equal(Buffer.from(keyValue?.value ?? []).toString(), via);
      }
    }
  });

  test("and fails over: n208 dies, and rg226 comes to n210 (C5, D2)", async () => {
    await cluster.kill("n208");
    const client = cluster.client(cluster.running);
    await waitFor("rg226 to come to n210", hearMs, async () => {
      const { group } = await client.group("rg226");
      return group.currentOwner === "n210" ? true : null;
    });
    for (const group of groupNames) await client.put(group, { key: "after", value: "n208" }, { timeoutMs: hearMs });
  });

  test("a new group is refused: the cluster group has no quorum, and its voters are named (C5)", async () => {
    for (const via of ["n202", "n212"]) {
      const attempt = cluster.client([via], noRetry).createGroup({ group: "too-late", owners: ["n204", "n206"] });
      await assertFailure(attempt, { code: "no_quorum", message: /cluster.*no quorum.*n301.*n302.*n303/ });
    }
    const { groups } = await cluster.client(["n202"]).groups();
    assert.equal(
      groups.some(({ name }) => name === "too-late"),
      false,
    );
  });

  test("status says it too, and still shows every group", async () => {
    const { cluster: told, groups } = await cluster.client(["n202"]).status({ timeoutMs: hearMs });
    assert.notEqual(told?.quorum?.hasQuorum, true);
    assert.deepEqual(
      groups.map(({ name }) => name),
      [...groupNames, "while-up"],
    );
    for (const { name, quorum } of groups) assert.equal(quorum?.hasQuorum, true, name);
  });

  test("one voter back is no quorum, two are, and what was missed is heard (C4)", async () => {
    await cluster.start("n301", "n302");
    const { events } = (
      await waitFor("the failure of n208 to be an event", hearMs, async () => {
        const told = await cluster.client(["n218"]).clusterEvents({ limit: 100 });
        return JSON.stringify(told.events).includes("n208") ? told : null;
      })
    ).value;
    assert(events.length > 0);
    await cluster.client(["n202"]).createGroup({ group: "again", owners: ["n204", "n206"] }, { timeoutMs: hearMs });
    cluster.assertNobodyFell();
  });
}
