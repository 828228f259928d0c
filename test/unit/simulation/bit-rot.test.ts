// Damage at random to disks that a cluster has used: whatever a start makes of one, it is never another answer than before.
// What has no checksum among the rows is caught one layer below or not at all, and listed here with the reason.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { clusterGroup, type NodeId, toGroupId, toNodeId } from "../../../proto/ids.ts";
import { Random } from "../../../proto/random.ts";
import type { NodeImage, ReplicaImage } from "../../../server/node/image.ts";
import { type Damage, flipBit, loseRow, loseTail, type RowKind } from "../../../server/simulation/bit-rot.ts";
import { createBoot, readDisk } from "../../../server/simulation/boot.ts";
import { FaultAtlas } from "../../../server/simulation/faults/fault-atlas.ts";
import { createReferenceTopology, plainBootstrap } from "../../../server/simulation/reference-topology.ts";
import type { SimDisk } from "../../../server/simulation/sim-disk.ts";
import { topologyOf } from "../../../server/simulation/topology.ts";
import { Clients } from "../../../server/simulation/workload/clients.ts";
import { History } from "../../../server/simulation/workload/history.ts";
import { World } from "../../../server/simulation/world.ts";
import { everyRange } from "../../../storage/keys.ts";
import type { Operation } from "../../../storage/ordered-store.ts";

const everything = { rowsMax: 1e9, bytesMax: 1e12 };
/** Damages of one kind. */
const tries = 120;
const topology = createReferenceTopology();
const workload = {
  clients: 6,
  thinkMsMean: 20,
  burstProbability: 0,
  keysPerGroup: 4,
  valueBytesMax: 60,
  budgetMsMax: 1_000,
  watches: 0,
  variedWatches: false,
  stateWatches: 0,
  transfers: 0,
  leases: 0,
  leaseTtlMsMax: 3_000,
  identities: false,
};

/** A disk of a node that has served clients, kept little of its log, and lost its power. */
interface UsedDisk {
  readonly disk: SimDisk;
  readonly rows: readonly Operation[];
  readonly image: NodeImage;
}

const used: UsedDisk[] = [];

before(() => {
  const boot = createBoot(topology.bootstrap, { bytes: 1e6, entries: 24 });
  const { cluster } = topology.bootstrap;
  const world = new World({ seed: 5, cluster, nodes: topology.nodes, boot, carry: (envelope) => envelope });
  const groups = [...topology.groups.keys()];
  const clients = new Clients({
    world,
    groups,
    workload,
    history: new History(),
    random: new Random(6),
    insistence: null,
  });
  for (const node of world.nodes) node.start();
  world.runFor(3_000);
  clients.start();
  world.runFor(3_000);
  for (const node of world.nodes) {
    node.crash("power");
    const { disk } = node;
    const rows = disk.durablePage(everyRange(), everything).rows.map((row) => ({ type: "put", ...row }) as const);
    used.push({ disk, rows, image: imageOf(disk) });
    world.runFor(200);
  }
});

function imageOf(disk: SimDisk): NodeImage {
  const stored = readDisk(disk);
  assert.ok(stored.type === "image", JSON.stringify(stored));
  return stored.image;
}

/** All that a node would go on with. */
function served({ database, groups, unnamed: _, ...rest }: NodeImage): unknown {
  return { ...rest, database: replica(database), groups: groups.map(replica) };
}

function replica({ state: _, log, ...rest }: ReplicaImage<unknown>): unknown {
  return { ...rest, log: log === null ? null : [log.previous, log.last] };
}

function isSame(left: NodeImage, right: NodeImage): boolean {
  try {
    assert.deepEqual(served(left), served(right));
    return true;
  } catch {
    return false;
  }
}

/** `damaged`: the start refuses it; `same`: it changes nothing; `other`: the node would go on with something else. */
type Verdict = "damaged" | "same" | "other";

/** Damages a disk, looks at what a start makes of it, and puts it back as it was. */
function verdictOf({ disk, rows, image }: UsedDisk, damage: (disk: SimDisk) => Damage | null) {
  const done = damage(disk);
  const stored = readDisk(disk);
  disk.writeAtOnce(rows);
  const isUnchanged = stored.type === "image" && isSame(stored.image, image);
  const verdict: Verdict = stored.type === "damaged" ? "damaged" : isUnchanged ? "same" : "other";
  return { verdict, text: done?.text ?? "nothing", stored };
}

function tally(tries: number, damage: (disk: SimDisk, random: Random) => Damage | null) {
  const random = new Random(9);
  const counts: Record<Verdict, number> = { damaged: 0, same: 0, other: 0 };
  const others: string[] = [];
  for (let round = 0; round < tries; round++) {
    const { verdict, text } = verdictOf(random.pick(used), (disk) => damage(disk, random));
    if (text === "nothing") continue;
    counts[verdict] += 1;
    if (verdict === "other") others.push(text);
  }
  return { counts, others };
}

