// A bit flipped in the files of an owner, under load: its next start sets them aside, quarantined with the damage for a
// reason, and it is rebuilt by the others and readmitted without anybody's help. What is read through it meanwhile is right,
// or refused.

import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { DbError, UnreachableError } from "../../client/index.ts";
import { bailiwick } from "./support/command.ts";
import { flipBit } from "./support/damaged-disk.ts";
import { assertFailure, noRetry } from "./support/failures.ts";
import { TestCluster } from "./support/test-cluster.ts";
import { waitFor } from "./support/wait.ts";
import { describeWrite, isAcknowledged, readKeys, WriteLoad } from "./support/writes.ts";

const noticeMs = 20_000;
const perSecond = 60;
/** Between two damages, so that the files hold something. */
const writesBetween = 60;
const group = "all";
const owners = ["n1", "n2", "n3"] as const;
// A voter of the cluster group that was quarantined has no vote in it any more: here it is none of the owners.
const clusterFile = `
name: damaged-data
settings: {voters: 1, voterCandidates: [n4]}
nodes: [{name: n1}, {name: n2}, {name: n3}, {name: n4}]
groups: [{name: ${group}, owners: [${owners.join(", ")}]}]
`;

const cluster = await TestCluster.create({ name: "damaged-data", clusterFile });
await cluster.start();
await waitFor("the first write", noticeMs, () => cluster.client().put(group, { key: "first", value: "first" }));
const load = new WriteLoad(cluster, [group], perSecond);

async function moreWrites(): Promise<void> {
  const before = load.writes.filter(isAcknowledged).length;
  await waitFor("more writes", noticeMs, () => {
    return load.writes.filter(isAcknowledged).length >= before + writesBetween ? true : null;
  });
}

/** Flips bits at these shares of the newest file of the level database that fits. */
function flipIn(node: string, pattern: RegExp, shares: readonly number[]): void {
  const rows = join(cluster.directoryOf(node), "data", "rows");
  const files = readdirSync(rows).filter((name) => pattern.test(name));
  const newest = files.toSorted().at(-1);
  assert(newest !== undefined, `${node} has no file ${pattern}`);
  const file = join(rows, newest);
  const { size } = statSync(file);
  for (const share of shares) flipBit(file, Math.floor(size * share));
}

/** What an opening finds in the log it writes to a table. */
async function makeTable(node: string): Promise<void> {
  await cluster.stop(node);
  await cluster.start(node);
  await waitFor(`${node} to be level`, noticeMs, async () => {
    const { quorum } = (await cluster.client([node]).group(group)).group;
    return quorum?.up === owners.length ? true : null;
  });
}

function lastSaid(node: string, what: string, reason = /./): number {
  return cluster.log(node).findLastIndex((line) => line["msg"] === what && reason.test(String(line["reason"] ?? ".")));
}

/** Reads through a node, without a pause, until `end` settles: each answer is the value that was written, or a refusal. */
async function readThrough(node: string, end: Promise<unknown>): Promise<void> {
  const client = cluster.client([node], noRetry);
  let isOver = false;
  const over = end.finally(() => {
    isOver = true;
  });
  for (let at = 0; !isOver; at++) {
    const written = load.writes.filter(isAcknowledged);
    const { key } = written[(at * 37) % written.length] ?? { key: "first" };
    try {
      const { keyValue } = await client.get(group, key, { timeoutMs: 2_000 });
      assert.equal(Buffer.from(keyValue?.value ?? []).toString(), key, `${key} through ${node}`);
    } catch (reason) {
      if (!(reason instanceof DbError) && !(reason instanceof UnreachableError)) throw reason;
    }
    await turn();
  }
  await over;
}

function reasonOf(damage: RegExp): RegExp {
  return new RegExp(`^The data was damaged: ${damage.source}.*; it is set aside in /`);
}

/** It is quarantined for the damage, and then as good as any. */
async function assertRebuilt(node: string, damage: RegExp): Promise<void> {
  const reason = reasonOf(damage);
  await waitFor(`${node} to be readmitted`, noticeMs, () => {
    const quarantined = lastSaid(node, "Quarantined", reason);
    return quarantined >= 0 && lastSaid(node, "Readmitted") > quarantined ? true : null;
  });
  await waitFor(`${node} to count again`, noticeMs, async () => {
    const told = await cluster.client([node]).group(group);
    return told.group.quorum?.up === owners.length && told.group.quorum.total === owners.length ? true : null;
  });
  const data = join(cluster.directoryOf(node), "data");
  const [aside = "", ...more] = readdirSync(data).filter((name) => name.startsWith("damaged-"));
  assert.deepEqual(more, []);
  assert.match(readFileSync(join(data, aside, "reason.txt"), "utf8"), damage);
}

test("a bit flipped in the log of the database of a killed owner", async () => {
  await moreWrites();
  await cluster.kill("n1");
  flipIn("n1", /\.log$/, [0.25, 0.5, 0.75]);
  await cluster.start("n1");
  await readThrough("n1", assertRebuilt("n1", /group (?:all|cluster): /));
});

test("a bit flipped in a table of an owner that runs: it serves what it knows, and its next start notices", async () => {
  await makeTable("n2");
  flipIn("n2", /\.ldb$/, [0.5]);
  await readThrough("n2", moreWrites());
  await cluster.kill("n2");
  await cluster.start("n2");
  await readThrough("n2", assertRebuilt("n2", /Database in .* is damaged: table \d+\.ldb: /));
});

test("both slots of the hard state of an owner that the others cannot rebuild: it says so and serves nothing", async () => {
  await moreWrites();
  await cluster.kill("n1", "n3");
  for (const slot of ["hard-state.a", "hard-state.b"]) flipBit(join(cluster.directoryOf("n3"), "data", slot), 30);
  await cluster.start("n3");
  const damage = /Hard state in .* is damaged: slot a is invalid, slot b is invalid/;
  for (const via of ["n3", "n4"]) {
    await waitFor(`${via} to say why n3 is quarantined`, noticeMs, async () => {
      const { node } = await cluster.client([via]).node("n3");
      return node.quarantined && reasonOf(damage).test(node.quarantineReason) ? true : null;
    });
  }
  const { stdout } = await bailiwick(["status", "--endpoints", cluster.apiOf("n3")]);
  assert.match(stdout, /n3.*quarantined: The data was damaged: Hard state/);
  await waitFor("the loss of the quorum to be noticed", noticeMs, async () => {
    const get = cluster.client(["n3"], noRetry).get(group, "first", { timeoutMs: 2_000 });
    await assertFailure(get, { code: "no_quorum", message: /no quorum/ });
    return true;
  });
  // As of an owner that is left.
  const { keyValue } = await cluster.client(["n3"]).get(group, "first", { consistency: "local", timeoutMs: noticeMs });
  assert.equal(Buffer.from(keyValue?.value ?? []).toString(), "first");
  await cluster.start("n1");
  await readThrough("n3", assertRebuilt("n3", damage));
});

test("every acknowledged write is there when those that were rebuilt last are all that is left", async () => {
  const acknowledged = (await load.stop()).filter(isAcknowledged);
  assert(acknowledged.length > 2 * writesBetween);
  await cluster.kill("n1");
  for (const node of ["n2", "n3"]) {
    const { value: keys } = await waitFor(`${node} to read without n1`, noticeMs, () => {
      return readKeys(cluster.client([node]), group);
    });
    assert.deepEqual(acknowledged.filter(({ key }) => !keys.has(key)).map(describeWrite), []);
  }
  cluster.assertNobodyFell();
});
