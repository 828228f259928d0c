// Disks that refuse writes, being full or broken, until somebody sees to them, and disks that take many seconds over a
// sync. A node whose write was refused stops itself (invariant 4), and starts again once its disk is repaired.

import type { Random } from "../../../proto/random.ts";
import type { DiskFailureOptions, StuckDiskOptions } from "../run-options.ts";
import type { SimNode } from "../sim-node.ts";
import type { World } from "../world.ts";
import { type Fault, recurring } from "./fault.ts";

/** Once healed, starting what is down is the runner's affair, for not all nodes need to come back. */
export function diskFailures(world: World, random: Random, options: DiskFailureOptions): Fault {
  const { meanMs, durationMsMax, nodesMax } = options;
  let isHealed = false;
  const fail = (node: SimNode) => {
    node.disk.condition.fail(random.pick(["full", "broken"] as const));
    world.scheduler.after((0.5 + random.fraction() / 2) * durationMsMax, () => {
      node.disk.condition.repair();
      if (!isHealed && !node.isRunning) node.start();
    });
  };
  // A node may hear of its failed write when everything is healed: whoever sees to it starts it again.
  const restart = (node: SimNode) => {
    world.scheduler.after(0, () => {
      if (!node.isRunning) node.start();
    });
  };
  const fault = recurring(
    "full-disks",
    { scheduler: world.scheduler, random, meanMs },
    {
      // A disk that fails while nothing is written hurts nobody.
      count: () => world.nodes.reduce((sum, { disk }) => sum + disk.condition.refused, 0),
      strike: () => {
        const failing = world.nodes.filter(({ disk }) => disk.condition.failure !== null);
        const whole = world.nodes.filter((node) => node.isRunning && !failing.includes(node));
        if (failing.length >= nodesMax || whole.length === 0) return 0;
        fail(pickBusy(whole, random));
        return 1;
      },
      undo: () => {
        isHealed = true;
        for (const { disk } of world.nodes) disk.condition.repair();
      },
    },
  );
  world.observe({
    failed: (node) => {
      if (isHealed) restart(world.node(node));
    },
  });
  return fault;
}

/** What sticks comes free by itself. */
export function stuckDisks(world: World, random: Random, options: StuckDiskOptions): Fault {
  const { meanMs, durationMsMin, durationMsMax } = options;
  return recurring(
    "stuck-disks",
    { scheduler: world.scheduler, random, meanMs },
    {
      // Writes that had to wait.
      count: () => world.nodes.reduce((sum, { disk }) => sum + disk.condition.stuck, 0),
      strike: () => {
        const durationMs = durationMsMin + random.fraction() * (durationMsMax - durationMsMin);
        pickBusy(world.nodes, random).disk.condition.stickFor(durationMs);
        return 1;
      },
    },
  );
}

/** Often the node that wrote last: a fault of a disk that nobody uses hurts nobody. */
function pickBusy(nodes: readonly SimNode[], random: Random): SimNode {
  const busiest = Math.max(...nodes.map(({ disk }) => disk.lastWriteMs));
  const busy = nodes.find(({ disk }) => disk.lastWriteMs === busiest);
  return busy !== undefined && random.chance(0.85) ? busy : random.pick(nodes);
}
