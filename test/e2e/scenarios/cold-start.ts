// Groups serve as soon as their own quorum is up, whatever the state of the cluster (C1): n202 and n208 alone, then n210.

import assert from "node:assert/strict";
import { DbError } from "../../../client/index.ts";
import type { TestCluster } from "../support/test-cluster.ts";
import { waitFor } from "../support/wait.ts";

const firstWriteMs = 10_000;
const serveAgainMs = 5_000;

/** None of the nodes runs when this begins; n202, n208 and n210 do when it ends. */
export async function coldStart(cluster: TestCluster): Promise<void> {
  await cluster.start("n202", "n208");
  await cluster.client(["n202"]).put("rg220", { key: "cold", value: "start" }, { timeoutMs: firstWriteMs });
  for (const node of ["n202", "n208"]) await assertNoQuorum(cluster, node);
  await cluster.start("n210");
  const { tookMs } = await waitFor("a write to rg226 with n210 up", serveAgainMs, () =>
    cluster.client(["n202"]).put("rg226", { key: "warm", value: "now" }, { timeoutMs: serveAgainMs }),
  );
  assert(tookMs <= serveAgainMs, `rg226 served ${Math.round(tookMs)} ms after n210 was ready`);
}

/** Through an owner and through a stranger alike. */
async function assertNoQuorum(cluster: TestCluster, via: string): Promise<void> {
  const client = cluster.client([via], { retry: { attemptsMax: 1, backoffMs: 1, backoffMsMax: 1 } });
  const attempt = client.put("rg226", { key: "no", value: "quorum" }, { timeoutMs: firstWriteMs });
  await assert.rejects(attempt, (reason) => {
    assert(reason instanceof DbError, String(reason));
    assert.equal(reason.code, "no_quorum", `through ${via}: ${reason.message}`);
    assert.equal(reason.effect, "none");
    assert.match(reason.message, /no quorum/);
    assert.deepEqual(reason.details.missing?.split(",").toSorted(), ["n210", "n212"]);
    for (const missing of ["n210", "n212"]) assert.match(reason.message, new RegExp(missing));
    return true;
  });
}
