// Processes stand still for a while without noticing: as a stalled machine does, or because something in their event loop
// takes its time. Both look alike from inside; they differ in how long and how often.

import type { Random } from "../../../proto/random.ts";
import type { PauseOptions } from "../run-options.ts";
import type { World } from "../world.ts";
import { type Fault, Strikes } from "./fault.ts";

export class Pauses implements Fault {
  readonly name: "pause" | "stall";
  readonly isConstant = false;
  readonly #world: World;
  readonly #random: Random;
  readonly #options: PauseOptions;
  readonly #strikes: Strikes;
  #count = 0;

  constructor(world: World, random: Random, options: PauseOptions) {
    this.name = options.kind;
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
      const running = this.#world.nodes.filter((node) => node.isRunning);
      if (running.length === 0) return;
      this.#count += 1;
      const { durationMsMin, durationMsMax } = this.#options;
      this.#random.pick(running).pause(durationMsMin + this.#random.fraction() * (durationMsMax - durationMsMin));
    });
  }

  /** A pause under way ends by itself. */
  heal(): void {
    this.#strikes.stop();
  }
}
