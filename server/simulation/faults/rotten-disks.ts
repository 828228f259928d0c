// A node goes down, and before it comes back something of its disk has rotted: never more than its peers can make good.

import type { Random } from "../../../proto/random.ts";
import { type Damage, flipBit, loseRow } from "../bit-rot.ts";
import type { BitRotOptions } from "../run-options.ts";
import type { SimNode } from "../sim-node.ts";
import type { World } from "../world.ts";
import { type Fault, Strikes } from "./fault.ts";
import type { FaultAtlas } from "./fault-atlas.ts";

export interface RotPlace {
  readonly world: World;
  readonly random: Random;
  readonly atlas: FaultAtlas;
}

export class RottenDisks implements Fault {
  readonly name = "rot";
  readonly isConstant = false;
  readonly #place: RotPlace;
  readonly #options: BitRotOptions;
  readonly #strikes: Strikes;
  #count = 0;
  #isHealed = false;

  constructor(place: RotPlace, options: BitRotOptions) {
    this.#place = place;
    this.#options = options;
    this.#strikes = new Strikes(place.world.scheduler, place.random.fork(), options.meanMs);
  }

  get count(): number {
    return this.#count;
  }

  start(): void {
    this.#strikes.start(() => {
      const { world, random, atlas } = this.#place;
      const spared = world.nodes.filter(({ node }) => atlas.mayDamage(node) && !atlas.isDamaged(node));
      if (spared.length > 0) this.#rot(random.pick(spared));
    });
  }

  /** Starting what is down is the runner's affair, for not all nodes need to come back. */
  heal(): void {
    this.#isHealed = true;
    this.#strikes.stop();
  }

  #rot(node: SimNode): void {
    const { world, random, atlas } = this.#place;
    if (node.isRunning) node.crash("process");
    if (damage(node, random) !== null) {
      this.#count += 1;
      atlas.damaged(node.node);
    }
    world.scheduler.after(random.fraction() * this.#options.downMsMax, () => {
      if (!this.#isHealed && !node.isRunning) node.start();
    });
  }
}

/** Only what a start is sure to notice: the end of a log that nobody knows to be committed is not among it. */
function damage({ disk }: SimNode, random: Random): Damage | null {
  const isFlip = random.chance(0.5);
  return isFlip ? flipBit(disk, ["log", "logBoundary"], random) : loseRow(disk, ["logBoundary", "applied"], random);
}
