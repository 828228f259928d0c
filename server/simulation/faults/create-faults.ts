// The faults of a run: only those that its options ask for, so that each of them can be demanded to have struck.

import type { Random } from "../../../proto/random.ts";
import type { SimOptions } from "../run-options.ts";
import type { World } from "../world.ts";
import { BadGossip } from "./bad-gossip.ts";
import { ClockRates, WallClockJumps } from "./clocks.ts";
import { Crashes } from "./crashes.ts";
import { DiskFailures, StuckDisks } from "./disks.ts";
import type { Fault } from "./fault.ts";
import { FaultAtlas } from "./fault-atlas.ts";
import { LossyPaths } from "./lossy-paths.ts";
import { Partitions } from "./partitions.ts";
import { Pauses } from "./pauses.ts";
import { RottenDisks } from "./rotten-disks.ts";
import { BadLinks, SlowDisks } from "./weather.ts";

/** @param random is drawn from for every fault, there or not, so that leaving one out moves nothing in the others */
export function createFaults(world: World, random: Random, options: SimOptions): readonly Fault[] {
  const { link, disk } = options;
  /** A fault of its own chance, when it is asked for. */
  const maybe = <Options>(wanted: Options | null, create: (random: Random, options: Options) => Fault): Fault[] => {
    const fork = random.fork();
    return wanted === null ? [] : [create(fork, wanted)];
  };
  return [
    ...[new BadLinks(world, link), new SlowDisks(world, disk)].filter(({ count }) => count > 0),
    ...maybe(options.crash, (chance, crash) => new Crashes(world, chance, crash)),
    ...maybe(options.partition, (chance, partition) => new Partitions(world, chance, partition)),
    ...maybe(options.pause, (chance, pause) => new Pauses(world, chance, pause)),
    ...maybe(options.gossip === "normal" ? null : options.gossip, (chance, mode) => new BadGossip(world, chance, mode)),
    ...maybe(options.stall, (chance, stall) => new Pauses(world, chance, stall)),
    ...maybe(options.clockRate, (chance, clockRate) => new ClockRates(world, chance, clockRate)),
    ...maybe(options.wallClock, (chance, wallClock) => new WallClockJumps(world, chance, wallClock)),
    ...maybe(options.lossyPath, (chance, lossyPath) => new LossyPaths(world, chance, lossyPath)),
    ...maybe(options.diskFailure, (chance, diskFailure) => new DiskFailures(world, chance, diskFailure)),
    ...maybe(options.stuckDisk, (chance, stuckDisk) => new StuckDisks(world, chance, stuckDisk)),
    ...maybe(options.bitRot, (chance, bitRot) => {
      return new RottenDisks({ world, random: chance, atlas: new FaultAtlas(options.topology) }, bitRot);
    }),
  ];
}
