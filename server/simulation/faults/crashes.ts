// Processes end between two steps, alone or together, with or without their machine's power, and start again later.

import type { Random } from "../../../proto/random.ts";
import type { CrashOptions } from "../run-options.ts";
import type { SimNode } from "../sim-node.ts";
import type { World } from "../world.ts";
import { type Fault, Strikes } from "./fault.ts";

export class Crashes implements Fault {
  readonly name = "crash";
  readonly isConstant = false;
  readonly #world: World;
  readonly #random: Random;
  readonly #options: CrashOptions;
  readonly #strikes: Strikes;
  #count = 0;
  #isHealed = false;

  constructor(world: World, random: Random, options: CrashOptions) {
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
      const nodes = this.#random.between(1, this.#options.nodesMax);
      for (const node of this.#random.shuffle(running).slice(0, nodes)) this.#crash(node);
    });
  }

  /** Starting what is down is the runner's affair, for not all nodes need to come back. */
  heal(): void {
    this.#isHealed = true;
    this.#strikes.stop();
  }

  #crash(node: SimNode): void {
    this.#count += 1;
    node.crash(this.#random.chance(this.#options.powerProbability) ? "power" : "process");
    this.#world.scheduler.after(this.#random.fraction() * this.#options.downMsMax, () => {
      if (!this.#isHealed && !node.isRunning) node.start();
    });
  }
}
