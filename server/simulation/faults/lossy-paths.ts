// One direction between two nodes loses much of what is sent, or all of it, and nobody's connection breaks over it.

import type { Random } from "../../../proto/random.ts";
import type { LossyPathOptions } from "../run-options.ts";
import type { World } from "../world.ts";
import { type Fault, Strikes } from "./fault.ts";

export class LossyPaths implements Fault {
  readonly name = "paths";
  readonly isConstant = false;
  readonly #world: World;
  readonly #random: Random;
  readonly #options: LossyPathOptions;
  readonly #strikes: Strikes;
  #count = 0;

  constructor(world: World, random: Random, options: LossyPathOptions) {
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
    this.#strikes.stop();
    const nodes = this.#world.nodes.map(({ node }) => node);
    for (const from of nodes) for (const to of nodes) this.#world.network.setLoss(from, to, 0);
  }

  #strike(): void {
    const [from, to] = this.#random.shuffle(this.#world.nodes.map(({ node }) => node));
    if (from === undefined || to === undefined) return;
    this.#count += 1;
    const { network, scheduler } = this.#world;
    const { lossMax, durationMsMax } = this.#options;
    network.setLoss(from, to, lossMax * (0.5 + this.#random.fraction() / 2));
    scheduler.after(this.#random.fraction() * durationMsMax, () => network.setLoss(from, to, 0));
  }
}
