// Draws what a run of the area `recovery` is about: groups with applications, policies and demands, nodes with capacities, agents
// on all of them, and what befalls those.

import { encodeGroupConfig } from "../../proto/group-config.ts";
import { type GroupId, type NodeId, toGroupId, toNodeId } from "../../proto/ids.ts";
import { Random } from "../../proto/random.ts";
import type { ClockRates } from "../../server/simulation/clock-rates.ts";
import { ratesWithin } from "../../server/simulation/clock-rates.ts";
import { createReferenceTopology, plainBootstrap } from "../../server/simulation/reference-topology.ts";
import type { FenceOptions, ScriptOptions, SimOptions } from "../../server/simulation/run-options.ts";
import { type Topology, topologyOf } from "../../server/simulation/topology.ts";

interface Terms {
  readonly ttlMs: number;
  readonly renewIntervalMs: number;
  readonly stopBudgetMs: number;
  readonly clockRateErrorPercent: number;
}

/** Each just valid: of the ttl no more is left than a stop, two renewals and an election take. */
const termSets: readonly Terms[] = [
  { ttlMs: 4_000, renewIntervalMs: 400, stopBudgetMs: 500, clockRateErrorPercent: 5 },
  { ttlMs: 6_000, renewIntervalMs: 500, stopBudgetMs: 1_500, clockRateErrorPercent: 5 },
  { ttlMs: 5_000, renewIntervalMs: 500, stopBudgetMs: 700, clockRateErrorPercent: 20 },
  { ttlMs: 9_000, renewIntervalMs: 800, stopBudgetMs: 1_000, clockRateErrorPercent: 30 },
];

/** In a larger cluster too little happens to each group, and to a single group too little as well. */
const nodesMax = 9;
const groupsMin = 2;
const pace = 4;
const failoversMin = 2;
const dimension = "slots";

/** @param drawn what the seed draws for every area */
export function withRecovery(seed: number, drawn: SimOptions): SimOptions {
  const random = new Random(seed + 30);
  const terms = random.pick(termSets);
  const rates = ratesOf(terms, drawn.topology.bootstrap.leaseRead);
  const shape = drawShape(random.fork(), drawn.topology);
  const topology = withApplications(shape, terms, random.fork(), drawFence(new Random(seed + 31)));
  const { workload } = drawn;
  return {
    ...drawn,
    ...drawMishaps(terms, drawn.crash === null, random.fork()),
    topology: { ...topology, bootstrap: { ...topology.bootstrap, leaseRead: drawn.topology.bootstrap.leaseRead } },
    safetyMs: random.between(30_000, 50_000),
    livenessMsMax: 60_000,
    workload: {
      ...workload,
      clients: Math.min(3, workload.clients),
      thinkMsMean: Math.max(600, workload.thinkMsMean * pace),
      valueBytesMax: Math.min(workload.valueBytesMax, 1_000),
      transfers: Math.min(2, workload.transfers),
      leases: Math.min(2, workload.leases),
      watches: Math.min(2, workload.watches),
    },
    fences: drawFences(new Random(seed + 32)),
    agents: { reportEveryMs: terms.renewIntervalMs, rates, failoversMin, refusalsMin: 0 },
    clockRate: drawn.clockRate === null ? null : { ...drawn.clockRate, ...rates },
    ...rarer(drawn),
    bitRot: drawn.churn === null && random.chance(0.3) ? rare(drawn.bitRot) : null,
    churn: random.chance(0.5) ? rare(drawn.churn) : null,
  };
}

/** Every clock keeps the bound of the rights, and that of lease reads. */
function ratesOf({ clockRateErrorPercent }: Terms, leaseRead: Topology["bootstrap"]["leaseRead"]): ClockRates {
  const error = clockRateErrorPercent / 100;
  const own = { rateMin: 1 - error, rateMax: 1 + error };
  if (leaseRead === null) return own;
  const read = ratesWithin(leaseRead);
  return { rateMin: Math.max(own.rateMin, read.rateMin), rateMax: Math.min(own.rateMax, read.rateMax) };
}

function rare<Mishap extends { readonly meanMs: number }>(mishap: Mishap | null): Mishap | null {
  return mishap === null ? null : { ...mishap, meanMs: mishap.meanMs * pace };
}

function rarer({ crash, partition, lossyPath, pause, stall, diskFailure, stuckDisk, wallClock }: SimOptions) {
  const longDown = crash === null ? null : { ...crash, downMsMax: 5 * crash.downMsMax, meanMs: 2 * crash.meanMs };
  const longCut = partition === null ? null : { ...partition, durationMsMax: 4 * partition.durationMsMax };
  return {
    crash: rare(longDown),
    partition: rare(longCut),
    lossyPath: rare(lossyPath),
    pause: rare(pause),
    stall: rare(stall),
    diskFailure: rare(diskFailure),
    stuckDisk: rare(stuckDisk),
    wallClock: rare(wallClock),
  };
}

function drawMishaps({ ttlMs }: Terms, isCalm: boolean, random: Random) {
  const isOn = () => random.chance(0.6);
  const downMsMax = random.pick([1_000, 3 * ttlMs, 3 * ttlMs]);
  const pauseMsMax = random.pick([ttlMs, 10 * ttlMs]);
  return {
    agentPause: isOn()
      ? ({ kind: "agent-pause", meanMs: 6_000, durationMsMin: 0, durationMsMax: pauseMsMax } as const)
      : null,
    // Somebody has to be lost, or nothing fails over.
    agentDeath: isOn() || isCalm ? { meanMs: 8_000, downMsMax: isCalm ? 3 * ttlMs : downMsMax } : null,
    freeze: isOn() ? ({ kind: "freeze", meanMs: 10_000, durationMsMin: 0, durationMsMax: 2 * ttlMs } as const) : null,
    scripts: isOn() ? drawScripts(ttlMs, random) : null,
    agentClock: isOn() ? { meanMs: 4_000 } : null,
    wishes: isOn() ? { meanMs: random.pick([1_500, 5_000]) } : null,
    drains: random.chance(0.3) ? { meanMs: 10_000, durationMsMax: 15_000 } : null,
  };
}

