// Disks that refuse writes, being full or broken, until somebody sees to them, and disks that take many seconds over a
// sync. A node whose write was refused stops itself (invariant 4), and starts again once its disk is repaired.

import type { Random } from "../../../proto/random.ts";
import type { DiskFailureOptions, StuckDiskOptions } from "../run-options.ts";
import type { SimNode } from "../sim-node.ts";
import type { World } from "../world.ts";
import { type Fault, Strikes } from "./fault.ts";

export class DiskFailures implements Fault {
  readonly name = "full-disks";
  readonly isConstant = false;
  readonly #world: World;
  readonly #random: Random;
  readonly #options: DiskFailureOptions;
  readonly #strikes: Strikes;
  #isHealed = false;

  constructor(world: World, random: Random, options: DiskFailureOptions) {
    this.#world = world;
    this.#random = random;
    this.#options = options;
    this.#strikes = new Strikes(world.scheduler, random.fork(), options.meanMs);
    world.observe({ failed: (node) => this.#stopped(world.node(node)) });
  }

  /** Writes that were refused: a disk that fails while nothing is written hurts nobody. */
  get count(): number {
    return this.#world.nodes.reduce((sum, { disk }) => sum + disk.condition.refused, 0);
  }

  start(): void {
    this.#strikes.start(() => {
      const failing = this.#world.nodes.filter(({ disk }) => disk.condition.failure !== null);
      const whole = this.#world.nodes.filter((node) => node.isRunning && !failing.includes(node));
      if (failing.length < this.#options.nodesMax && whole.length > 0) this.#fail(pickBusy(whole, this.#random));
    });
  }

  /** Starting what is down is the runner's affair, for not all nodes need to come back. */
  heal(): void {
    this.#isHealed = true;
    this.#strikes.stop();
    for (const { disk } of this.#world.nodes) disk.condition.repair();
  }

  #fail(node: SimNode): void {
    node.disk.condition.fail(this.#random.pick(["full", "broken"] as const));
    this.#world.scheduler.after((0.5 + this.#random.fraction() / 2) * this.#options.durationMsMax, () => {
      node.disk.condition.repair();
      if (!this.#isHealed && !node.isRunning) node.start();
    });
  }

  /** A node may hear of its failed write when everything is healed: whoever sees to it starts it again. */
  #stopped(node: SimNode): void {
    if (!this.#isHealed) return;
    this.#world.scheduler.after(0, () => {
      if (!node.isRunning) node.start();
    });
  }
}

/** Often the node that wrote last: a fault of a disk that nobody uses hurts nobody. */
function pickBusy(nodes: readonly SimNode[], random: Random): SimNode {
  const busiest = Math.max(...nodes.map(({ disk }) => disk.lastWriteMs));
  const busy = nodes.find(({ disk }) => disk.lastWriteMs === busiest);
  return busy !== undefined && random.chance(0.85) ? busy : random.pick(nodes);
}

export class StuckDisks implements Fault {
  readonly name = "stuck-disks";
  readonly isConstant = false;
  readonly #world: World;
  readonly #random: Random;
  readonly #options: StuckDiskOptions;
  readonly #strikes: Strikes;

  constructor(world: World, random: Random, options: StuckDiskOptions) {
    this.#world = world;
    this.#random = random;
    this.#options = options;
    this.#strikes = new Strikes(world.scheduler, random.fork(), options.meanMs);
  }

  /** Writes that had to wait. */
  get count(): number {
    return this.#world.nodes.reduce((sum, { disk }) => sum + disk.condition.stuck, 0);
  }

  start(): void {
    this.#strikes.start(() => {
      const { durationMsMin, durationMsMax } = this.#options;
      const durationMs = durationMsMin + this.#random.fraction() * (durationMsMax - durationMsMin);
      pickBusy(this.#world.nodes, this.#random).disk.condition.stickFor(durationMs);
    });
  }

  /** What sticks comes free by itself. */
  heal(): void {
    this.#strikes.stop();
  }
}
