// Owners are lost at the very edge of their rights: a trial of half a minute in which the clocks are as far apart as the bound
// allows, always in the worse direction, no stop ends before its budget does, and one owner is lost in the way that leaves most
// room for a second one. What takes the area `recovery` thousands of seeds to meet is in every trial here.

import { assert } from "../../proto/assert.ts";
import { encodeGroupConfig } from "../../proto/group-config.ts";
import type { NodeId } from "../../proto/ids.ts";
import type { GroupWish } from "../../proto/placement.ts";
import { Random } from "../../proto/random.ts";
import type { Request } from "../../proto/requests.ts";
import { calmLink } from "../../server/simulation/link-options.ts";
import { plainBootstrap } from "../../server/simulation/reference-topology.ts";
import type { SimOptions } from "../../server/simulation/run-options.ts";
import { calmDisk } from "../../server/simulation/sim-disk.ts";
import { Testbed } from "../../server/simulation/testbed.ts";
import { type Topology, topologyOf } from "../../server/simulation/topology.ts";
import type { Agents } from "../../server/simulation/workload/agents.ts";
import { calmOptions, group, namesOf } from "./scene.ts";

interface Terms {
  readonly ttlMs: number;
  readonly renewIntervalMs: number;
  readonly stopBudgetMs: number;
  readonly clockRateErrorPercent: number;
}

export const losses = ["cut", "late answer", "deposed", "late return"] as const;
export type Loss = (typeof losses)[number];

const nodes = namesOf("n1 n2 n3 n4 n5");
const owners = nodes.slice(0, 3);
const termSets: readonly Terms[] = [
  { ttlMs: 4_000, renewIntervalMs: 400, stopBudgetMs: 500, clockRateErrorPercent: 5 },
  { ttlMs: 5_000, renewIntervalMs: 500, stopBudgetMs: 700, clockRateErrorPercent: 20 },
  { ttlMs: 9_000, renewIntervalMs: 800, stopBudgetMs: 1_000, clockRateErrorPercent: 30 },
];
/** What waits for several messages, or for disks, leaves time for something to come between. */
const slowLink = { ...calmLink, latencyMsMin: 20, latencyMsMean: 40 };
const slowDisk = { ...calmDisk, syncMsMin: 100, syncMsMean: 200 };
const settleMsMax = 30_000;
/** Longer than an election takes, shorter than an agent waits for an answer. */
const standstillMs = [1_200, 2_400] as const;
const stepMs = 5;

export class Edge {
  readonly testbed: Testbed;
  readonly loss: Loss;
  readonly #random: Random;
  readonly #terms: Terms;
  #manager: NodeId | null = null;