for (const kind of ["log", "logBoundary", "state", "group"] as const) {
  test(`a flipped bit of a row of kind ${kind} is noticed, or changes nothing`, () => {
    const { counts, others } = tally(tries, (disk, random) => flipBit(disk, [kind], random));
    assert.deepEqual(others, []);
    assert.ok(counts.damaged > 0.8 * tries, JSON.stringify(counts));
  });
}

for (const kind of ["logBoundary", "state", "applied", "group"] as const) {
  test(`a lost row of kind ${kind} is noticed`, () => {
    const { counts, others } = tally(tries, (disk, random) => loseRow(disk, [kind], random));
    assert.deepEqual(others, []);
    assert.equal(counts.damaged, tries);
  });
}

test("a lost version is noticed, unless it is the last of its revision and a deletion of what was put again", () => {
  const { counts } = tally(tries, (disk, random) => loseRow(disk, ["version"], random));
  assert.ok(counts.other <= 5 && counts.damaged >= tries - 5, JSON.stringify(counts));
});

/** These rows have no checksum of their own: what guards them is that of LevelDB's blocks. Who adds one moves its kind up. */
const unguarded: readonly (readonly [kind: RowKind, why: string])[] = [
  ["version", "a value that was overwritten since is in no state hash"],
  ["applied", "term, floor and index are beside the state hash and not in it"],
  ["nodeStatus", "what other groups have told; the sphere tells it again"],
  ["interlock", "a hint for planning"],
  ["meta", "names are compared with the key and the configuration, and the number of starts with the key's"],
];

for (const [kind, why] of unguarded) {
  test(`a flipped bit of a row of kind ${kind} can pass: ${why}`, () => {
    const { counts } = tally(tries, (disk, random) => flipBit(disk, [kind], random));
    assert.ok(counts.other > 0, JSON.stringify(counts));
  });
}

test("lost records at the end of a log are noticed, unless nobody was told here that they are committed", () => {
  const random = new Random(3);
  const seen = { damaged: 0, other: 0 };
  for (let round = 0; round < tries; round++) {
    const one = random.pick(used);
    const { verdict, stored, text } = verdictOf(one, (disk) => loseTail(disk, random));
    if (verdict === "same") continue;
    seen[verdict] += 1;
    if (stored.type !== "image") continue;
    for (const { group, log } of [...stored.image.groups, stored.image.database]) {
      const row = stored.image.hardStates.find((each) => each.group === group);
      assert.ok(log === null || log.last.index >= (row?.acknowledged ?? 0), text);
    }
  }
  assert.ok(seen.damaged > 0.3 * tries, JSON.stringify(seen));
});

test("the atlas spares a quorum of every group, the cluster group included, and forgets what was rebuilt", () => {
  const rebuilt = new Set<NodeId>();
  const atlas = new FaultAtlas(topology, (node) => rebuilt.has(node));
  const may = () => topology.nodes.filter((node) => atlas.mayDamage(node)).join(" ");
  const [n202, n204, n206, n208] = topology.nodes as readonly [NodeId, NodeId, NodeId, NodeId];
  assert.equal(may(), topology.nodes.join(" "));
  atlas.damaged(n208);
  // It shares rg220 with n202 and n214, rg226 with n210 and n212: each group can spare one of three.
  assert.equal(may(), "n204 n206 n216 n218");
  for (const node of [n204, n206]) atlas.damaged(node);
  assert.equal(may(), "");
  // n206 and n208 are quarantined; nothing of n204 was hurt after all.
  for (const node of [n206, n208]) atlas.setAside(node);
  for (const node of [n204, n206, n208]) atlas.started(node);
  assert.equal(may(), "n204 n216");
  assert.equal(atlas.counts(n208, toGroupId("rg220")), false);
  rebuilt.add(n208);
  assert.equal(may(), "n202 n204 n208 n210 n214 n216");
  rebuilt.add(n206);
  assert.equal(may(), topology.nodes.join(" "));
  // Of the five voters n202 n204 n206 n214 n216 two have no vote in the cluster group any more, for good.
  atlas.damaged(n202);
  atlas.setAside(n202);
  atlas.started(n202);
  rebuilt.add(n202);
  assert.equal(may(), "n202 n206 n208 n210 n212 n218");
  assert.equal(atlas.counts(n202, toGroupId("rg220")), true);
  assert.equal(atlas.counts(n202, clusterGroup), false);
});

test("the atlas spares nodes that nobody would rebuild, and knows a cluster that can spare none", () => {
  const name = (text: string) => text.split(" ").map(toNodeId);
  const of = (owners: string, voters: string) => {
    return topologyOf(plainBootstrap(name("n1 n2 n3 n4"), [[toGroupId("g"), name(owners)]], name(voters)));
  };
  assert.equal(new FaultAtlas(of("n1 n2 n3", "n1 n2 n3"), () => true).mayDamage(toNodeId("n4")), false);
  assert.equal(FaultAtlas.hasSpare(of("n1 n2 n3", "n1 n2 n3")), true);
  assert.equal(FaultAtlas.hasSpare(of("n1 n2", "n1 n2 n3")), false);
});
