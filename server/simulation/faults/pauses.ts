// Processes stand still for a while without noticing, as a stalled machine does.

import type { Random } from "../../../proto/random.ts";
import type { PauseOptions } from "../run-options.ts";
import type { World } from "../world.ts";
import { type Fault, Strikes } from "./fault.ts";

export class Pauses implements Fault {
  readonly name = "pause";
  readonly isConstant = false;
  readonly #world: World;
  readonly #random: Random;
  readonly #options: PauseOptions;
  readonly #strikes: Strikes;
  #count = 0;

  constructor(world: World, random: Random, options: PauseOptions) {
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
      this.#random.pick(this.#world.nodes).pause(this.#random.fraction() * this.#options.durationMsMax);
    });
  }

  /** A pause under way ends by itself. */
  heal(): void {
    this.#strikes.stop();
  }
}
