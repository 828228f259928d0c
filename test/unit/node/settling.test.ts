// The hard state is written once more when nodes become quiet: acknowledged indexes catch up, and both slots hold the votes.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type LogIndex, type Millis, toMillis, toNodeId } from "../../../proto/ids.ts";
import { HardStates } from "../../../server/node/hard-states.ts";
import { limits } from "../../../server/node/limits.ts";
import { Outbox } from "../../../server/node/outbox.ts";
import { Settling } from "../../../server/node/settling.ts";
import type { HardStateTable } from "../../../storage/hard-state.ts";
import { Cluster, type Disk, n1, n2, n3, n4, put, rg } from "./cluster.ts";

const owners = [n1, n2, n3] as const;

function acknowledgedOn(cluster: Cluster): LogIndex[] {
  return owners.map((node) => {
    const row = cluster.disks.get(node)?.table.find(({ group }) => group === rg);
    return row?.acknowledged ?? (0 as LogIndex);
  });
}

function applied(cluster: Cluster, node: (typeof owners)[number]): LogIndex {
  return cluster.ask(node, { type: "groupStatus", group: rg }, "groupStatus").status.applied;
}

/** Writes of the hard state by any node. */
function countTables(cluster: Cluster): () => number {
  let count = 0;
  for (const disk of cluster.disks.values()) {
    const write = disk.write.bind(disk);
    disk.write = (batch) => {
      if (batch.hardStates !== null) count += 1;
      write(batch);
    };
  }
  return () => count;
}

test("soon after the last write every owner has on record that it acknowledged all of it", () => {
  const cluster = new Cluster();
  cluster.leader();
  cluster.advance(5_000);
  for (let at = 0; at < 5; at++) cluster.ask(n4, put("k", `${at}`), "put");
  cluster.advance(limits.commitNoticeMs + 2 * limits.settleMs);
  assert.deepEqual(
    acknowledgedOn(cluster),
    owners.map((node) => applied(cluster, node)),
  );
});

test("quiet nodes write nothing", () => {
  const cluster = new Cluster();
  cluster.leader();
  cluster.advance(10_000);
  const tables = countTables(cluster);
  cluster.advance(60_000);
  assert.equal(tables(), 0);
  cluster.ask(n4, put("k", "v"), "put");
  cluster.advance(60_000);
  const written = tables();
  // Each of the three owners: with the entry, and once or twice more, depending on when the commit comes.
  assert.ok(written >= 6 && written <= 9, `${written} tables`);
});

test("a node that starts anew after it has settled still demands all that it acknowledged", () => {
  const cluster = new Cluster();
  cluster.leader();
  for (let at = 0; at < 5; at++) cluster.ask(n4, put("k", `${at}`), "put");
  cluster.advance(2_000);
  cluster.stop(n1);
  const disk = cluster.disks.get(n1);
  const stored = disk?.read();
  assert.equal(stored?.type, "image");
  if (stored?.type !== "image") return;
  const [group] = stored.image.groups;
  const { term, index } = group?.log?.previous ?? { term: 0, index: 0 };
  assert.deepEqual([term, index], [0, 0]);
  const last = group?.log?.last.index as LogIndex;
  assert.ok(last > 5);
  disk?.write({
    operations: group?.log?.append({ previous: group.log.previous, entries: group.entries.slice(0, -1) }) ?? [],
    hardStates: null,
  });
  const read = disk?.read();
  assert.equal(
    read?.type === "damaged" && read.reason,
    `group rg: the log ends at ${last - 1}, but ${last} was acknowledged (at index ${last})`,
  );
});

/** The tables of the two slots of a node's disk, the older one first. */
function slotsOf(disk: Disk): () => readonly HardStateTable[] {
  let slots: readonly HardStateTable[] = [disk.table, disk.table];
  const write = disk.write.bind(disk);
  disk.write = (batch) => {
    write(batch);
    if (batch.hardStates !== null) slots = [slots[1] as HardStateTable, batch.hardStates];
  };
  return () => slots;
}

/** n1 and n2 own the group, n3 is the witness, and n1 has just been cut off from both. */
function cutOff(): { readonly cluster: Cluster; readonly slots: () => readonly HardStateTable[] } {
  const nodes = ["n1", "n2", "n3", "n4", "n5", "n6"].map(toNodeId);
  const cluster = new Cluster({ nodes, groups: { rg: [n1, n2] }, voters: nodes.slice(3) });
  cluster.advance(60_000);
  const slots = slotsOf(cluster.disks.get(n3) as Disk);
  for (const other of [n2, n3]) cluster.cut(n1, other);
  return { cluster, slots };
}

const standsIn = (table: HardStateTable) => table.some(({ standIn }) => standIn !== null);

test("a witness has in both slots soon after it for whom it stands in", () => {
  const { cluster, slots } = cutOff();
  cluster.until(() => slots().some(standsIn), 20_000);
  cluster.advance(2 * limits.settleMs);
  assert.deepEqual(slots().map(standsIn), [true, true]);
});

test("a witness that was started anew before that has it in both slots soon after its start", () => {
  const { cluster, slots } = cutOff();
  cluster.until(() => slots().some(standsIn), 20_000);
  cluster.stop(n3);
  assert.deepEqual(slots().map(standsIn), [false, true]);
  cluster.start(n3);
  cluster.advance(2 * limits.settleMs);
  assert.deepEqual(slots().map(standsIn), [true, true]);
});

test("a table that is not durable yet is not merged with the one that settles: that one comes later", () => {
  const out = new Outbox();
  const hardStates = new HardStates([]);
  const settling = new Settling({ hardStates, out });
  const tables = () => out.take(0 as LogIndex, "").filter(({ type }) => type === "write").length;
  hardStates.unsettled();
  out.writeDurably([], []);
  settling.settle(toMillis(0));
  assert.equal(tables(), 1);
  const [firstMs, secondMs] = [limits.settleMs, 2 * limits.settleMs].map(toMillis) as [Millis, Millis];
  settling.deadline([], firstMs);
  assert.equal(tables(), 0);
  settling.settle(firstMs);
  out.durable(1);
  settling.deadline([], secondMs);
  assert.equal(tables(), 1);
});
