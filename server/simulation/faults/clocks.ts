// Clocks that do not keep time: monotonic ones that run fast or slow, each node's by itself, and wall clocks that are set
// forward or back. The wall clock dates events for people, opens windows of fallback and counts moves: it must matter to nothing else.

import type { Random } from "../../../proto/random.ts";
import type { ClockRateOptions, WallClockOptions } from "../run-options.ts";
import type { World } from "../world.ts";
import { type Fault, recurring } from "./fault.ts";

export function clockRates(world: World, random: Random, options: ClockRateOptions): Fault {
  const { meanMs, rateMin, rateMax } = options;
  return recurring(
    "clocks",
    { scheduler: world.scheduler, random, meanMs },
    {
      strike: () => {
        // Even on the scale of factors: half and double are as far from right.
        const rate = rateMin * (rateMax / rateMin) ** random.fraction();
        random.pick(world.nodes).setClockRate(rate);
        return 1;
      },
      undo: () => {
        for (const node of world.nodes) node.setClockRate(1);
      },
    },
  );
}

/** A wrong date stays wrong: nothing may need a right one. */
export function wallClockJumps(world: World, random: Random, { meanMs, jumpMsMax }: WallClockOptions): Fault {
  return recurring(
    "wall-clock",
    { scheduler: world.scheduler, random, meanMs },
    {
      strike: () => {
        random.pick(world.nodes).jumpWallClock(random.between(-jumpMsMax, jumpMsMax));
        return 1;
      },
    },
  );
}
