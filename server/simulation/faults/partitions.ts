// Parts of the network are cut from each other for a while, in one of several shapes and manners: steadily; flapping, cut
// and whole in quick turns; or by a swizzle, which cuts nodes off one after the other and heals them in another order. A
// new cut replaces the one before it.

import type { NodeId } from "../../../proto/ids.ts";
import type { Random } from "../../../proto/random.ts";
import type { PartitionOptions } from "../run-options.ts";
import type { World } from "../world.ts";
import { type CutShape, cutShapes, isolate, type Way, waysOf } from "./cut-shapes.ts";
import { type Fault, Strikes } from "./fault.ts";

export type CutManner = "steady" | "flapping" | "swizzle";

/** A cut that flaps changes after this at the latest. */
const flapMsMax = 400;

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
    this.#strikes.start(() => this.#strike());
  }

  heal(): void {
    this.#isHealed = true;
    this.#strikes.stop();
    this.#world.network.connections.unblockAll();
  }

  #strike(): void {
    const manner = this.#random.pick(["steady", "steady", "flapping", "swizzle"] as const);
    this.cut(manner, this.#random.pick(cutShapes), this.#random.fraction() * this.#options.durationMsMax);
  }

  /** @param shape of a swizzle: none, each of its nodes being cut off from all */
  cut(manner: CutManner, shape: CutShape, durationMs: number): void {
    this.#count += 1;
    this.#set([]);
    const order = this.#order();
    if (manner === "swizzle") this.#swizzle(order, durationMs);
    else if (manner === "flapping") this.#flap(waysOf(shape, order, this.#random), durationMs);
    else this.#set(waysOf(shape, order, this.#random));
    this.#later(durationMs, () => this.#set([]));
  }

  /** In half of the cuts a leader comes first: alone, mute or deaf, or on the left side. */
  #order(): readonly NodeId[] {
    const order = this.#random.shuffle(this.#world.nodes.map(({ node }) => node));
    const { all } = this.#world.leaders;
    if (all.length === 0 || this.#random.chance(0.5)) return order;
    const leader = this.#random.pick(all);
    return [leader, ...order.filter((node) => node !== leader)];
  }

  #flap(ways: readonly Way[], durationMs: number): void {
    let isCut = false;
    for (let atMs = 0; atMs < durationMs; atMs += 1 + this.#random.fraction() * flapMsMax) {
      isCut = !isCut;
      const now = isCut ? ways : [];
      this.#later(atMs, () => this.#set(now));
    }
  }

  /** In the first half of the time nodes are cut off one by one, in the second they come back. */
  #swizzle(order: readonly NodeId[], durationMs: number): void {
    const off = new Set<NodeId>();
    for (const node of order.slice(0, this.#random.between(1, order.length))) {
      this.#later((this.#random.fraction() * durationMs) / 2, () => this.#set(isolate([...off.add(node)], order)));
      this.#later(((1 + this.#random.fraction()) * durationMs) / 2, () => {
        off.delete(node);
        this.#set(isolate([...off], order));
      });
    }
  }

  #set(ways: readonly Way[]): void {
    const { connections } = this.#world.network;
    connections.unblockAll();
    for (const [from, to] of ways) connections.block(from, to);
  }

  /** Unless another cut has come by then, or everything is healed. */
  #later(delayMs: number, run: () => void): void {
    const cut = this.#count;
    this.#world.scheduler.after(delayMs, () => {
      if (cut === this.#count && !this.#isHealed) run();
    });
  }
}