/** Of a group: in half of the seeds some have a fence, and in half of those rights without end. */
function drawFence(random: Random): () => object {
  if (random.chance(0.5)) return () => ({});
  const fence = { command: ["/bin/fence"], timeoutMs: random.pick([2_000, 5_000]) };
  const freezes = random.chance(0.5);
  return () => {
    if (random.chance(0.3)) return {};
    return freezes && random.chance(0.6) ? { fence, lostQuorum: "freeze" } : { fence };
  };
}

function drawFences(random: Random): FenceOptions | null {
  if (random.chance(0.3)) return null;
  return {
    msMax: random.pick([500, 3_000, 6_000]),
    failProbability: random.pick([0, 0.3]),
    hangProbability: random.pick([0, 0.1]),
  };
}

function drawScripts(ttlMs: number, random: Random): ScriptOptions {
  return {
    failProbability: random.pick([0, 0.05, 0.2]),
    slowProbability: random.pick([0, 0.3]),
    startMsMax: random.pick([1_000, 2 * ttlMs]),
    hangProbability: random.pick([0, 0.3, 1]),
  };
}

function drawShape(random: Random, drawn: Topology): Topology {
  const kind = random.fraction();
  if (kind < 0.3) return interlocked(random);
  const isUsual = drawn.nodes.length <= nodesMax && drawn.groups.size >= groupsMin;
  return isUsual ? drawn : createReferenceTopology();
}

/** Twelve groups that share six nodes. */
function interlocked(random: Random): Topology {
  const nodes = Array.from({ length: 6 }, (_, at) => toNodeId(`n${at + 1}`));
  const groups = Array.from({ length: 12 }, (_, at): readonly [GroupId, readonly NodeId[]] => {
    return [toGroupId(`g${at + 1}`), random.shuffle(nodes).slice(0, random.pick([2, 3, 3, 4]))];
  });
  return topologyOf(plainBootstrap(nodes, groups, nodes.slice(0, 5)));
}

type Rules = ReadonlyMap<GroupId, { readonly sameNode: GroupId[]; readonly differentNode: GroupId[] }>;

function withApplications({ bootstrap }: Topology, lease: Terms, random: Random, fence: () => object): Topology {
  const rules = drawRules(bootstrap.groups, random.fork());
  const demands = new Map(bootstrap.groups.map(({ group }) => [group, random.between(1, 3)]));
  const share = [...demands.values()].reduce((sum, demand) => sum + demand, 0) / bootstrap.nodes.length;
  const isTight = random.chance(0.6);
  const capacity = isTight ? Math.max(3, Math.ceil(share * random.pick([1.2, 1.6, 2.5]))) : 1_000;
  const management = drawManagement(random.fork());
  const resources = [{ name: "web", application: {}, run: { exec: { start: ["/bin/web"], foreground: true } } }];
  const groups = bootstrap.groups.map((object) => {
    const own = rules.get(object.group) ?? { sameNode: [], differentNode: [] };
    const demand = { [dimension]: demands.get(object.group) ?? 1 };
    const config = encodeGroupConfig({ lease, resources, management: { ...management(), ...own, demand }, ...fence() });
    return { ...object, config };
  });
  const nodes = bootstrap.nodes.map((node) => ({ ...node, capacity: [[dimension, capacity] as const] }));
  return topologyOf({ ...bootstrap, groups, nodes });
}

/** Without an end to the moves that nobody asked for: what befalls a group in a run befalls it elsewhere in years. */
function drawManagement(random: Random): () => object {
  return () => ({
    startup: random.pick(["highest_priority", "highest_priority", "first_available", "balanced"]),
    fallover: random.pick(["next_in_list", "least_loaded", "most_free_capacity"]),
    fallback: random.pick([{ never: {} }, { never: {} }, { immediate: {} }, { delayed: { delayMs: 3_000 } }]),
    settlingTimeMs: random.pick([0, 0, 1_000]),
    antiFlap: { movesMax: 100, windowMs: 60_000 },
  });
}

/** A few, between groups that share nodes. */
function drawRules(groups: Topology["bootstrap"]["groups"], random: Random): Rules {
  const rules = new Map(
    groups.map(({ group }) => [group, { sameNode: [] as GroupId[], differentNode: [] as GroupId[] }]),
  );
  const shuffled = random.shuffle(groups);
  for (const kind of random.pick([[], ["different"], ["different", "different"], ["same"], ["same", "different"]])) {
    const one = shuffled.pop();
    const at = shuffled.findIndex((other) => one !== undefined && shared(one.owners, other.owners) > 1);
    const [other] = at < 0 ? [] : shuffled.splice(at, 1);
    if (one === undefined || other === undefined) continue;
    const list = kind === "same" ? "sameNode" : "differentNode";
    rules.get(one.group)?.[list].push(other.group);
    if (random.chance(0.3)) rules.get(other.group)?.[list].push(one.group);
  }
  return rules;
}

function shared(left: readonly NodeId[], right: readonly NodeId[]): number {
  return left.filter((node) => right.includes(node)).length;
}
