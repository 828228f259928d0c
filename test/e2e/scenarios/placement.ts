// Every record on exactly the nodes that must have it: by the table of mission.md, and by the bytes of every file.

import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect, inspectHere, withoutRevisions } from "../support/disks.ts";
import { countBytes, createMarker, holdsMarker } from "../support/markers.ts";
import { expectedOf, type GroupName, groupNames, groupOwners } from "../support/reference.ts";
import type { TestCluster } from "../support/test-cluster.ts";
import { eventually } from "../support/wait.ts";

/** What was written: one key a group, with a value to look for. */
export interface Marked {
  readonly markers: ReadonlyMap<GroupName, Buffer>;
  readonly keysOf: (group: GroupName) => readonly string[];
}

/** Each through a node that does not own the group, which must not keep anything of what passes through it. */
const throughNode: Readonly<Record<GroupName, string>> = {
  rg220: "n218",
  rg222: "n202",
  rg224: "n204",
  rg226: "n216",
};
const settleMs = 20_000;

/** Writes a marker to each group of the reference cluster. */
export async function writeMarkers(cluster: TestCluster): Promise<Marked> {
  const markers = new Map<GroupName, Buffer>();
  for (const group of groupNames) {
    const marker = createMarker();
    const client = cluster.client([throughNode[group]]);
    await client.put(group, { key: `marker-of-${group}`, value: marker }, { timeoutMs: settleMs });
    markers.set(group, marker);
  }
  return { markers, keysOf: (group) => [`marker-of-${group}`] };
}

/** `inspect` of all nodes until each tells its row of the table. */
export async function assertTable(
  cluster: TestCluster,
  { keysOf }: Pick<Marked, "keysOf">,
  how: typeof inspect = inspectHere,
): Promise<void> {
  await eventually(settleMs, async () => {
    for (const node of cluster.nodes) {
      const { code, report } = await how(cluster.directoryOf(node));
      assert.deepEqual(withoutRevisions(report), expectedOf(node, keysOf), `disk of ${node}`);
      assert.equal(code, 0, `exit code of inspect ${node}`);
    }
  });
}

/** In the raw bytes of all files of all nodes, logs for people included. */
export async function assertMarkers(cluster: TestCluster, { markers }: Marked): Promise<void> {
  await eventually(settleMs, () => {
    for (const [group, marker] of markers) {
      const holders = cluster.nodes.filter((node) => holdsMarker(cluster.directoryOf(node), marker));
      const scanned = cluster.nodes.map((node) => countBytes(cluster.directoryOf(node)));
      assert(Math.min(...scanned) > 1_000, `scanned only ${scanned.join(" ")} bytes`);
      assert.deepEqual(holders, [...groupOwners[group]], `nodes whose files hold the marker of ${group}`);
    }
  });
}

/** The tests of a running reference cluster without any other keys. */
export function testPlacement(cluster: TestCluster): void {
  let marked: Marked;

  test("a marker written to each group through a stranger is in the files of its owners and nowhere else (A1, F1)", async () => {
    marked = await writeMarkers(cluster);
    await assertMarkers(cluster, marked);
  });

  test("inspect of all nine running nodes prints the table of mission.md (A1, A2, A4, A7)", async () => {
    await assertTable(cluster, marked, inspect);
  });
}
