// Draws a run from its seed. Swarm testing: each fault is off, mild or extreme, and independent of the others, so that runs
// differ in kind and not only in order.

import { encodeGroupConfig } from "../../proto/group-config.ts";
import { Random } from "../../proto/random.ts";
import { usualReplacement } from "../../server/node/voter-replacement.ts";
import type { LeaseRead } from "../../server/raft/types.ts";
import { ratesWithin, usualRates } from "../../server/simulation/clock-rates.ts";
import { FaultAtlas } from "../../server/simulation/faults/fault-atlas.ts";
import { calmLink, type LinkOptions } from "../../server/simulation/link-options.ts";
import {
  type BitRotOptions,
  type ChurnOptions,
  type ClockRateOptions,
  type CoreOptions,
  type CrashOptions,
  type DiskFailureOptions,
  type LossyPathOptions,
  type PartitionOptions,
  type PauseOptions,
  type SimOptions,
  type StuckDiskOptions,
  type WallClockOptions,
  type WorkloadOptions,
  withoutAgents,
} from "../../server/simulation/run-options.ts";
import { calmDisk, type DiskOptions } from "../../server/simulation/sim-disk.ts";
import type { Topology } from "../../server/simulation/topology.ts";
import { withInterlocked } from "./draw-interlocked.ts";
import { withRecovery } from "./draw-recovery.ts";
import { drawTopology } from "./draw-topology.ts";
import { slowed } from "./pace.ts";

const slowTimes = 25;

type Strength = "off" | "mild" | "extreme";

/**
 * What a run does most: `consensus` is a bit of everything, `brisk` that without the runs that take minutes, `data` transactions,
 * leases and watches in each, `recovery` agents that run applications, `interlocked` the same on nodes that have hardly room for them.
 */
export const areas = ["consensus", "brisk", "data", "recovery", "interlocked"] as const;
export type Area = (typeof areas)[number];

/** One run in five takes minutes instead of seconds (pace.ts), but of `brisk` none. */
export function drawOptions(seed: number, area: Area = "consensus"): SimOptions {
  const random = new Random(seed);
  const drawnPace = random.fork().pick([1, 1, 1, 1, slowTimes]);
  const pace = area === "brisk" ? 1 : drawnPace;
  const drawn = drawBrisk(seed, random);
  const afterMs = drawReplacement(new Random(seed + 40));
  // Its runs take their time by themselves.
  if (area === "recovery") return apart(withReplacement(withRecovery(seed, drawn), afterMs));
  if (area === "interlocked") return withInterlocked(seed, drawn);
  return slowed(apart(withReplacement(area === "data" ? withData(drawn) : drawn, afterMs)), pace);
}

/** After how long a voter of the cluster database that is not heard is replaced; 0: as usual, which is longer than any run. */
function drawReplacement(random: Random): number {
  return random.pick([0, 0, 0, 1_300, 3_000]);
}

function withReplacement(options: SimOptions, afterMs: number): SimOptions {
  if (afterMs === 0) return options;
  const { topology } = options;
  const bootstrap = { ...topology.bootstrap, voterReplacement: { afterMs, candidates: [] } };
  return { ...options, topology: { ...topology, bootstrap } };
}

/** The faults stay as they are drawn. */
function withData(options: SimOptions): SimOptions {
  const { workload } = options;
  const atLeast = (count: number, least: number) => Math.max(count, least);
  const clients = {
    transfers: atLeast(workload.transfers, 6),
    leases: atLeast(workload.leases, 4),
    watches: atLeast(workload.watches, 4),
    stateWatches: atLeast(workload.stateWatches, 2),
  };
  return { ...options, workload: { ...workload, ...clients, variedWatches: true } };
}

/** How much damage a group can spare is counted by the owners and voters with which it began (fault-atlas.ts). */
function apart(options: SimOptions): SimOptions {
  const isAsFounded = options.churn === null && options.topology.bootstrap.voterReplacement === usualReplacement;
  return isAsFounded ? options : { ...options, bitRot: null };
}

