// `watch` of statuses and of what exists: which request it makes, and what it prints.

import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeCluster } from "../client/fake-cluster.ts";
import { cli } from "./harness.ts";

async function print(line: string): Promise<{ readonly out: string; readonly cluster: FakeCluster }> {
  const cluster = new FakeCluster();
  const { code, out, err } = await cli(line, { cluster });
  assert.equal(code, 0, err);
  return { out, cluster };
}

test("watch --status prints what the group says of itself", async () => {
  const { out, cluster } = await print("watch --status rg220 --initial --count 1");
  assert.match(out, /^70\trg220\tn202\tonline\t5\tn202\tn202=up n208=down\n$/);
  assert.equal(cluster.watches[0]?.target.case, "groupStatus");
});

test("watch --node prints nodes, and those that left", async () => {
  const { out, cluster } = await print("watch --node n202 n208 --initial --count 2");
  assert.match(out, /^n202\tup\t.*\nn208\tdeparted\t\n$/);
  const { target } = cluster.watches[0] ?? {};
  assert.deepEqual(target?.case === "nodeStatus" && target.value.nodes, ["n202", "n208"]);
});

test("watch --cluster prints events from an index on", async () => {
  const { out, cluster } = await print("watch --cluster --from 7 --count 1");
  assert.match(out, /^7\t.*\tnode_failed\tn214\t.*\n$/);
  assert.equal(cluster.watches[0]?.startRevision, 7n);
});

test("watch --cluster -o json prints one object a line", async () => {
  const { out } = await print("watch --cluster --count 1 -o json");
  assert.equal(JSON.parse(out).event.type, "node_failed");
});

test("watch --initial prints the keys that exist, then what changes", async () => {
  const cluster = new FakeCluster();
  cluster.put({ a: "1", b: "2" });
  const onOutput = (text: string) => {
    if (/\tb\t/.test(text)) cluster.put({ a: "3" });
  };
  const { out } = await cli("watch rg220 --initial --count 3", { cluster, onOutput });
  assert.equal(out, "2\tput\ta\t1\n2\tput\tb\t2\n3\tput\ta\t3\n");
});

const refused = [
  "watch",
  "watch --status",
  "watch --cluster rg220",
  "watch rg220 a b",
  "watch --status --node n1",
  "watch --node --from 3",
  "watch rg220 --from 3 --initial",
];
for (const line of refused) {
  test(`${line} is wrong usage`, async () => {
    assert.equal((await cli(line)).code, 2);
  });
}