  constructor(seed: number) {
    this.#random = new Random(seed + 50);
    this.loss = losses[seed % losses.length] as Loss;
    this.#terms = this.#random.pick(termSets);
    this.testbed = new Testbed(optionsOf(seed, this.#terms, this.#random.chance(0.5)));
    this.testbed.world.observe({
      noted: (node, _level, text, fields) => {
        if (text !== "Role changed" || fields["group"] !== group) return;
        if (fields["role"] === "leader") this.#manager = node;
      },
    });
  }

  /** @returns on whom the application ran before and after: the same when it came back in time */
  play(): readonly [NodeId, NodeId] {
    const { world } = this.testbed;
    for (const node of world.nodes) node.start();
    this.#agents.start();
    this.#until("The first owner", () => this.#owner !== null && this.#manager !== null);
    this.#move();
    const lost = this.#owner as NodeId;
    this.#spreadClocks(lost);
    // Until rights of before are over.
    world.runFor(2 * this.#terms.ttlMs + this.#random.between(0, this.#terms.renewIntervalMs));
    assert(this.#owner === lost, () => `${group} has left ${lost} before that was lost`);
    this.#lose(lost);
    const isBack = () => {
      const isAwake = this.#agents.isAlive(lost) && !this.#agents.machine(lost).isFrozen;
      return this.loss === "late return" && isAwake;
    };
    this.#until("The next owner", () => this.#owner !== null && (this.#owner !== lost || isBack()));
    // It may have come back to be stopped.
    world.runFor(isBack() ? 2 * this.#terms.ttlMs : 0);
    this.#until("One owner", () => this.#owner !== null && this.testbed.ownership?.running(group).length === 1);
    const next = this.#owner as NodeId;
    world.network.connections.unblockAll();
    world.runFor(this.#terms.ttlMs);
    return [lost, next];
  }

  get #agents(): Agents {
    assert(this.testbed.agents !== null, "a trial has agents");
    return this.testbed.agents;
  }

  /** Of the application under the newest epoch. */
  get #owner(): NodeId | null {
    const running = this.testbed.ownership?.running(group) ?? [];
    const newest = running.toSorted((left, right) => right.epoch - left.epoch)[0];
    return newest?.phase === "online" || newest?.phase === "stopping" ? newest.node : null;
  }

  /** A manager that is deposed gives itself rights; one that takes them from another must not be lost with it. */
  #move(): void {
    const manager = this.#manager as NodeId;
    const among = this.loss === "deposed" ? [manager] : owners.filter((node) => node !== manager);
    const to = this.#random.pick(among);
    if (this.#owner === to) return;
    this.#wish({ type: "move", to, ifEpoch: null });
    this.#until(`The move to ${to}`, () => this.#owner === to && this.testbed.ownership?.running(group).length === 1);
  }

  /** What the owner counts takes as long as it may, what all others count is over as early as it may be. */
  #spreadClocks(owner: NodeId): void {
    const error = this.#terms.clockRateErrorPercent / 100;
    for (const node of this.testbed.world.nodes) {
      const rate = node.node === owner ? 1 - error : 1 + error;
      node.setClockRate(rate);
      this.#agents.setClockRate(node.node, rate);
    }
  }

  #lose(owner: NodeId): void {
    const { world } = this.testbed;
    const { ttlMs, renewIntervalMs } = this.#terms;
    const [least, most] = standstillMs;
    const standstill = this.#random.between(least, most);
    switch (this.loss) {
      case "cut":
        return this.#cutOff(owner);
      case "late answer": {
        // Half of these stand still once they have asked, the others at once.
        this.#agents.pause(owner, standstill);
        world.runFor(standstill - stepMs);
        return this.#cutOff(owner);
      }
      case "deposed":
        world.node(owner).pause(2 * standstill);
        return this.#cutOff(owner);
      case "late return": {
        // By the fast clock of who decides its right is over about then; some come back before, and keep it.
        const awayMs = ttlMs + this.#random.between(-renewIntervalMs, renewIntervalMs);
        if (this.#random.chance(0.5)) return this.#agents.freeze(owner, awayMs);
        // The next agent does not know what this one has stopped.
        this.#agents.kill(owner);
        world.scheduler.after(awayMs, () => this.#agents.begin(owner));
        return;
      }
    }
  }

  #cutOff(node: NodeId): void {
    const { connections } = this.testbed.world.network;
    for (const other of nodes) {
      if (other === node) continue;
      connections.block(node, other);
      connections.block(other, node);
    }
  }

  #wish(wish: GroupWish): void {
    const request: Request = { type: "wish", group, wish, validateOnly: false, who: "an operator", why: "a trial" };
    const node = this.testbed.world.node(nodes[4] as NodeId);
    node.call(request, 3_000, { reply: () => {}, watch: () => {}, lost: () => {} });
  }

  #until(what: string, isSo: () => boolean): void {
    const { world } = this.testbed;
    const untilMs = world.nowMs + settleMsMax;
    for (; !isSo(); world.runFor(stepMs)) assert(world.nowMs < untilMs, () => `${what}: not within ${settleMsMax} ms`);
  }
}

function optionsOf(seed: number, terms: Terms, isSlow: boolean): SimOptions {
  const { renewIntervalMs, clockRateErrorPercent } = terms;
  const error = clockRateErrorPercent / 100;
  const calm = calmOptions(seed, topologyWith(terms));
  return {
    ...calm,
    workload: { ...calm.workload, clients: 1, thinkMsMean: 500 },
    link: isSlow ? slowLink : calmLink,
    disk: isSlow ? slowDisk : calmDisk,
    agents: {
      reportEveryMs: renewIntervalMs,
      rates: { rateMin: 1 - error, rateMax: 1 + error },
      failoversMin: 1,
      refusalsMin: 0,
    },
    scripts: { failProbability: 0, slowProbability: 0, startMsMax: 100, hangProbability: 1 },
  };
}

function topologyWith(lease: Terms): Topology {
  const { bootstrap } = topologyOf(plainBootstrap(nodes, [[group, owners]], nodes));
  const resources = [{ name: "web", application: {}, run: { exec: { start: ["/bin/web"], foreground: true } } }];
  const management = { fallback: { never: {} }, settlingTimeMs: 0, antiFlap: { movesMax: 100, windowMs: 60_000 } };
  const config = encodeGroupConfig({ lease, resources, management });
  return topologyOf({ ...bootstrap, groups: bootstrap.groups.map((object) => ({ ...object, config })) });
}
