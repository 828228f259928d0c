// Draws a run of the area `interlocked` (D5): twelve groups that share six nodes, of which none has room for much more than its
// share, with rules about who must and who must not run side by side. Nodes and agents are lost, nodes are drained, operators move
// applications, and every move has to find room among the others.

import { present } from "../../proto/assert.ts";
import { encodeGroupConfig } from "../../proto/group-config.ts";
import { type GroupId, type NodeId, toGroupId, toNodeId } from "../../proto/ids.ts";
import { Random } from "../../proto/random.ts";
import { calmLink } from "../../server/simulation/link-options.ts";
import { plainBootstrap } from "../../server/simulation/reference-topology.ts";
import { type SimOptions, withoutAgents } from "../../server/simulation/run-options.ts";
import { calmDisk } from "../../server/simulation/sim-disk.ts";
import { type Topology, topologyOf } from "../../server/simulation/topology.ts";

const nodeCount = 6;
const dimension = "slots";
const lease = { ttlMs: 5_000, renewIntervalMs: 800, stopBudgetMs: 500, clockRateErrorPercent: 5 } as const;
/** Less shows nothing of how moves find room. */
const failoversMin = 8;
const refusalsMin = 8;
const rates = { rateMin: 0.95, rateMax: 1.05 } as const;

/** @param drawn what the seed draws for every area */
export function withInterlocked(seed: number, drawn: SimOptions): SimOptions {
  const random = new Random(seed + 40);
  const downMsMax = 2 * lease.ttlMs;
  return {
    ...drawn,
    ...calm,
    topology: drawTopology(random.fork()),
    safetyMs: 40_000,
    livenessMsMax: 60_000,
    workload: { ...drawn.workload, ...lightWorkload },
    crash: { meanMs: 5_000, downMsMax, powerProbability: random.pick([0.5, 1]), nodesMax: 1 },
    partition: random.chance(0.5) ? { meanMs: 10_000, durationMsMax: 2 * lease.ttlMs } : null,
    agents: { reportEveryMs: lease.renewIntervalMs, rates, failoversMin, refusalsMin },
    agentDeath: { meanMs: 3_500, downMsMax },
    wishes: { meanMs: 1_500 },
    drains: { meanMs: 12_000, durationMsMax: 12_000 },
  };
}

/** Nothing befalls them but what is named above; a machine that stands still could break a rule and be excused. */
const calm = {
  ...withoutAgents,
  link: calmLink,
  disk: calmDisk,
  gossip: "normal",
  carry: "frozen",
  pause: null,
  core: null,
  stall: null,
  clockRate: null,
  wallClock: null,
  lossyPath: null,
  diskFailure: null,
  stuckDisk: null,
  churn: null,
  bitRot: null,
} as const satisfies Partial<SimOptions>;

const lightWorkload = {
  clients: 2,
  thinkMsMean: 800,
  valueBytesMax: 100,
  transfers: 0,
  leases: 0,
  watches: 0,
  stateWatches: 0,
} as const;

/** Groups that are bound to each other, and have the same owners in the same order: they all want to be on one node. */
interface Band {
  readonly rule: "sameNode" | "differentNode" | null;
  readonly size: number;
  readonly owners: number;
}

const bands: readonly Band[] = [
  { rule: "sameNode", size: 2, owners: 3 },
  { rule: "sameNode", size: 2, owners: 3 },
  { rule: "differentNode", size: 3, owners: 4 },
  { rule: "differentNode", size: 3, owners: 4 },
  { rule: null, size: 2, owners: 3 },
];

interface Drawn {
  readonly group: GroupId;
  readonly owners: readonly NodeId[];
  readonly demand: number;
  readonly rules: object;
}

function drawTopology(random: Random): Topology {
  const nodes = Array.from({ length: nodeCount }, (_, at) => toNodeId(`n${at + 1}`));
  const groups = drawGroups(nodes, random);
  const lists = groups.map(({ group, owners }) => [group, owners] as const);
  const bootstrap = plainBootstrap(nodes, lists, nodes.slice(0, 5));
  const share = groups.reduce((sum, { demand }) => sum + demand, 0) / nodeCount;
  // With one node gone the others can just take what ran there, with two they cannot.
  const capacity = Math.ceil(share * random.pick([1.2, 1.4]));
  const configs = new Map(groups.map((drawn) => [drawn.group, configOf(drawn, random)]));
  return topologyOf({
    ...bootstrap,
    nodes: bootstrap.nodes.map((node) => ({ ...node, capacity: [[dimension, capacity] as const] })),
    groups: bootstrap.groups.map((object) => ({ ...object, config: present(configs.get(object.group), object.group) })),
  });
}

function drawGroups(nodes: readonly NodeId[], random: Random): readonly Drawn[] {
  let count = 0;
  return bands.flatMap(({ rule, size, owners }) => {
    const members = Array.from({ length: size }, () => toGroupId(`g${++count}`));
    const list = random.shuffle(nodes).slice(0, owners);
    return members.map((group, at) => {
      // The first of a band is free; each of the others names all before it, and at times one before it names it as well.
      const named = [...members.slice(0, at), ...members.slice(at + 1).filter(() => random.chance(0.3))];
      return { group, owners: list, demand: random.between(1, 3), rules: rule === null ? {} : { [rule]: named } };
    });
  });
}

function configOf({ demand, rules }: Drawn, random: Random): Uint8Array {
  const resources = [{ name: "web", application: {}, run: { exec: { start: ["/bin/web"], foreground: true } } }];
  const management = {
    fallover: random.pick(["next_in_list", "most_free_capacity"]),
    fallback: random.pick([{ never: {} }, { immediate: {} }, { delayed: { delayMs: 2_000 } }]),
    antiFlap: { movesMax: 100, windowMs: 60_000 },
  };
  return encodeGroupConfig({
    lease,
    resources,
    management: { ...management, ...rules, demand: { [dimension]: demand } },
  });
}
