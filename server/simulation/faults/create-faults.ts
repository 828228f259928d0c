// The faults of a run: only those that its options ask for, so that each of them can be demanded to have struck.

import type { Random } from "../../../proto/random.ts";
import type { SimOptions } from "../run-options.ts";
import type { World } from "../world.ts";
import { BadGossip } from "./bad-gossip.ts";
import { Crashes } from "./crashes.ts";
import type { Fault } from "./fault.ts";
import { Partitions } from "./partitions.ts";
import { Pauses } from "./pauses.ts";
import { BadLinks, SlowDisks } from "./weather.ts";

/** @param random is drawn from for every fault, there or not, so that leaving one out moves nothing in the others */
export function createFaults(world: World, random: Random, options: SimOptions): readonly Fault[] {
  const { crash, partition, pause, gossip, link, disk } = options;
  const weather = [new BadLinks(world, link), new SlowDisks(world, disk)].filter(({ count }) => count > 0);
  const [forCrash, forPartition, forPause, forGossip] = [random.fork(), random.fork(), random.fork(), random.fork()];
  return [
    ...weather,
    ...(crash === null ? [] : [new Crashes(world, forCrash, crash)]),
    ...(partition === null ? [] : [new Partitions(world, forPartition, partition)]),
    ...(pause === null ? [] : [new Pauses(world, forPause, pause)]),
    ...(gossip === "normal" ? [] : [new BadGossip(world, forGossip, gossip)]),
  ];
}
