// A shared node dies by SIGKILL under load and comes back (D1, D2, A2, A3, C4): what its groups go through, what the others
// do not notice, and who hears of it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { inspectHere, readDisk } from "../support/disks.ts";
import { groupNames, groupOwners, referenceNodes, sphereOf } from "../support/reference.ts";
import type { TestCluster } from "../support/test-cluster.ts";
import { eventually, waitFor } from "../support/wait.ts";
import { describeWrite, isAcknowledged, readKeys, type Write, WriteLoad } from "../support/writes.ts";

const victim = "n208";
const bystanders = ["rg222", "rg224"] as const;
const struck = ["rg220", "rg226"] as const;
/** The next in the list of rg226 has it, and keeps it. */
const ownersAfter = { rg220: "n202", rg222: "n204", rg224: "n206", rg226: "n210" };
const perSecond = 100;
/** Of the load before and after the crash. */
const warmUpWrites = 150;
const serveAgainMs = 5_000;
const hearMs = 15_000;

/** What the load has been through. */
interface Crash {
  readonly atMs: number;
  readonly writes: readonly Write[];
  /** Elections of a group so far, before the crash and when the load had stopped. */
  readonly electionsBefore: ReadonlyMap<string, number>;
  readonly electionsAfter: ReadonlyMap<string, number>;
}

/** The tests of a running reference cluster; all nodes run again at the end. */
export function testCrash(cluster: TestCluster): void {
  let crash: Crash;

  test("n208 is killed under 100 writes a second, and rg220 and rg226 serve again within 5 s (D2)", async (t) => {
    await settleOwners(cluster);
    crash = await crashUnderLoad(cluster);
    for (const group of struck) t.diagnostic(`${group} served again after ${assertServesAgain(crash, group)} ms`);
  });

  for (const group of bystanders) {
    test(`${group} loses no write that was not in flight through n208, and sees no election (D1)`, () => {
      const lost = crash.writes.filter(
        (write) => write.group === group && write.via !== victim && !isAcknowledged(write),
      );
      assert.deepEqual(lost.map(describeWrite), []);
      assert.equal(crash.electionsAfter.get(group), crash.electionsBefore.get(group), `elections of ${group}`);
    });
  }

  test("every acknowledged write is there after the crash (B1)", async () => {
    const client = cluster.client(cluster.running);
    for (const group of groupNames) {
      const acknowledged = crash.writes.filter((write) => write.group === group && isAcknowledged(write));
      assert(acknowledged.length > warmUpWrites / groupNames.length, `only ${acknowledged.length} writes to ${group}`);
      const keys = await readKeys(client, group);
      assert.deepEqual(acknowledged.filter(({ key }) => !keys.has(key)).map(describeWrite), []);
    }
  });

  test("the sphere of n208 holds it to be down; nobody else holds any status of it (A2, D1)", async () => {
    for (const node of sphereOf(victim).filter((one) => one !== victim)) {
      await waitFor(`n208 down in the eyes of ${node}`, hearMs, async () => {
        return (await statusHeldBy(cluster, node, victim)) === "down" ? true : null;
      });
    }
    for (const node of referenceNodes.filter((one) => !sphereOf(victim).includes(one))) {
      const { report } = await inspectHere(cluster.directoryOf(node));
      assert.equal(report.nodeStatuses.includes(victim), false, `disk of ${node}: ${report.nodeStatuses.join(" ")}`);
      assert.deepEqual((await readDisk(cluster.directoryOf(node))).statuses.filter(isOf(victim)), []);
    }
  });

  test("rg226 moves to n210 and rg220 stays with n202 (D2)", async () => {
    await eventually(hearMs, async () => assert.deepEqual(await ownersNow(cluster), ownersAfter));
  });

  test("the failure is a cluster event on the disk of every node, also outside the sphere (A3)", async () => {
    for (const node of cluster.running) await waitForEvent(cluster, node, "nodeFailed");
  });

  test("n208 comes back: reintegrated for its sphere, an event for all, and no group falls back (D3, C4)", async () => {
    await cluster.start(victim);
    for (const node of sphereOf(victim)) {
      await waitFor(`n208 up in the eyes of ${node}`, hearMs, async () => {
        return (await statusHeldBy(cluster, node, victim)) === "up" ? true : null;
      });
    }
    for (const node of cluster.nodes) await waitForEvent(cluster, node, "nodeReintegrated");
    await eventually(hearMs, () => assertSameState(cluster));
    assert.deepEqual(await ownersNow(cluster), ownersAfter);
    cluster.assertNobodyFell();
  });
}