function drawBrisk(seed: number, random: Random): SimOptions {
  const crash = drawCrash(random.fork());
  const partition = drawPartition(random.fork());
  const pause = drawPause(random.fork());
  const link = drawLink(random.fork());
  const general = random.fork();
  const topology = drawTopology(random.fork());
  const leaseRead = drawLeaseRead(new Random(seed + 2));
  const isCalm = crash === null && partition === null && pause === null && link === calmLink;
  return {
    seed,
    topology: withHistory(withLeaseReads(topology, leaseRead), drawHistory(new Random(seed + 8))),
    safetyMs: Math.round(general.between(8_000, 13_000) * shareOfTime(topology)),
    livenessMsMax: 30_000,
    logEntriesKept: general.pick([20_000, 200, 24]),
    workload: {
      ...spread(drawWorkload(random.fork()), topology),
      transfers: drawTransfers(new Random(seed + 3)),
      leases: drawLeases(new Random(seed + 5)),
      leaseTtlMsMax: 3_000,
      variedWatches: new Random(seed + 10).chance(0.6),
      stateWatches: drawStateWatches(new Random(seed + 14)),
      identities: new Random(seed + 9).chance(0.5),
    },
    link,
    disk: drawDisk(random.fork()),
    gossip: general.pick(["normal", "normal", "lost", "forged"] as const),
    carry: general.pick(["codec", "frozen"] as const),
    crash: isCalm ? { meanMs: 2_000, downMsMax: 3_000, powerProbability: 0.5, nodesMax: 1 } : crash,
    partition,
    pause,
    core: drawCore(random.fork()),
    stall: drawStall(random.fork()),
    clockRate: withinBound(drawClockRate(random.fork()), leaseRead),
    wallClock: drawWallClock(random.fork()),
    lossyPath: drawLossyPath(random.fork()),
    diskFailure: drawDiskFailure(random.fork()),
    stuckDisk: drawStuckDisk(random.fork()),
    churn: drawChurn(random.fork()),
    bitRot: drawBitRot(random.fork(), topology),
    ...withoutAgents,
  };
}

/** A run of a large cluster is shorter, so that every seed costs about the same. */
function shareOfTime({ nodes }: Topology): number {
  return Math.max(0.4, Math.min(1, 9 / nodes.length));
}

/** Few groups get fewer operations, for all of them end in few histories. */
function spread<Workload extends { readonly thinkMsMean: number }>(workload: Workload, { groups }: Topology): Workload {
  return { ...workload, thinkMsMean: Math.round(workload.thinkMsMean * Math.max(1, 4 / groups.size)) };
}

function drawCore(random: Random): CoreOptions | null {
  if (random.chance(0.4)) return null;
  return { groupsShare: random.pick([0.3, 0.7, 1]), rest: random.pick(["down", "cut"] as const) };
}

function drawStrength(random: Random): Strength {
  return random.pick(["off", "mild", "extreme"] as const);
}

function drawCrash(random: Random): CrashOptions | null {
  const strength = drawStrength(random);
  if (strength === "off") return null;
  const powerProbability = random.pick([0, 0.5, 1]);
  if (strength === "mild") return { meanMs: 3_000, downMsMax: 3_000, powerProbability, nodesMax: 1 };
  return { meanMs: 800, downMsMax: 2_000, powerProbability, nodesMax: random.between(1, 9) };
}

function drawPartition(random: Random): PartitionOptions | null {
  const strength = drawStrength(random);
  if (strength === "off") return null;
  return strength === "mild" ? { meanMs: 4_000, durationMsMax: 4_000 } : { meanMs: 1_000, durationMsMax: 2_500 };
}

function drawLossyPath(random: Random): LossyPathOptions | null {
  const strength = drawStrength(random);
  if (strength === "off") return null;
  if (strength === "mild") return { meanMs: 1_000, durationMsMax: 3_000, lossMax: 0.5 };
  return { meanMs: 200, durationMsMax: 4_000, lossMax: 1 };
}

function drawPause(random: Random): PauseOptions | null {
  const strength = drawStrength(random);
  if (strength === "off") return null;
  const kind = "pause";
  if (strength === "mild") return { kind, meanMs: 3_000, durationMsMin: 0, durationMsMax: 800 };
  return { kind, meanMs: 1_000, durationMsMin: 0, durationMsMax: 4_000 };
}

function drawStall(random: Random): PauseOptions | null {
  const strength = drawStrength(random);
  if (strength === "off") return null;
  const kind = "stall";
  if (strength === "mild") return { kind, meanMs: 500, durationMsMin: 50, durationMsMax: 300 };
  return { kind, meanMs: 800, durationMsMin: 50, durationMsMax: 5_000 };
}

function drawClockRate(random: Random): ClockRateOptions | null {
  const strength = drawStrength(random);
  if (strength === "off") return null;
  if (strength === "mild") return { meanMs: 1_000, ...usualRates };
  return { meanMs: 500, rateMin: 0.5, rateMax: 2 };
}

/** Drawn apart, as the lease reads are. */
function drawTransfers(random: Random): number {
  return random.pick([0, 2, 4]);
}

/** Drawn apart, as the lease reads are. */
function drawLeases(random: Random): number {
  return random.pick([0, 0, 3, 6]);
}

/** Drawn apart, as the lease reads are. */
function drawStateWatches(random: Random): number {
  return random.pick([0, 1, 3]);
}

