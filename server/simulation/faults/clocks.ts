// Clocks that do not keep time: monotonic ones that run fast or slow, each node's by itself, and wall clocks that are set
// forward or back. The wall clock dates events for people and must matter to nothing else.

import type { Random } from "../../../proto/random.ts";
import type { ClockRateOptions, WallClockOptions } from "../run-options.ts";
import type { World } from "../world.ts";
import { type Fault, Strikes } from "./fault.ts";

export class ClockRates implements Fault {
  readonly name = "clocks";
  readonly isConstant = false;
  readonly #world: World;
  readonly #random: Random;
  readonly #options: ClockRateOptions;
  readonly #strikes: Strikes;
  #count = 0;

  constructor(world: World, random: Random, options: ClockRateOptions) {
    this.#world = world;
    this.#random = random;
    this.#options = options;
    this.#strikes = new Strikes(world.scheduler, random.fork(), options.meanMs);
  }

  get count(): number {
    return this.#count;
  }

  start(): void {
    this.#strikes.start(() => {
      this.#count += 1;
      const { rateMin, rateMax } = this.#options;
      // Even on the scale of factors: half and double are as far from right.
      const rate = rateMin * (rateMax / rateMin) ** this.#random.fraction();
      this.#random.pick(this.#world.nodes).setClockRate(rate);
    });
  }

  heal(): void {
    this.#strikes.stop();
    for (const node of this.#world.nodes) node.setClockRate(1);
  }
}

export class WallClockJumps implements Fault {
  readonly name = "wall-clock";
  readonly isConstant = false;
  readonly #world: World;
  readonly #random: Random;
  readonly #options: WallClockOptions;
  readonly #strikes: Strikes;
  #count = 0;

  constructor(world: World, random: Random, options: WallClockOptions) {
    this.#world = world;
    this.#random = random;
    this.#options = options;
    this.#strikes = new Strikes(world.scheduler, random.fork(), options.meanMs);
  }

  get count(): number {
    return this.#count;
  }

  start(): void {
    this.#strikes.start(() => {
      this.#count += 1;
      const { jumpMsMax } = this.#options;
      this.#random.pick(this.#world.nodes).jumpWallClock(this.#random.between(-jumpMsMax, jumpMsMax));
    });
  }

  /** A wrong date stays wrong: nothing may need a right one. */
  heal(): void {
    this.#strikes.stop();
  }
}