/**
 * At a start all groups come to the first of their list that is up, which may take a moment until all are, and then they are
 * managed by the first of their list as well: what follows is not to be taken for that.
 */
async function settleOwners(cluster: TestCluster): Promise<void> {
  await eventually(hearMs, async () => {
    const { nodes, groups } = await cluster.client(["n202"]).status();
    assert.deepEqual(new Set(nodes.map(({ recoveryStatus }) => recoveryStatus)), new Set(["up"]));
    for (const { name, currentOwner, manager, owners } of groups) {
      assert.notEqual(currentOwner, "", name);
      assert.equal(manager, owners[0], `manager of ${name}`);
    }
  });
}

async function crashUnderLoad(cluster: TestCluster): Promise<Crash> {
  const load = new WriteLoad(cluster, groupNames, perSecond);
  await waitFor("the load to run", hearMs, () => load.writes.length >= warmUpWrites || null);
  const electionsBefore = countElections(cluster);
  await cluster.kill(victim);
  const atMs = performance.now();
  await waitFor("writes to all groups after the crash", hearMs, () => {
    const isServing = (group: string) =>
      load.writes.filter((write) => write.group === group && write.sentMs > atMs && isAcknowledged(write)).length > 20;
    return groupNames.every(isServing) || null;
  });
  const writes = await load.stop();
  return { atMs, writes, electionsBefore, electionsAfter: countElections(cluster) };
}

/**
 * From the first success on, sent after the crash through a living node, none may fail any more.
 *
 * @returns milliseconds to that success
 */
function assertServesAgain({ writes, atMs }: Crash, group: string): number {
  const later = writes
    .filter((write) => write.group === group && write.via !== victim && write.sentMs > atMs)
    .toSorted((left, right) => left.sentMs - right.sentMs);
  const first = later.filter(isAcknowledged).toSorted((left, right) => left.answeredMs - right.answeredMs)[0];
  assert(first !== undefined, `no write to ${group} succeeded after the crash`);
  const tookMs = first.answeredMs - atMs;
  assert(tookMs <= serveAgainMs, `${group} served again only after ${Math.round(tookMs)} ms`);
  const failed = later.filter((write) => write.sentMs > first.answeredMs && !isAcknowledged(write));
  assert.deepEqual(failed.map(describeWrite), [], `writes to ${group} after it served again`);
  return Math.round(tookMs);
}

/** Every change of role or leader that any owner has noted. */
function countElections(cluster: TestCluster): ReadonlyMap<string, number> {
  const counts = groupNames.map((group) => {
    const lines = groupOwners[group].flatMap((owner) => cluster.log(owner));
    const changes = lines.filter((line) => line["msg"] === "Role changed" && line["group"] === group);
    assert(changes.length > 0, `the owners of ${group} have noted no election at all`);
    return [group, changes.length] as const;
  });
  return new Map(counts);
}

/** What the node itself says that it holds, asking nobody. */
async function statusHeldBy(cluster: TestCluster, node: string, about: string): Promise<string | null> {
  const { statuses } = await cluster.client([node]).sphere(node);
  return statuses.find(({ name }) => name === about)?.recoveryStatus ?? null;
}

async function ownersNow(cluster: TestCluster): Promise<Record<string, string>> {
  const { groups } = await cluster.client(cluster.running).status();
  return Object.fromEntries(groups.map(({ name, currentOwner }) => [name, currentOwner]));
}

async function waitForEvent(
  cluster: TestCluster,
  node: string,
  type: "nodeFailed" | "nodeReintegrated",
): Promise<void> {
  await waitFor(`the event ${type} of n208 on the disk of ${node}`, hearMs, async () => {
    const { events } = await readDisk(cluster.directoryOf(node));
    const found = events.filter(({ change }) => "node" in change && change.node === victim);
    return found.at(-1)?.change.type === type ? true : null;
  });
}

/** Equal state hashes of all owners at equal indexes (G3). */
export async function assertSameState(
  cluster: TestCluster,
  groups: Readonly<Record<string, readonly string[]>> = groupOwners,
): Promise<void> {
  for (const [group, owners] of Object.entries(groups)) {
    const states: string[] = [];
    for (const owner of owners) {
      const { group: told } = await cluster.client([owner]).group(group, { consistency: "local" });
      states.push(`${told.appliedIndex} ${told.stateHash}`);
    }
    assert.deepEqual(new Set(states).size, 1, `${group}: ${states.join(", ")}`);
    assert.match(states[0] ?? "", /^\d+ [0-9a-f]{16,32}$/);
  }
}

function isOf(node: string): (status: string) => boolean {
  return (status) => status.startsWith(`${node} `);
}
