// S1's worked recovery with real machines and real applications: n208, which runs two groups, loses its power. Its sphere learns of
// it, its groups go to their next owners, and nobody else notices; it comes back, and takes back what policy gives it.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { describeLife, type Life, overlapsOf } from "./support/application.ts";
import { bailiwick, startCommand } from "./support/command.ts";
import { RecoveryCluster } from "./support/recovery-cluster.ts";
import { Rounds } from "./support/recovery-rounds.ts";
import { type GroupName, groupNames, groupOwners, referenceNodes, sphereOf } from "./support/reference.ts";
import { waitFor } from "./support/wait.ts";

const waitMs = 90_000;
const fencedWrite = fileURLToPath(new URL("support/recovery-fenced-write.ts", import.meta.url));
const fallbacks: Readonly<Partial<Record<GroupName, object>>> = { rg220: { never: {} }, rg226: { immediate: {} } };

// Until all owners have come up the first of each list is waited for.
const groups = groupNames.map((name) => {
  const fallback = fallbacks[name];
  const management = { settlingTimeMs: 60_000, ...(fallback === undefined ? {} : { fallback }) };
  return { name, owners: groupOwners[name], management };
});
const cluster = await RecoveryCluster.create("recovery", groups);
after(() => cluster[Symbol.asyncDispose]());
await cluster.start();

/** Waits until the group's one application runs there, and all of its owners are up or as told. */
async function runsOn(name: GroupName, node: string): Promise<Life> {
  const { value } = await waitFor(`${name} to run on ${node}`, waitMs, async () => {
    const { group } = await cluster.clientOf(node).group(name, { timeoutMs: 2_000 });
    const [life, ...others] = cluster.living(name);
    const isThere = group.ownershipState === "online" && group.currentOwner === node && life?.epoch === group.epoch;
    if (!isThere) throw new Error(`${name} is ${group.ownershipState} on ${group.currentOwner}: ${group.why}`);
    return others.length === 0 && life.node === node ? life : null;
  });
  return value;
}

/** What a node itself holds of another one's status. */
async function statusAt(holder: string, node: string): Promise<string> {
  const { nodes } = await cluster.clientOf(holder).nodes({ timeoutMs: 5_000 });
  return nodes.find(({ name }) => name === node)?.recoveryStatus ?? "not there";
}

async function sphereHolds(status: string, holders: readonly string[]): Promise<void> {
  for (const holder of holders) {
    await waitFor(`n208 ${status} at ${holder}`, waitMs, async () =>
      (await statusAt(holder, "n208")) === status ? true : null,
    );
  }
}

const untouched = new Map<GroupName, Life>();

test("each application runs on the first owner of its list, and on no other node", async () => {
  for (const name of groupNames) await runsOn(name, groupOwners[name][0]);
});

test("a write with the token of before a move is refused, and one with the token of after it is not", async () => {
  const { code, stdout, stderr } = await startCommand([cluster.apiOf("n214"), "rg220", "n208"], { script: fencedWrite })
    .ended;
  assert.deepEqual([code, stdout.split("\n"), stderr], [0, ["accepted", "fenced none", "accepted", ""], ""]);
  await runsOn("rg220", "n208");
});

test("n208 loses its power: its sphere alone holds it as down", async () => {
  for (const name of ["rg222", "rg224"] as const) untouched.set(name, await runsOn(name, groupOwners[name][0]));
  await cluster.powerOff("n208");
  const sphere = sphereOf("n208").filter((node) => node !== "n208");
  await sphereHolds("down", sphere);
  for (const node of referenceNodes) {
    if (node !== "n208" && !sphere.includes(node)) assert.equal(await statusAt(node, "n208"), "unspecified", node);
  }
});

test("its groups run on their next owners, under the next epoch", async () => {
  await runsOn("rg226", "n210");
  await runsOn("rg220", "n214");
  for (const name of ["rg220", "rg226"] as const) {
    const [next, before] = cluster.lives.of(name).toReversed();
    assert(next !== undefined && before !== undefined);
    assert.equal(before.node, "n208");
    assert.equal(next.epoch, before.epoch + 1, `${describeLife(next)} after ${describeLife(before)}`);
  }
});

test("explain names the rule that decided", async () => {
  const explained = await bailiwick(["group", "explain", "rg226", "--endpoints", cluster.apiOf("n210")]);
  assert.equal(explained.code, 0, explained.stderr);
  assert.match(explained.stdout, /n208 is down .*n210 is chosen by fallover nextInList/);
});

test("n208 returns: it is up again, takes back rg226, and rg220 stays where it is", async () => {
  await cluster.powerOn("n208");
  await sphereHolds("up", sphereOf("n208"));
  await runsOn("rg226", "n208");
  const { life } = await new Rounds(cluster, { name: "rg220", owners: groupOwners.rg220 }).settled();
  assert.equal(life.node, "n214");
});

test("the groups without n208 have noticed nothing: the same processes, under the same epochs", async () => {
  for (const [name, life] of untouched) assert.equal(await runsOn(name, life.node), life, name);
});

test("at no time did two applications of a group run at once", () => {
  assert.deepEqual(overlapsOf(cluster.lives.all()), []);
});
