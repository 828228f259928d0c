// Owners are lost at the very edge of their rights: a trial of half a minute in which the clocks are as far apart as the bound
// allows, always in the worse direction, no stop ends before its budget does, and one owner is lost in the way that leaves most
// room for a second one. What takes the area `recovery` thousands of seeds to meet is in every trial here.

import { assert } from "../../proto/assert.ts";
import { decodeGroupCommand } from "../../proto/codec/commands.ts";
import type { NodeId } from "../../proto/ids.ts";
import type { PeerMessage } from "../../proto/messages.ts";
import { isControl } from "../../proto/raft.ts";
import { Random } from "../../proto/random.ts";
import { plainBootstrap } from "../../server/simulation/reference-topology.ts";
import type { SimOptions } from "../../server/simulation/run-options.ts";
import { Testbed } from "../../server/simulation/testbed.ts";
import { type Topology, topologyOf } from "../../server/simulation/topology.ts";
import type { Agents } from "../../server/simulation/workload/agents.ts";
import { group, namesOf } from "./scene.ts";
import { configOf, stepMs, type Terms, trialOptions, until, wish } from "./trial.ts";

export const losses = ["cut", "late answer", "deposed", "late return", "return while replaced"] as const;
export type Loss = (typeof losses)[number];

const nodes = namesOf("n1 n2 n3 n4 n5");
const owners = nodes.slice(0, 3);
const termSets: readonly Terms[] = [
  { ttlMs: 4_000, renewIntervalMs: 400, stopBudgetMs: 500, clockRateErrorPercent: 5 },
  { ttlMs: 5_000, renewIntervalMs: 500, stopBudgetMs: 700, clockRateErrorPercent: 20 },
  { ttlMs: 9_000, renewIntervalMs: 800, stopBudgetMs: 1_000, clockRateErrorPercent: 30 },
];
/** Longer than an election takes, shorter than an agent waits for an answer. */
const standstillMs = [1_200, 2_400] as const;

export class Edge {
  readonly testbed: Testbed;
  readonly loss: Loss;
  readonly #random: Random;
  readonly #terms: Terms;

  constructor(seed: number) {
    this.#random = new Random(seed + 50);
    this.loss = losses[seed % losses.length] as Loss;
    this.#terms = this.#random.pick(termSets);
    this.testbed = new Testbed(optionsOf(seed, this.#terms, this.#random.chance(0.5)));
  }

  /** @returns on whom the application ran before and after: the same when it came back in time */
  play(): readonly [NodeId, NodeId] {
    const { world } = this.testbed;
    for (const node of world.nodes) node.start();
    this.#agents.start();
    until(this.testbed, "The first owner", () => this.#owner !== null && this.#manager !== null);
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
    until(this.testbed, "The next owner", () => this.#owner !== null && (this.#owner !== lost || isBack()));
    // It may have come back to be stopped.
    world.runFor(isBack() ? 2 * this.#terms.ttlMs : 0);
    until(this.testbed, "One owner", () => this.#owner !== null && this.testbed.ownership?.running(group).length === 1);
    const next = this.#owner as NodeId;
    world.network.connections.unblockAll();
    world.runFor(this.#terms.ttlMs);
    return [lost, next];
  }

  get #agents(): Agents {
    assert(this.testbed.agents !== null, "a trial has agents");
    return this.testbed.agents;
  }

  /** While nothing befalls it. */
  get #manager(): NodeId | null {
    return this.testbed.world.leaders.of(group)[0] ?? null;
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
    wish(this.testbed, nodes[4] as NodeId, group, { type: "move", to, ifEpoch: null });
    until(
      this.testbed,
      `The move to ${to}`,
      () => this.#owner === to && this.testbed.ownership?.running(group).length === 1,
    );
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
      case "return while replaced":
        // Too late by all clocks, and too early to hear that somebody else is chosen. A new agent does not know what has stopped.
        this.#agents.kill(owner);
        world.observe({
          left: (_from, _to, message) => {
            if (assigns(message)) world.scheduler.after(0, () => this.#agents.begin(owner));
          },
        });
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
}

/** The next right is on its way into the logs of the owners. */
function assigns(message: PeerMessage): boolean {
  if (message.type !== "raft" || message.group !== group || message.message.type !== "append") return false;
  const commands = message.message.slice.entries.flatMap(({ payload }) => {
    return payload.length === 0 || isControl(payload) ? [] : [decodeGroupCommand(payload)];
  });
  return commands.some(({ type }) => type === "assign");
}

function optionsOf(seed: number, terms: Terms, isSlow: boolean): SimOptions {
  const scripts = { failProbability: 0, slowProbability: 0, startMsMax: 100, hangProbability: 1 };
  return { ...trialOptions(seed, topologyWith(terms), terms, isSlow), scripts };
}

function topologyWith(terms: Terms): Topology {
  const { bootstrap } = topologyOf(plainBootstrap(nodes, [[group, owners]], nodes));
  return topologyOf({
    ...bootstrap,
    groups: bootstrap.groups.map((object) => ({ ...object, config: configOf(terms) })),
  });
}
