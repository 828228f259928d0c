// Nodes are drained and taken back again and again, one at a time, while nodes lose power, networks fall apart and owner lists
// change. Whenever that is over for a while the groups of a node agree on it, as was told to whoever was told that it is done.

import assert from "node:assert/strict";
import { test } from "node:test";
import { clusterGroup, type NodeId } from "../../proto/ids.ts";
import type { Intent, RecoveryStatus } from "../../proto/model.ts";
import { Random } from "../../proto/random.ts";
import type { NodeStatus, Reply, Request } from "../../proto/requests.ts";
import { healEverybody } from "../../server/simulation/core.ts";
import { createReferenceTopology } from "../../server/simulation/reference-topology.ts";
import type { SimOptions } from "../../server/simulation/run-options.ts";
import { Testbed } from "../../server/simulation/testbed.ts";
import { calmOptions } from "./scene.ts";

const warmUpMs = 4_000;
const rounds = 5;
const faultsMs = 8_000;
const askMs = 6_000;
/** What was asked for before the end of the faults is over then, whatever became of it. */
const lateMs = 8_000;
const agreedMsMax = 30_000;
/** Then nothing comes after all. */
const quietMs = 2_000;
const seeds = 2;

const faults: Partial<SimOptions> = {
  crash: { meanMs: 1_500, downMsMax: 4_000, powerProbability: 0.6, nodesMax: 3 },
  partition: { meanMs: 6_000, durationMsMax: 3_000 },
};
const churn = { meanMs: 4_000, ownersMax: 2 };

class Trial {
  readonly testbed: Testbed;
  readonly #random: Random;
  readonly #isChurned: boolean;
  /** What every group of a node is to come to; of others it is not known. */
  readonly #wanted = new Map<NodeId, Intent>();
  readonly told: Record<string, number> = {};
  #isOver = true;

  constructor(seed: number, changes: Partial<SimOptions>) {
    this.#random = new Random(seed);
    this.#isChurned = "churn" in changes;
    this.testbed = new Testbed({ ...calmOptions(seed, createReferenceTopology()), ...faults, ...changes });
  }

  play(): void {
    const { world, clients } = this.testbed;
    for (const node of world.nodes) node.start();
    clients.start();
    world.runFor(warmUpMs);
    for (let round = 0; round < rounds; round++) this.#round();
  }

  #round(): void {
    const { world } = this.testbed;
    const struck = this.testbed.createFaults();
    for (const fault of struck) fault.start();
    this.#isOver = false;
    this.#goOn();
    world.runFor(faultsMs);
    this.#isOver = true;
    for (const fault of struck) fault.heal();
    healEverybody(world);
    world.runFor(lateMs);
    this.#until("Agreement", () => this.#disagreement(), agreedMsMax);
    world.runFor(quietMs);
    assert.equal(this.#disagreement(), null, "They do not agree for long");
  }

  /** One after the other, through nodes that may lose power meanwhile. */
  #goOn(): void {
    const { world } = this.testbed;
    const running = world.nodes.filter((node) => node.isRunning);
    if (this.#isOver) return;
    const again = () => {
      world.scheduler.after(this.#random.between(50, 800), () => this.#goOn());
    };
    if (running.length === 0) return again();
    const { node } = this.#random.pick(world.nodes);
    const wanted = this.#random.pick(["none", "drained"] as const);
    const ended = (reply: Reply | null) => {
      this.#hear(node, wanted, reply);
      again();
    };
    const request = this.#drainOf(node, wanted, this.#random.chance(0.5));
    this.#random.pick(running).call(request, askMs, { reply: ended, watch: () => {}, lost: () => ended(null) });
  }

  #hear(node: NodeId, wanted: Intent, reply: Reply | null): void {
    const what = outcomeOf(reply);
    this.told[what] = (this.told[what] ?? 0) + 1;
    if (reply?.type === "failed" && reply.failure.effect === "none") return;
    // What is not on record is not known to groups that take the node in later.
    const isKnown = reply?.type === "drainNode" && !(this.#isChurned && reply.unreachable.includes(clusterGroup));
    if (isKnown) this.#wanted.set(node, wanted);
    else this.#wanted.delete(node);
  }

  #drainOf(node: NodeId, wanted: Intent, skipUnavailable: boolean): Request {
    return { type: "drainNode", node, wanted, reason: "", skipUnavailable, validateOnly: false };
  }

  /** @returns null when there is none */
  #disagreement(): string | null {
    const reply = this.#ask({ type: "clusterStatus" });
    if (reply?.type !== "clusterStatus" || reply.status.unreachableGroups.length > 0) return "Not all answer";
    const wrong = reply.status.nodes.find((node) => !this.#agrees(node));
    return wrong === undefined ? null : toldOf(wrong, this.#wanted.get(wrong.record.node));
  }

  /** All groups of the node say that it takes part, or that it does not. */
  #agrees({ record, components, groups }: NodeStatus): boolean {
    const words = components.filter(({ group }) => groups.includes(group)).map(({ status }) => meaningOf(status));
    const wanted = this.#wanted.get(record.node);
    if (words.length < groups.length || words.includes(null)) return false;
    return wanted === undefined ? this.#isChurned || new Set(words).size <= 1 : words.every((word) => word === wanted);
  }

  #ask(request: Request): Reply | null {
    const answers: (Reply | null)[] = [];
    const { world } = this.testbed;
    const done = (reply: Reply | null) => answers.push(reply);
    this.#random.pick(world.nodes).call(request, askMs, { reply: done, watch: () => {}, lost: () => done(null) });
    while (answers.length === 0) world.runFor(10);
    return answers[0] ?? null;
  }

  #until(what: string, missing: () => string | null, withinMs: number): void {
    const { world } = this.testbed;
    const untilMs = world.nowMs + withinMs;
    for (let why = missing(); why !== null; why = missing()) {
      assert.ok(world.nowMs < untilMs, `${what}: not within ${withinMs} ms: ${why}`);
      world.runFor(100);
    }
  }
}

function outcomeOf(reply: Reply | null): string {
  if (reply === null) return "lost";
  if (reply.type === "failed") return reply.failure.code;
  return reply.type === "drainNode" && reply.unreachable.length > 0 ? "skipped" : "done";
}

/** null: not there, or not known. */
function meaningOf(status: RecoveryStatus): Intent | null {
  if (status === "up") return "none";
  return status === "draining" || status === "maintenance" ? "drained" : null;
}

function toldOf({ record, components, intent }: NodeStatus, wanted: Intent | undefined): string {
  const words = components.map(({ group, status, index }) => `${group} ${status}@${index}`).join(", ");
  return `${record.node} is ${words}, wanted is ${wanted}, on record ${JSON.stringify(intent)}`;
}

for (const [what, changes] of [
  ["power losses and cuts", {}],
  ["power losses, cuts and changes of owner lists", { churn }],
] as const) {
  test(`the groups of a node agree on what operators want of it after ${what}`, (t) => {
    for (let seed = 1; seed <= seeds; seed++) {
      try {
        const trial = new Trial(seed, changes);
        trial.play();
        t.diagnostic(`seed ${seed}: ${JSON.stringify(trial.told)}`);
      } catch (reason) {
        throw new Error(`Seed ${seed}: ${(reason as Error).message}`, { cause: reason });
      }
    }
  });
}
