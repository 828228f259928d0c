// A node is drained and taken back by the command line: in all its groups, though one of them loses its quorum and gets it back,
// and though processes are killed while it follows.

import assert from "node:assert/strict";
import { test } from "node:test";
import { bailiwick, type Result, startCommand } from "./support/command.ts";
import { TestCluster } from "./support/test-cluster.ts";
import { waitFor } from "./support/wait.ts";

const clusterFile = `
name: drain
nodes: [{name: n1}, {name: n2}, {name: n3}, {name: n4}, {name: n5}, {name: n6}]
groups:
  - {name: orders, owners: [n1, n2, n3]}
  - {name: stock, owners: [n1, n4, n5], config: {lostQuorum: read_only}}
settings: {voters: 3, voterCandidates: [n2, n3, n6]}
`;
const waitMs = 30_000;

const cluster = await TestCluster.create({ name: "drain", clusterFile });
await cluster.start();

const run = (...args: readonly string[]): Promise<Result> => runFor("20s", ...args);

function runFor(timeout: string, ...args: readonly string[]): Promise<Result> {
  return bailiwick([...args, "--endpoints", cluster.apiOf("n6"), "--timeout", timeout]);
}

async function mustRun(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(...args);
  assert.equal(code, 0, `${args.join(" ")}: ${stderr}`);
  return stdout;
}

interface Told {
  readonly node: {
    readonly recoveryStatus: string;
    readonly intent: string;
    readonly intentWhy: string;
    readonly manages: readonly string[];
    readonly verdicts: readonly { readonly group: string; readonly status: string }[];
  };
}

async function nodeNow(): Promise<Told["node"]> {
  return (JSON.parse(await mustRun("node", "get", "n1", "-o", "json")) as Told).node;
}

async function until(what: string, holds: (node: Told["node"]) => boolean): Promise<void> {
  await waitFor(what, waitMs, async () => (holds(await nodeNow()) ? true : null));
}

test("node drain moves what runs there and tells why, and node undrain takes the node back", async () => {
  await until("both applications on n1", ({ manages }) => manages.length === 2);
  const planned = await mustRun("node", "drain", "n1", "--dry-run");
  assert.match(planned, /^n1 would be drained\n/);
  assert.match(planned, /orders\s+n1\s+n2\s+n1 is draining; n2 is the first owner in the list that is up\n/);
  const done = await mustRun("node", "drain", "n1", "--why", "new disk", "--wait");
  assert.match(done, /^n1 is maintenance\n/);
  const { recoveryStatus, intent, intentWhy, manages } = await nodeNow();
  assert.deepEqual([recoveryStatus, intent, intentWhy, manages], ["maintenance", "maintenance", "new disk", []]);
  assert.match(await mustRun("node", "list", "--all"), /n1\s+maintenance.*Drained: new disk/);
  assert.match(await mustRun("status"), /node_drained\s+n1\s+Its applications move off.*: new disk/);
  assert.match(await mustRun("node", "undrain", "n1"), /^n1 is up\n/);
});

test("events tells where a drained node's group went and why, and goes on with what an operator wants of it", async () => {
  const past = await mustRun("events", "--group", "orders", "--type", "assigned");
  assert.match(
    past,
    /^orders:\d+\t\S+Z\tassigned\torders\tn1 > n2\tpolicy\tn1 is draining \(Drained: new disk\); n2 is the first/m,
  );
  assert.match(await mustRun("events", "--node", "n1"), /\tnode_drained\t-\tn1\t.*: new disk\n.*\tnode_undrained\t/);
  const watch = startCommand([
    "events",
    "--watch",
    "--group",
    "orders",
    "--limit",
    "0",
    "--endpoints",
    cluster.apiOf("n6"),
  ]);
  await waitFor("the watch", waitMs, async () => (watch.stderr().match(/watching from/g)?.length === 2 ? true : null));
  await mustRun("group", "freeze", "orders", "--why", "a look at it");
  await mustRun("group", "unfreeze", "orders");
  const { value } = await waitFor("both events", waitMs, async () => {
    return watch.stdout().split("\n").length > 2 ? watch.stdout() : null;
  });
  assert.match(
    value,
    /^orders:\d+\t\S+Z\tfrozen\torders\tn2\t\S+\ta look at it\norders:\d+\t\S+Z\tunfrozen\torders\tn2\t/,
  );
  watch.signal("SIGINT");
  assert.equal((await watch.ended).code, 130);
});

test("a group without a quorum is named, or follows when it has one", async () => {
  await mustRun("put", "stock", "kept", "here");
  await cluster.kill("n4", "n5");
  // Until the loss of its quorum is known, the time of a drain may be over first.
  const { value: refused } = await waitFor("the refusal", waitMs, async () => {
    const result = await runFor("3s", "node", "drain", "n1");
    return result.code === 5 ? result : null;
  });
  assert.match(refused.stderr, /The group stock (of n1 )?(has no quorum|did not do its part)/);
  const read = await run("get", "stock", "kept");
  assert.deepEqual([read.code, read.stdout], [0, "here"]);
  assert.match(read.stderr, /stock has no quorum: this is revision \d+, and may be stale/);
  const { value: skipped } = await waitFor("the skip", waitMs, async () => {
    const result = await runFor("10s", "node", "drain", "n1", "--skip-unavailable", "--wait");
    return result.code === 0 ? result : null;
  });
  assert.match(skipped.stderr, /warning: no quorum yet, will follow: stock/);
  await cluster.kill("n1", "n6");
  await cluster.start("n1", "n6");
  await cluster.start("n4", "n5");
  await until("n1 drained everywhere", ({ verdicts }) => {
    return verdicts.length === 2 && verdicts.every(({ status }) => status === "maintenance");
  });
  const unknown = await run("node", "drain", "n99");
  assert.deepEqual([unknown.code, unknown.stderr.includes("There is no node n99 in this cluster")], [3, true]);
});
