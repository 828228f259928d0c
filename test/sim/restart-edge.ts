// A node starts anew while its agent stands still: for a moment only its disk knows what runs there, and just then the manager of
// another group asks for the place. The ledger admits nothing that has no room beside what began there before (D5).

import { assert } from "../../proto/assert.ts";
import { type GroupId, type NodeId, toGroupId } from "../../proto/ids.ts";
import { Random } from "../../proto/random.ts";
import type { OwnershipChecker } from "../../server/simulation/checkers/ownership.ts";
import { plainBootstrap } from "../../server/simulation/reference-topology.ts";
import { Testbed } from "../../server/simulation/testbed.ts";
import { type Topology, topologyOf } from "../../server/simulation/topology.ts";
import type { Agents } from "../../server/simulation/workload/agents.ts";
import { namesOf } from "./scene.ts";
import { configOf, type Terms, trialOptions, until, wish } from "./trial.ts";

export const causes = ["move", "fail-over"] as const;
export type Cause = (typeof causes)[number];

const nodes = namesOf("n1 n2 n3 n4 n5");
const [first, crowded, , second] = nodes as readonly [NodeId, NodeId, NodeId, NodeId];
const [settled, coming] = [toGroupId("g1"), toGroupId("g2")];
/** The first owner of each manages it. There is room on n2 and n4 alone, for one application each. */
const owners: readonly (readonly [GroupId, readonly NodeId[]])[] = [
  [settled, namesOf("n1 n2 n3")],
  [coming, namesOf("n4 n2 n5")],
];
const dimension = "slots";
const demand = 2;
const capacities = new Map([crowded, second].map((node) => [node, 3]));
const terms: Terms = { ttlMs: 6_000, renewIntervalMs: 400, stopBudgetMs: 500, clockRateErrorPercent: 5 };
/** The agent is missed after three seconds: until then the managers count on its node. */
const standstillMs = [1_000, 2_400] as const;

export class RestartEdge {
  readonly testbed: Testbed;
  readonly cause: Cause;
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = new Random(seed + 60);
    this.cause = causes[seed % causes.length] as Cause;
    this.testbed = new Testbed(trialOptions(seed, topology(), terms, this.#random.chance(0.5)));
  }

  /** @returns how often the ledger has refused the place since its node started anew */
  play(): number {
    const { testbed } = this;
    const { world } = testbed;
    for (const node of world.nodes) node.start();
    this.#agents.start();
    until(testbed, "Both are where they belong", () => this.#areSettled());
    world.runFor(this.#random.between(0, terms.renewIntervalMs));
    if (this.cause === "move") this.#wish();
    else this.#agents.kill(second);
    until(testbed, `A refusal of ${crowded}`, () => this.#refusals > 0);
    const before = this.#refusals;
    const awayMs = this.#standStill();
    this.#restart();
    if (this.cause === "move") this.#wish();
    world.runFor(awayMs);
    const refusals = this.#refusals - before;
    this.#agents.begin(crowded);
    world.runFor(terms.ttlMs);
    this.#agents.begin(second);
    until(testbed, "Both are where they were", () => this.#areSettled());
    return refusals;
  }

  get #agents(): Agents {
    assert(this.testbed.agents !== null, "a trial has agents");
    return this.testbed.agents;
  }

  get #ownership(): OwnershipChecker {
    assert(this.testbed.ownership !== null, "a trial has agents");
    return this.testbed.ownership;
  }

  get #refusals(): number {
    return this.#ownership.counts.refusals;
  }

  #areSettled(): boolean {
    const { leaders } = this.testbed.world;
    const isOn = (group: GroupId, node: NodeId) => {
      const running = this.#ownership.running(group);
      return running.length === 1 && running[0]?.node === node && running[0].phase === "online";
    };
    const isManaged = leaders.of(settled).includes(first) && leaders.of(coming).includes(second);
    return isManaged && isOn(settled, crowded) && isOn(coming, second);
  }

  /** An operator who was refused asks once more; a manager that has lost an owner goes on asking by itself. */
  #wish(): void {
    wish(this.testbed, second, coming, { type: "move", to: crowded, ifEpoch: null });
  }

  /** @returns for how long from now */
  #standStill(): number {
    const [least, most] = standstillMs;
    const awayMs = this.#random.between(least, most);
    if (this.#random.chance(0.5)) this.#agents.kill(crowded);
    else this.#agents.pause(crowded, awayMs);
    // Half of the paused ones ask once more before.
    this.testbed.world.runFor(terms.renewIntervalMs);
    return awayMs - terms.renewIntervalMs;
  }

  /** The application does not notice. */
  #restart(): void {
    const node = this.testbed.world.node(crowded);
    node.crash("process");
    node.start();
  }
}

function topology(): Topology {
  const { bootstrap } = topologyOf(plainBootstrap(nodes, owners, nodes));
  const config = configOf(terms, { [dimension]: demand });
  return topologyOf({
    ...bootstrap,
    groups: bootstrap.groups.map((object) => ({ ...object, config })),
    nodes: bootstrap.nodes.map((node) => ({ ...node, capacity: [[dimension, capacities.get(node.node) ?? 1]] })),
  });
}
