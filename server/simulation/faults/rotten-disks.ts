// A node goes down, and before it comes back something of its disk has rotted: never more than its peers can make good.

import type { Random } from "../../../proto/random.ts";
import { type Damage, flipBit, loseRow, loseSlots } from "../bit-rot.ts";
import type { BitRotOptions } from "../run-options.ts";
import type { SimDisk } from "../sim-disk.ts";
import type { SimNode } from "../sim-node.ts";
import type { World } from "../world.ts";
import { type Fault, recurring } from "./fault.ts";
import type { FaultAtlas } from "./fault-atlas.ts";

export interface RotPlace {
  readonly world: World;
  readonly random: Random;
  readonly atlas: FaultAtlas;
}

/** Once healed, starting what is down is the runner's affair, for not all nodes need to come back. */
export function rottenDisks({ world, random, atlas }: RotPlace, { meanMs, downMsMax }: BitRotOptions): Fault {
  let isHealed = false;
  const rot = (node: SimNode): number => {
    if (node.isRunning) node.crash("process");
    const damage = world.damage(node, (disk) => damageTo(disk, random));
    if (damage !== null) atlas.damaged(node.node);
    world.scheduler.after(random.fraction() * downMsMax, () => {
      if (!isHealed && !node.isRunning) node.start();
    });
    return damage === null ? 0 : 1;
  };
  return recurring(
    "rot",
    { scheduler: world.scheduler, random, meanMs },
    {
      strike: () => {
        const spared = world.nodes.filter(({ node }) => atlas.mayDamage(node));
        return spared.length === 0 ? 0 : rot(random.pick(spared));
      },
      undo: () => {
        isHealed = true;
      },
    },
  );
}

/** Only what a start is sure to notice: the end of a log that nobody knows to be committed is not among it. */
function damageTo(disk: SimDisk, random: Random): Damage | null {
  switch (random.pick(["flip", "flip", "lost", "slots"] as const)) {
    case "flip":
      return flipBit(disk, ["log", "logBoundary", "state", "group"], random);
    case "lost":
      return loseRow(disk, ["logBoundary", "state", "applied", "group"], random);
    case "slots":
      return loseSlots(disk);
  }
}
