// The faults of a run: only those that its options ask for, so that each of them can be demanded to have struck.

import { present } from "../../../proto/assert.ts";
import type { Random } from "../../../proto/random.ts";
import type { Memberships } from "../checkers/memberships.ts";
import type { SimOptions } from "../run-options.ts";
import type { Agents } from "../workload/agents.ts";
import type { Operators } from "../workload/operators.ts";
import type { World } from "../world.ts";
import { agentClocks, agentDeaths, agentPauses, drains, freezes, wishes } from "./agents.ts";
import { BadGossip } from "./bad-gossip.ts";
import { churn } from "./churn.ts";
import { clockRates, wallClockJumps } from "./clocks.ts";
import { crashes } from "./crashes.ts";
import { diskFailures, stuckDisks } from "./disks.ts";
import type { Fault } from "./fault.ts";
import type { FaultAtlas } from "./fault-atlas.ts";
import { lossyPaths } from "./lossy-paths.ts";
import { Partitions } from "./partitions.ts";
import { pauses } from "./pauses.ts";
import { rottenDisks } from "./rotten-disks.ts";
import { BadLinks, SlowDisks } from "./weather.ts";

/** What faults befall. */
export interface Befallen {
  readonly world: World;
  readonly memberships: Memberships;
  readonly atlas: FaultAtlas;
  /** null: there are none. */
  readonly agents: Agents | null;
  readonly operators: Operators;
}

type Create<Options> = (world: World, random: Random, options: Options) => Fault;

/** @param random is drawn from for every fault, there or not, so that leaving one out moves nothing in the others */
export function createFaults(befallen: Befallen, random: Random, options: SimOptions): readonly Fault[] {
  const { world, memberships, atlas, agents, operators } = befallen;
  const { link, disk } = options;
  /** A fault of its own chance, when it is asked for. */
  const maybe = <Options>(wanted: Options | null, create: Create<Options>): Fault[] => {
    const fork = random.fork();
    return wanted === null ? [] : [create(world, fork, wanted)];
  };
  return [
    ...[new BadLinks(world, link), new SlowDisks(world, disk)].filter(({ count }) => count > 0),
    ...maybe(options.crash, crashes),
    ...maybe(options.partition, (...given) => new Partitions(...given)),
    ...maybe(options.pause, pauses),
    ...maybe(options.gossip === "normal" ? null : options.gossip, (...given) => new BadGossip(...given)),
    ...maybe(options.stall, pauses),
    ...maybe(options.clockRate, clockRates),
    ...maybe(options.wallClock, wallClockJumps),
    ...maybe(options.lossyPath, lossyPaths),
    ...maybe(options.diskFailure, diskFailures),
    ...maybe(options.stuckDisk, stuckDisks),
    ...maybe(options.churn, (_world, chance, wanted) => {
      return churn({ world, memberships, random: chance, groups: [...options.topology.groups.keys()] }, wanted);
    }),
    ...maybe(options.bitRot, (_world, chance, bitRot) => rottenDisks({ world, random: chance, atlas }, bitRot)),
    ...maybe(agents && options.agentPause, (_world, ...given) =>
      agentPauses(world, present(agents, "agents"), ...given),
    ),
    ...maybe(agents && options.agentDeath, (_world, ...given) =>
      agentDeaths(world, present(agents, "agents"), ...given),
    ),
    ...maybe(agents && options.freeze, (_world, ...given) => freezes(world, present(agents, "agents"), ...given)),
    ...maybe(agents && options.agentClock, (_world, ...given) =>
      agentClocks(world, present(agents, "agents"), ...given),
    ),
    ...maybe(options.wishes, (_world, ...given) => wishes(world, operators, ...given)),
    ...maybe(options.drains, (_world, ...given) => drains(world, operators, ...given)),
  ];
}
