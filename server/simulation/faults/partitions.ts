// Parts of the network are cut from each other for a while: halves, one node alone, one direction only, and a bridge, where
// two halves hear one node but not each other. A new cut replaces the one before it.

import type { NodeId } from "../../../proto/ids.ts";
import type { Random } from "../../../proto/random.ts";
import type { PartitionOptions } from "../run-options.ts";
import type { World } from "../world.ts";
import { type Fault, Strikes } from "./fault.ts";

const shapes = ["halves", "isolated", "oneWay", "bridge", "flaky"] as const;

export class Partitions implements Fault {
  readonly name = "partition";
  readonly isConstant = false;
  readonly #world: World;
  readonly #random: Random;
  readonly #options: PartitionOptions;
  readonly #strikes: Strikes;
  #count = 0;
  #isHealed = false;

  constructor(world: World, random: Random, options: PartitionOptions) {
    this.#world = world;
    this.#random = random;
    this.#options = options;
    this.#strikes = new Strikes(world.scheduler, random.fork(), options.meanMs);
  }

  get count(): number {
    return this.#count;
  }

  start(): void {
    this.#strikes.start(() => this.#cut());
  }

  heal(): void {
    this.#isHealed = true;
    this.#strikes.stop();
    this.#world.network.connections.unblockAll();
  }

  #cut(): void {
    const cut = ++this.#count;
    const { connections } = this.#world.network;
    connections.unblockAll();
    for (const [from, to] of this.#shape()) connections.block(from, to);
    this.#world.scheduler.after(this.#random.fraction() * this.#options.durationMsMax, () => {
      if (cut === this.#count && !this.#isHealed) connections.unblockAll();
    });
  }

  /** Which directions are cut. */
  #shape(): readonly (readonly [NodeId, NodeId])[] {
    const nodes = this.#random.shuffle(this.#world.nodes.map(({ node }) => node));
    const middle = this.#random.between(1, nodes.length - 1);
    const [left, right] = [nodes.slice(0, middle), nodes.slice(middle)];
    const first = nodes.slice(0, 1);
    switch (this.#random.pick(shapes)) {
      case "halves":
        return [...between(left, right), ...between(right, left)];
      case "isolated":
        return [...between(first, nodes), ...between(nodes, first)];
      case "oneWay":
        return this.#random.chance(0.5) ? between(left, right) : between(first, nodes);
      case "bridge":
        return [...between(left.slice(1), right), ...between(right, left.slice(1))];
      case "flaky":
        return between(nodes, nodes).filter(() => this.#random.chance(0.25));
    }
  }
}

function between(sources: readonly NodeId[], targets: readonly NodeId[]): (readonly [NodeId, NodeId])[] {
  return sources.flatMap((from) => targets.filter((to) => to !== from).map((to) => [from, to] as const));
}
