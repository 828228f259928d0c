// Processes stand still for a while without noticing: as a stalled machine does, or because something in their event loop
// takes its time. Both look alike from inside; they differ in how long and how often.

import type { Random } from "../../../proto/random.ts";
import type { PauseOptions } from "../run-options.ts";
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
        random.pick(running).pause(durationMsMin + random.fraction() * (durationMsMax - durationMsMin));
        return 1;
      },
    },
  );
}
