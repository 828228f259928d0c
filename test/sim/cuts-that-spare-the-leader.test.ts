// A cut that leaves a leader its quorum deposes nobody: not one way, not through a bridge, not by flapping, not when it
// heals. The term stays, and the leader goes on writing. Scripts on a world, over many seeds.

import assert from "node:assert/strict";
import { test } from "node:test";
import { clusterGroup, type GroupId, type NodeId, toGroupId, toNodeId } from "../../proto/ids.ts";
import type { Envelope } from "../../proto/messages.ts";
import { Random } from "../../proto/random.ts";
import type { Request } from "../../proto/requests.ts";
import { createBoot } from "../../server/simulation/boot.ts";
import { calmLink } from "../../server/simulation/link-options.ts";
import { plainBootstrap } from "../../server/simulation/reference-topology.ts";
import { World } from "../../server/simulation/world.ts";
import { bytesOf } from "../../storage/bytes.ts";

const group = toGroupId("rg1");
const seeds = 200;
const cutMs = 60_000;
const healedMs = 20_000;
const writeEveryMs = 2_000;

type Way = readonly [from: NodeId, to: NodeId];

/** @returns the directions that are cut */
type Shape = (leader: NodeId, followers: readonly NodeId[]) => readonly Way[];

function both(left: NodeId, right: NodeId): readonly Way[] {
  return [
    [left, right],
    [right, left],
  ];
}

const ofThree: Readonly<Record<string, Shape>> = {
  "from the leader to one follower": (leader, [first]) => [[leader, first as NodeId]],
  "from one follower to the leader": (leader, [first]) => [[first as NodeId, leader]],
  "from one follower to the other": (_leader, [first, second]) => [[first as NodeId, second as NodeId]],
  "between the followers, the leader being the bridge": (_leader, [first, second]) =>
    both(first as NodeId, second as NodeId),
  "between the leader and one follower, the other being the bridge": (leader, [first]) => both(leader, first as NodeId),
};

const ofFive: Readonly<Record<string, Shape>> = {
  "between two pairs of followers, the leader being the bridge": (_leader, [a, b, c, d]) =>
    [a, b].flatMap((left) => [c, d].flatMap((right) => both(left as NodeId, right as NodeId))),
  "between the leader's pair and another, a follower being the bridge": (leader, [a, _bridge, c, d]) =>
    [leader, a].flatMap((left) => [c, d].flatMap((right) => both(left as NodeId, right as NodeId))),
  "from the leader to two followers": (leader, [a, b]) => [a, b].map((to) => [leader, to as NodeId]),
  "to the leader from two followers": (leader, [a, b]) => [a, b].map((from) => [from as NodeId, leader]),
  "from everybody but the leader to one follower": (_leader, [a, b, c, d]) =>
    [b, c, d].map((from) => [from as NodeId, a as NodeId]),
  "of a ring": (leader, [a, b, c, d]) => {
    const ring = [leader, a, b, c, d] as NodeId[];
    return ring.flatMap((left, at) => both(left, ring[(at + 2) % ring.length] as NodeId));
  },
};

class Scene {
  readonly world: World;
  readonly nodes: readonly NodeId[];

  constructor(seed: number, size: number) {
    this.nodes = Array.from({ length: size }, (_, position) => toNodeId(`n${position + 1}`));
    const bootstrap = plainBootstrap(this.nodes, [[group, this.nodes]], this.nodes);
    const { cluster } = bootstrap;
    const carry = (envelope: Envelope) => envelope;
    this.world = new World({ seed, cluster, nodes: this.nodes, boot: createBoot(bootstrap), carry });
    // A cut is noticed soon, late or not at all: until then one direction still works.
    const cutNoticeMsMax = new Random(seed).pick([100, 5_000, 10 * cutMs]);
    this.world.network.setLink({ ...calmLink, cutNoticeMsMax });
    for (const node of this.world.nodes) node.start();
    this.world.runFor(10_000);
  }

  /** The highest term that any node has on its disk: whoever stands for an election raises it. */
  term(of: GroupId): number {
    const tables = this.world.nodes.flatMap(({ disk }) => disk.durableTable);
    return Math.max(...tables.flatMap((row) => (row.group === of ? [row.term] : [])));
  }

  leader(of: GroupId): NodeId {
    const votes = this.world.nodes.flatMap(({ disk }) => disk.durableTable).filter((row) => row.group === of);
    const leader = votes.find((row) => row.term === this.term(of))?.vote ?? null;
    assert.ok(leader !== null);
    return leader;
  }

  cut(ways: readonly Way[]): void {
    for (const [from, to] of ways) this.world.network.connections.block(from, to);
  }

  heal(): void {
    this.world.network.connections.unblockAll();
  }

  /** Runs for a while in which `leader` writes now and then, and is told each time that it has. */
  write(leader: NodeId, durationMs: number): void {
    const untilMs = this.world.nowMs + durationMs;
    for (let turn = 0; this.world.nowMs < untilMs; turn++) {
      const value = bytesOf(`${turn}`);
      const rest = { lease: 0, ifModRevision: null, fence: null, returnPrevious: false };
      const put: Request = { type: "put", group, key: bytesOf("key"), value, ...rest };
      let answer = "none";
      const reply = (given: { readonly type: string }) => {
        answer = given.type;
      };
      this.world.node(leader).call(put, writeEveryMs, { reply, watch: () => {}, lost: () => {} });
      this.world.runFor(writeEveryMs);
      assert.equal(answer, "put", `a write through the leader ${leader} at ${this.world.nowMs}`);
    }
  }
}

function hearsQuorum(scene: Scene, leader: NodeId, ways: readonly Way[]): boolean {
  const isCut = (left: NodeId, right: NodeId) => ways.some(([from, to]) => from === left && to === right);
  const heard = scene.nodes.filter((node) => !isCut(leader, node) && !isCut(node, leader));
  return heard.length * 2 > scene.nodes.length;
}

function play(seed: number, size: number, shape: Shape, isFlapping: boolean): void {
  const scene = new Scene(seed, size);
  const random = new Random(seed);
  const leader = scene.leader(group);
  const ways = shape(leader, random.shuffle(scene.nodes.filter((node) => node !== leader)));
  assert.ok(hearsQuorum(scene, leader, ways), "the script must leave the leader its quorum");
  const spared = [group, clusterGroup].filter((of) => hearsQuorum(scene, scene.leader(of), ways));
  const before = spared.map((of) => scene.term(of));
  const check = (when: string) => {
    const after = spared.map((of) => scene.term(of));
    assert.deepEqual(after, before, `seed ${seed}: the terms of ${spared} ${when}`);
  };
  for (let at = 0; at < cutMs; at += isFlapping ? 4_000 : cutMs) {
    scene.cut(ways);
    scene.write(leader, isFlapping ? 2_000 : cutMs);
    check("while cut");
    scene.heal();
    if (isFlapping) scene.write(leader, 2_000);
  }
  scene.write(leader, healedMs);
  check("after healing");
}

for (const [size, shapes] of [
  [3, ofThree],
  [5, ofFive],
] as const) {
  for (const [name, shape] of Object.entries(shapes)) {
    test(`of ${size} owners: a cut ${name} deposes no leader that has a quorum`, () => {
      const share = Math.ceil(seeds / (Object.keys(ofThree).length + Object.keys(ofFive).length));
      for (let seed = 1; seed <= share; seed++) play(seed, size, shape, seed % 4 === 0);
    });
  }
}
