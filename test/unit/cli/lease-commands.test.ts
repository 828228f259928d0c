// lease grant, keep-alive, revoke, get and list: what they read, print and end with.

import assert from "node:assert/strict";
import { test } from "node:test";
import { clusterId, FakeCluster } from "../client/fake-cluster.ts";
import { ManualClock } from "../client/manual-clock.ts";
import { cli } from "./harness.ts";

const header = { clusterId, group: "rg220", incarnation: 3, revision: 1, node: "127.0.0.1:7401", stale: false };
const lease = { id: 7, grantedTtlMs: 30_000, ttlMs: 30_000, keyCount: 0 };

async function clusterWithLease(): Promise<FakeCluster> {
  const cluster = new FakeCluster();
  await cli("lease grant rg220 --ttl 30s --id 7", { cluster });
  return cluster;
}

test("lease grant prints the id, for put --lease to take", async () => {
  const cluster = new FakeCluster();
  assert.deepEqual(await cli("lease grant rg220 --ttl 30s", { cluster }).then(({ code, out }) => [code, out]), [
    0,
    "1\n",
  ]);
  const json = await cli("lease grant rg220 --ttl 30s --id 7 -o json", { cluster });
  assert.deepEqual(json.json(), { header, lease });
  await cli("put rg220 a 1 --lease 7", { cluster });
  assert.equal((await cli("lease revoke rg220 7", { cluster })).out, "revoked 7, deleted 1, revision 3\n");
  assert.deepEqual(cluster.keys, []);
  assert.equal((await cli("put rg220 a 1 --lease 7", { cluster })).code, 3);
});

test("lease grant tells what it cannot do, and what it does not know", async () => {
  const cluster = await clusterWithLease();
  assert.equal((await cli("lease grant rg220 --ttl 30s --id 7", { cluster })).code, 3);
  cluster.leases.losesGrants = 1;
  assert.equal((await cli("lease grant rg220 --ttl 30s --id 8", { cluster })).code, 4);
  const lines = {
    "lease grant rg220": /Give --ttl/,
    "lease grant rg220 --ttl 500ms": /--ttl is "500ms", not a time from 1s to 24h/,
    "lease grant rg220 --ttl 25h": /--ttl is "25h", not a time from 1s to 24h/,
    "lease get rg220 x": /The lease "x" is not an integer from 1 on/,
    "lease revoke rg220 0": /The lease "0" is not/,
    "lease keep-alive rg220 9007199254740992": /The lease "9007199254740992" is not/,
  };
  for (const [line, expected] of Object.entries(lines)) {
    const { code, err } = await cli(line, { cluster });
    assert.equal(code, 2, line);
    assert.match(err, expected);
  }
  assert.equal((await cli("lease grant rg220 --ttl 24h", { cluster })).code, 0);
});

test("lease get and list print rows, and shapes in JSON", async () => {
  const cluster = await clusterWithLease();
  await cli("put rg220 a 1 --lease 7", { cluster });
  const held = { ...lease, keyCount: 1 };
  const now = { ...header, revision: 2 };
  assert.equal((await cli("lease get rg220 7", { cluster })).out, "7\t30s\t30s\t1\n");
  assert.equal((await cli("lease get rg220 7 --keys", { cluster })).out, "7\t30s\t30s\t1\na\n");
  const json = await cli("lease get rg220 7 --keys -o json", { cluster });
  assert.deepEqual(json.json(), { header: now, lease: held, keys: [{ key: "a" }] });
  await cli("lease grant rg220 --ttl 1500ms --id 3", { cluster });
  assert.equal((await cli("lease list rg220", { cluster })).out, "3\t1.5s\t1.5s\t0\n7\t30s\t30s\t1\n");
  assert.match(
    (await cli("lease list rg220 --no-color", { cluster, isTty: true })).out,
    /^ID +GRANTED +LEFT +KEYS\n3 /,
  );
  const { leases } = (await cli("lease list rg220 -o json", { cluster })).json() as { leases: unknown[] };
  assert.deepEqual(leases[1], held);
  for (const line of ["lease get rg220 9", "lease revoke rg220 9", "lease keep-alive rg220 9 --once"]) {
    assert.equal((await cli(line, { cluster })).code, 3, line);
  }
});

test("lease keep-alive renews once, or until Ctrl-C, and leaves the lease", async () => {
  const cluster = await clusterWithLease();
  const once = await cli("lease keep-alive rg220 7 --once -o json", { cluster });
  assert.deepEqual([once.code, once.out], [0, '{"group":"rg220","id":7,"ttlMs":30000}\n']);
  const kept = await cli("lease keep-alive rg220 7", { cluster, onOutput: (_, interrupt) => interrupt() });
  assert.deepEqual([kept.code, kept.out, kept.err], [130, "7\t30s\n", ""]);
  assert.deepEqual(cluster.leases.ids, [7]);
  assert.equal(cluster.leases.renewals.length, 2);
});

test("lease keep-alive ends with 3 when the lease has ended", async () => {
  const cluster = await clusterWithLease();
  const clock = new ManualClock();
  const { code, err } = await cli("lease keep-alive rg220 7", {
    cluster,
    clock,
    onOutput: () => {
      cluster.leases.end(7);
      setImmediate(() => clock.advance(10_000));
    },
  });
  assert.equal(code, 3);
  assert.match(err, /^error: The lease 7 of rg220 has ended \(not_found\)\n/);
});
