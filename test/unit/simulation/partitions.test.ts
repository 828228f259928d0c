// Cuts of every shape and manner, seen in who still hears whom.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type NodeId, toNodeId } from "../../../proto/ids.ts";
import { Random } from "../../../proto/random.ts";
import { type CutShape, cutShapes, waysOf } from "../../../server/simulation/faults/cut-shapes.ts";
import { lossyPaths } from "../../../server/simulation/faults/lossy-paths.ts";
import { Partitions } from "../../../server/simulation/faults/partitions.ts";
import { calmLink } from "../../../server/simulation/link-options.ts";
import { BeatingWorld } from "./beating-world.ts";

const order = ["a", "b", "c", "d", "e"].map(toNodeId);
const never = { meanMs: 1e9, durationMsMax: 1 };

/** `ab` when a hears nothing that b sends it: `from` first. */
function cutOf(shape: CutShape, seed: number): ReadonlySet<string> {
  return new Set(waysOf(shape, order, new Random(seed)).map(([from, to]) => `${from}${to}`));
}

function hears(cut: ReadonlySet<string>, node: NodeId): string {
  return order.filter((from) => from !== node && !cut.has(`${from}${node}`)).join("");
}

const expected: Readonly<Record<Exclude<CutShape, "flaky" | "halves" | "oneWay" | "bridge">, string>> = {
  isolated: " - cde bde bce bcd",
  mute: "bcde cde bde bce bcd",
  deaf: " - acde abde abce abcd",
  ring: "be ac bd ce ad",
};

for (const [shape, heard] of Object.entries(expected)) {
  test(`of five, after a cut called ${shape}, hear: ${heard.trim()}`, () => {
    const cut = cutOf(shape as CutShape, 1);
    assert.equal(order.map((node) => hears(cut, node) || " -").join(" "), heard);
  });
}

test("halves hear nobody of the other half, one way only the right hears the left, a bridge joins both", () => {
  const middles = new Set<number>();
  for (let seed = 1; seed <= 50; seed++) {
    const [halves, oneWay, bridge] = (["halves", "oneWay", "bridge"] as const).map((shape) => cutOf(shape, seed));
    assert.ok(halves !== undefined && oneWay !== undefined && bridge !== undefined);
    const middle = order.findIndex((node) => halves.has(`a${node}`));
    const isAcross = (left: NodeId, right: NodeId) => order.indexOf(left) < middle !== order.indexOf(right) < middle;
    for (const from of order) {
      for (const to of order) {
        if (from === to) continue;
        const across = isAcross(from, to);
        assert.equal(halves.has(`${from}${to}`), across);
        assert.equal(oneWay.has(`${from}${to}`), across && order.indexOf(from) < middle);
        assert.equal(bridge.has(`${from}${to}`), across && from !== "a" && to !== "a");
      }
    }
    middles.add(middle);
  }
  assert.deepEqual([...middles].sort(), [1, 2, 3, 4]);
});

test("each shape silences the directions it says, until it is healed", () => {
  for (const shape of cutShapes) {
    const beating = new BeatingWorld(1, 5);
    const { world } = beating;
    const fault = new Partitions(world, new Random(2), never);
    const all = beating.ways(500).size;
    assert.equal(all, 20);
    fault.cut("steady", shape, 10_000);
    world.runFor(9_000);
    const cut = beating.ways(3_000).size;
    assert.ok(cut < all, `${shape}: ${cut} of ${all} directions carry messages`);
    assert.equal(fault.count, 1);
    // A dial into the cut has to time out first.
    world.runFor(8_000);
    assert.equal(beating.ways(1_000).size, all, `${shape} ends`);
  }
});

/** Turns from heard to silent and back, of one node hearing all others, in steps of 50 ms. */
function turns(beating: BeatingWorld, node: NodeId, durationMs: number): number {
  let count = 0;
  let wasHeard = true;
  for (let atMs = 0; atMs < durationMs; atMs += 150) {
    beating.world.runFor(150);
    const isHeard = [...beating.ways(150)].some((way) => way.endsWith(`>${node}`));
    if (isHeard !== wasHeard) count += 1;
    wasHeard = isHeard;
  }
  return count;
}

test("a flapping cut comes and goes many times before it ends", () => {
  const beating = new BeatingWorld(1, 2);
  beating.world.network.setLink({ ...calmLink, cutNoticeMsMax: 60_000 });
  const fault = new Partitions(beating.world, new Random(2), never);
  fault.cut("flapping", "isolated", 10_000);
  const flapped = turns(beating, beating.nodes[0] as NodeId, 10_000);
  assert.ok(flapped > 10, `${flapped} turns`);
  beating.world.runFor(8_000);
  assert.equal(beating.ways(1_000).size, 2, "it ends");
});

test("a swizzle cuts nodes off one by one and brings them back in another order", () => {
  const orders = new Set<string>();
  for (let seed = 1; seed <= 10; seed++) {
    const beating = new BeatingWorld(seed, 4);
    beating.world.network.setLink({ ...calmLink, cutNoticeMsMax: 60_000 });
    new Partitions(beating.world, new Random(seed), never).cut("swizzle", "isolated", 10_000);
    const left: string[] = [];
    const back: string[] = [];
    for (let turn = 0; turn < 60; turn++) {
      beating.world.runFor(200);
      for (const node of beating.nodes) {
        const isOff = ![...beating.ways(200)].some((way) => way.startsWith(`${node}>`));
        if (isOff && !left.includes(node)) left.push(node);
        if (!isOff && left.includes(node) && !back.includes(node)) back.push(node);
      }
    }
    assert.equal(back.length, left.length, "all who left came back");
    orders.add(`${left} ${back}`);
  }
  assert.ok(
    [...orders].some((each) => each.split(" ")[0] !== each.split(" ")[1]),
    `${[...orders]}`,
  );
});

test("a lossy path loses much in its direction, without a word of it to anybody, until it is healed", () => {
  const beating = new BeatingWorld(1, 2);
  const { world } = beating;
  const broken: string[] = [];
  world.observe({ stepped: (node, input) => void (input.type === "peerDown" && broken.push(node)) });
  const fault = lossyPaths(world, new Random(2), { meanMs: 500, durationMsMax: 3_000, lossMax: 1 });
  const heardBefore = beating.heard.length;
  fault.start();
  world.runFor(20_000);
  const heard = beating.heard.length - heardBefore;
  assert.ok(fault.count > 10);
  // Two nodes of ten messages a second each.
  assert.ok(heard > 20 && heard < 340, `${heard} of 400 were heard`);
  assert.deepEqual(broken, []);
  fault.heal();
  const healed = beating.heard.length;
  world.runFor(2_000);
  assert.ok(beating.heard.length - healed >= 38);
});
