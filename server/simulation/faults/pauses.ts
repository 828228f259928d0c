// Processes stand still for a while without noticing: as a stalled machine does, or because something in their event loop
// takes its time. Both look alike from inside; they differ in how long and how often.

import type { Random } from "../../../proto/random.ts";
import type { PauseOptions } from "../run-options.ts";
import type { SimNode } from "../sim-node.ts";
import type { World } from "../world.ts";
import { type Fault, recurring } from "./fault.ts";

export function pauses(world: World, random: Random, options: PauseOptions): Fault {
  const { kind, meanMs, durationMsMin, durationMsMax } = options;
  return recurring(
    kind,
    { scheduler: world.scheduler, random, meanMs },
    {
      strike: () => {
        const running = world.nodes.filter((node) => node.isRunning);
        if (running.length === 0) return 0;
        chosen(world, running, random).pause(durationMsMin + random.fraction() * (durationMsMax - durationMsMin));
        return 1;
      },
    },
  );
}

/** A leader in half of the cases, if one runs: nobody else is missed as much, or has as much to learn when it goes on. */
function chosen(world: World, running: readonly SimNode[], random: Random): SimNode {
  const leading = world.leaders.all.map((node) => world.node(node)).filter((node) => node.isRunning);
  return random.pick(leading.length > 0 && random.chance(0.5) ? leading : running);
}
