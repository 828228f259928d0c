// One direction between two nodes loses much of what is sent, or all of it, and nobody's connection breaks over it.

import type { Random } from "../../../proto/random.ts";
import type { LossyPathOptions } from "../run-options.ts";
import type { World } from "../world.ts";
import { type Fault, recurring } from "./fault.ts";

export function lossyPaths(world: World, random: Random, options: LossyPathOptions): Fault {
  const { network, scheduler } = world;
  const { meanMs, lossMax, durationMsMax } = options;
  const names = () => world.nodes.map(({ node }) => node);
  return recurring(
    "paths",
    { scheduler, random, meanMs },
    {
      strike: () => {
        const [from, to] = random.shuffle(names());
        if (from === undefined || to === undefined) return 0;
        network.setLoss(from, to, lossMax * (0.5 + random.fraction() / 2));
        scheduler.after(random.fraction() * durationMsMax, () => network.setLoss(from, to, 0));
        return 1;
      },
      undo: () => {
        for (const from of names()) for (const to of names()) network.setLoss(from, to, 0);
      },
    },
  );
}