/** Drawn apart, so that the rest of a seed's options does not depend on it. */
function drawLeaseRead(random: Random): LeaseRead | null {
  const clockRateErrorMax = random.pick([0, 0, 0.05, 0.5]);
  return clockRateErrorMax === 0 ? null : { clockRateErrorMax };
}

function withLeaseReads(topology: Topology, leaseRead: LeaseRead | null): Topology {
  return { ...topology, bootstrap: { ...topology.bootstrap, leaseRead } };
}

/** Revisions that groups keep; 0: as many as usual, which is more than any run makes. */
function drawHistory(random: Random): number {
  return random.pick([0, 0, 100]);
}

function withHistory(topology: Topology, historyRevisions: number): Topology {
  if (historyRevisions === 0) return topology;
  const config = encodeGroupConfig({ limits: { historyRevisions } });
  const groups = topology.bootstrap.groups.map((group) => ({ ...group, config }));
  return { ...topology, bootstrap: { ...topology.bootstrap, groups } };
}

/** Lease reads rest on clocks that keep their bound, so they run at its edge and not beyond. */
function withinBound(clockRate: ClockRateOptions | null, leaseRead: LeaseRead | null): ClockRateOptions | null {
  return clockRate === null || leaseRead === null ? clockRate : { ...clockRate, ...ratesWithin(leaseRead) };
}

function drawWallClock(random: Random): WallClockOptions | null {
  const strength = drawStrength(random);
  if (strength === "off") return null;
  return { meanMs: 1_000, jumpMsMax: strength === "mild" ? 10_000 : 1_000 * 86_400_000 };
}

function drawDiskFailure(random: Random): DiskFailureOptions | null {
  const strength = drawStrength(random);
  if (strength === "off") return null;
  if (strength === "mild") return { meanMs: 600, durationMsMax: 2_000, nodesMax: 1 };
  return { meanMs: 600, durationMsMax: 3_000, nodesMax: random.between(1, 9) };
}

function drawStuckDisk(random: Random): StuckDiskOptions | null {
  const strength = drawStrength(random);
  if (strength === "off") return null;
  if (strength === "mild") return { meanMs: 700, durationMsMin: 500, durationMsMax: 3_000 };
  return { meanMs: 800, durationMsMin: 2_000, durationMsMax: 10_000 };
}

function drawChurn(random: Random): ChurnOptions | null {
  const strength = drawStrength(random);
  if (strength === "off") return null;
  return strength === "mild" ? { meanMs: 3_000, ownersMax: 1 } : { meanMs: 700, ownersMax: random.between(2, 7) };
}

/** Only where replication can spare a disk. */
function drawBitRot(random: Random, topology: Topology): BitRotOptions | null {
  const strength = drawStrength(random);
  return strength === "off" || !FaultAtlas.hasSpare(topology)
    ? null
    : { meanMs: strength === "mild" ? 3_000 : 800, downMsMax: 2_000 };
}

function drawLink(random: Random): LinkOptions {
  const strength = drawStrength(random);
  if (strength === "off") return calmLink;
  const share = strength === "mild" ? 0.02 : 0.2;
  const some = (most: number) => (random.chance(0.5) ? random.fraction() * most : 0);
  return {
    ...calmLink,
    latencyMsMean: random.pick([0.3, 2, 20]),
    lossProbability: some(share),
    duplicateProbability: some(share),
    reorderProbability: some(2 * share),
    delayProbability: some(share / 2),
    delayMsMax: strength === "mild" ? 200 : 1_500,
    cutNoticeMsMax: random.pick([100, 5_000, 20_000]),
  };
}

function drawDisk(random: Random): DiskOptions {
  const strength = drawStrength(random);
  if (strength === "off") return calmDisk;
  const syncMsMean = strength === "mild" ? 5 : 40;
  const stallMsMax = strength === "mild" ? 300 : 2_000;
  return { ...calmDisk, syncMsMean, stallProbability: random.fraction() * 0.02, stallMsMax };
}

function drawWorkload(
  random: Random,
): Omit<WorkloadOptions, "transfers" | "leases" | "leaseTtlMsMax" | "variedWatches" | "stateWatches" | "identities"> {
  const isBulky = random.chance(0.06);
  return {
    clients: random.between(3, 8),
    thinkMsMean: random.pick(isBulky ? [60] : [20, 60, 200]),
    burstProbability: random.pick([0, 0.3]),
    keysPerGroup: random.pick([1, 4, 20]),
    // Bulk makes snapshots of several parts.
    valueBytesMax: isBulky ? 40_000 : random.pick([32, 32, 1_000]),
    budgetMsMax: random.pick([500, 2_000, 5_000]),
    watches: random.between(0, 4),
  };
}
