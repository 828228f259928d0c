// What a run of hours is: a user's cluster, faults as often as they happen in operation, and clients that ask now and then.

import { ratesWithin, usualRates } from "./clock-rates.ts";
import { type FaultName, faultNames, withoutFaults } from "./faults/switches.ts";
import { calmLink } from "./link-options.ts";
import { type SimOptions, withoutAgents } from "./run-options.ts";
import { calmDisk } from "./sim-disk.ts";
import type { Topology } from "./topology.ts";

export interface LongRunOptions {
  readonly seed: number;
  readonly topology: Topology;
  /** Virtual time under faults. */
  readonly durationMs: number;
  readonly faults: readonly FaultName[];
  /** From one checkpoint to the next. */
  readonly checkpointMs: number;
}

export const hourlyMs = 3_600_000;

/** Everybody is healed at the checkpoints of a long run, and the cluster that a user asks about keeps its owners. */
const shortRunFaults: readonly FaultName[] = [
  "core",
  "churn",
  "rot",
  "agent-pause",
  "agent-death",
  "freeze",
  "scripts",
  "agent-clocks",
  "wishes",
  "drains",
];

/** Faults that make sense in a long run. */
export const longRunFaults: readonly FaultName[] = faultNames.filter((name) => !shortRunFaults.includes(name));

/** Without being asked: all but gossip that never arrives, which is no accident. */
export const usualFaults: readonly FaultName[] = longRunFaults.filter((name) => name !== "gossip");

const minuteMs = 60_000;
/** Each fault strikes a few times even in a short run, and then lasts for a small part of it. */
const strikesMin = 6;
const lastingShareMax = 0.05;
const clientsMax = 50;

export function simOptionsOf({ seed, topology, durationMs, faults }: Omit<LongRunOptions, "checkpointMs">): SimOptions {
  const { leaseRead } = topology.bootstrap;
  const meanMs = (usual: number) => Math.min(usual, durationMs / strikesMin);
  const lastingMs = (usual: number) => Math.min(usual, durationMs * lastingShareMax);
  const everything: SimOptions = {
    seed,
    topology,
    safetyMs: durationMs,
    livenessMsMax: 60_000,
    workload: {
      clients: Math.min(topology.groups.size, clientsMax),
      thinkMsMean: 2_000,
      burstProbability: 0,
      keysPerGroup: 20,
      valueBytesMax: 200,
      budgetMsMax: 5_000,
      watches: 0,
      variedWatches: false,
      stateWatches: 0,
      transfers: 0,
      leases: 0,
      leaseTtlMsMax: 3_000,
      identities: false,
    },
    logEntriesKept: 500,
    link: { ...calmLink, latencyMsMean: 0.5, lossProbability: 0.0005, delayProbability: 0.0005, delayMsMax: 500 },
    disk: { ...calmDisk, syncMsMean: 2, stallProbability: 0.0005, stallMsMax: 500 },
    gossip: "lost",
    carry: "handed",
    crash: { meanMs: meanMs(10 * minuteMs), downMsMax: lastingMs(2 * minuteMs), powerProbability: 0.3, nodesMax: 1 },
    partition: { meanMs: meanMs(15 * minuteMs), durationMsMax: lastingMs(minuteMs) },
    pause: { kind: "pause", meanMs: meanMs(10 * minuteMs), durationMsMin: 100, durationMsMax: lastingMs(5_000) },
    stall: { kind: "stall", meanMs: meanMs(10 * minuteMs), durationMsMin: 50, durationMsMax: lastingMs(2_000) },
    clockRate: { meanMs: meanMs(10 * minuteMs), ...(leaseRead === null ? usualRates : ratesWithin(leaseRead)) },
    wallClock: { meanMs: meanMs(30 * minuteMs), jumpMsMax: 60 * minuteMs },
    lossyPath: { meanMs: meanMs(15 * minuteMs), durationMsMax: lastingMs(minuteMs), lossMax: 0.5 },
    diskFailure: { meanMs: meanMs(60 * minuteMs), durationMsMax: lastingMs(2 * minuteMs), nodesMax: 1 },
    stuckDisk: { meanMs: meanMs(30 * minuteMs), durationMsMin: 500, durationMsMax: lastingMs(5_000) },
    churn: null,
    bitRot: null,
    ...withoutAgents,
    core: null,
  };
  return withoutFaults(
    everything,
    faultNames.filter((name) => !faults.includes(name)),
  );
}
