// Processes end between two steps, alone or together, with or without their machine's power, and start again later.

import type { Random } from "../../../proto/random.ts";
import type { CrashOptions } from "../run-options.ts";
import type { SimNode } from "../sim-node.ts";
import type { World } from "../world.ts";
import { type Fault, recurring } from "./fault.ts";

/** Once healed, starting what is down is the runner's affair, for not all nodes need to come back. */
export function crashes(world: World, random: Random, options: CrashOptions): Fault {
  const { meanMs, nodesMax, powerProbability, downMsMax } = options;
  let isHealed = false;
  const crash = (node: SimNode) => {
    node.crash(random.chance(powerProbability) ? "power" : "process");
    world.scheduler.after(random.fraction() * downMsMax, () => {
      if (!isHealed && !node.isRunning) node.start();
    });
  };
  return recurring(
    "crash",
    { scheduler: world.scheduler, random, meanMs },
    {
      strike: () => {
        const running = world.nodes.filter((node) => node.isRunning);
        const nodes = random.between(1, nodesMax);
        const struck = random.shuffle(running).slice(0, nodes);
        for (const node of struck) crash(node);
        return struck.length;
      },
      undo: () => {
        isHealed = true;
      },
    },
  );
}
