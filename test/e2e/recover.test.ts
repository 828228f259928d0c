// The last resort, by the command line: a group, and then the cluster database with it, lose their quorum for good, and go on
// from one node. The lost ones come back in the end and hold nothing of it any more.

import assert from "node:assert/strict";
import { test } from "node:test";
import { bailiwick, type Result } from "./support/command.ts";
import { TestCluster } from "./support/test-cluster.ts";
import { waitFor } from "./support/wait.ts";

const clusterFile = `
name: recover
nodes: [{name: n1}, {name: n2}, {name: n3}, {name: n4}, {name: n5}, {name: n6}]
groups:
  - {name: orders, owners: [n1, n2, n3]}
settings: {voters: 3, voterCandidates: [n3, n4, n5]}
`;
const waitMs = 60_000;
const survivor = "n3";

const cluster = await TestCluster.create({ name: "recover", clusterFile });
await cluster.start();

const run = (...args: readonly string[]): Promise<Result> =>
  bailiwick([...args, "--endpoints", cluster.apiOf("n6"), "--timeout", "15s"]);

async function mustRun(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(...args);
  assert.equal(code, 0, `${args.join(" ")}: ${stderr}`);
  return stdout;
}

/** A group that has only just lost its leader may still elect one, and is not taken from it. */
async function recover(...args: readonly string[]): Promise<string> {
  const { value } = await waitFor(args.join(" "), waitMs, async () => {
    const result = await run(...args);
    if (result.code === 3 && result.stderr.includes("has a quorum")) return null;
    assert.equal(result.code, 0, `${args.join(" ")}: ${result.stderr}`);
    return result.stdout;
  });
  return value;
}

test("a group with a quorum is not recovered, and nothing is done without the name", async () => {
  await mustRun("put", "orders", "colour", "green");
  const refused = await run(
    "group",
    "recover",
    "orders",
    "--from",
    survivor,
    "--accept-data-loss",
    "--confirm",
    "orders",
  );
  assert.equal(refused.code, 3, refused.stderr);
  assert.match(refused.stderr, /orders is led by n[123], as n[123] sees it: it has a quorum/);
  await cluster.kill("n1", "n2");
  const checked = await recover("group", "recover", "orders", "--from", survivor, "--dry-run");
  assert.equal(checked, "Would go on from n3 with owners n3\n");
  const unnamed = await run("group", "recover", "orders", "--from", survivor, "--accept-data-loss");
  assert.equal(unnamed.code, 2);
  assert.match(unnamed.stderr, /warning: n1 does not answer.*\nwarning: n2 does not answer.*\n/);
  assert.match(unnamed.stderr, /Nothing was done: "" is not the name of the group, orders/);
});

test("the group goes on from the owner that is left, and gets others", async () => {
  const told = await recover(
    "group",
    "recover",
    "orders",
    "--from",
    survivor,
    "--accept-data-loss",
    "--confirm",
    "orders",
  );
  assert.equal(told, "orders goes on from n3 as incarnation 2, owners n3\n");
  assert.equal(await mustRun("get", "orders", "colour"), "green");
  assert.equal(await mustRun("group", "set-owners", "orders", "n3", "n4", "n5"), "The owners of orders are n3 n4 n5\n");
  await mustRun("put", "orders", "colour", "blue");
});

test("the cluster database and the group in it go on from one node", async () => {
  await cluster.kill("n4", "n5");
  const told = await recover(
    "cluster",
    "recover",
    "--from",
    survivor,
    "--accept-data-loss",
    "--confirm",
    survivor,
    "--why",
    "fire",
  );
  assert.match(told, /^The cluster database goes on from n3, voters n3/);
  await recover(
    "group",
    "recover",
    "orders",
    "--from",
    survivor,
    "--accept-data-loss",
    "--confirm",
    "orders",
    "--owners",
    "n3,n6",
  );
  assert.equal(await mustRun("get", "orders", "colour"), "blue");
  await mustRun("put", "orders", "colour", "red");
  const events = JSON.stringify((await cluster.client(["n6"]).clusterEvents({ limit: 100 })).events);
  for (const type of ["group_recovered", "cluster_recovered"]) assert.match(events, new RegExp(type));
  assert.match(events, /fire/);
});

test("what was lost comes back without anything of the group", async () => {
  await cluster.start("n1", "n2", "n4", "n5");
  await waitFor("old replicas to be gone", waitMs, async () => {
    const held = await Promise.all(
      ["n1", "n2", "n4", "n5"].map(async (node) => {
        const { stdout } = await bailiwick(["inspect", cluster.directoryOf(node), "-o", "json"]);
        return (JSON.parse(stdout) as { readonly groups: readonly { readonly name: string }[] }).groups;
      }),
    );
    return held.every((groups) => groups.every(({ name }) => name !== "orders")) ? true : null;
  });
  assert.equal(await mustRun("get", "orders", "colour"), "red");
  await mustRun("group", "create", "late", "--owners", "n1,n4,n5");
  cluster.assertNobodyFell();
});
