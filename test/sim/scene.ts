// A cluster of a test's own shape on which nothing strikes by itself: clients use it, the checkers watch it, and the test
// decides what befalls it and when.

import assert from "node:assert/strict";
import { type NodeId, toGroupId, toNodeId } from "../../proto/ids.ts";
import type { GroupRequest, Reply, Request } from "../../proto/requests.ts";
import { checkKeys } from "../../server/simulation/checkers/linearizability/keys.ts";
import { checkReplay, since } from "../../server/simulation/checkers/replay.ts";
import { checkScope } from "../../server/simulation/checkers/scope.ts";
import { readHeld } from "../../server/simulation/checkers/timeline-reader.ts";
import { calmLink } from "../../server/simulation/link-options.ts";
import { plainBootstrap } from "../../server/simulation/reference-topology.ts";
import { type SimOptions, withoutAgents } from "../../server/simulation/run-options.ts";
import { calmDisk } from "../../server/simulation/sim-disk.ts";
import type { SimNode } from "../../server/simulation/sim-node.ts";
import { Testbed } from "../../server/simulation/testbed.ts";
import { type Topology, topologyOf } from "../../server/simulation/topology.ts";
import { bytesOf } from "../../storage/bytes.ts";

export const group = toGroupId("rg1");

const newest = { revision: null, consistency: "linearizable" } as const;

interface Shape {
  readonly nodes: readonly NodeId[];
  readonly owners: readonly NodeId[];
  /** Of the cluster group. */
  readonly voters: readonly NodeId[];
}

export class Scene {
  readonly testbed: Testbed;
  /** Of the group, as far as anyone knows: the newest to say so. */
  leader: NodeId;

  constructor(seed: number, { nodes, owners, voters }: Shape, changes: Partial<SimOptions> = {}) {
    const topology = topologyOf(plainBootstrap(nodes, [[group, owners]], voters));
    this.testbed = new Testbed({ ...calmOptions(seed, topology), ...changes });
    this.leader = owners[0] as NodeId;
    const { world, clients } = this.testbed;
    world.observe({
      noted: (node, _level, text, fields) => {
        if (text === "Role changed" && fields["group"] === group && fields["role"] === "leader") this.leader = node;
      },
    });
    for (const node of world.nodes) node.start();
    world.runFor(3_000);
    clients.start();
    world.runFor(1_000);
  }

  get nowMs(): number {
    return this.testbed.world.nowMs;
  }

  node(node: NodeId): SimNode {
    return this.testbed.world.node(node);
  }

  runFor(durationMs: number): void {
    this.testbed.world.runFor(durationMs);
  }

  /** Runs on until it is so. */
  until(what: string, isSo: () => boolean, withinMs: number, stepMs = 20): void {
    const untilMs = this.nowMs + withinMs;
    while (!isSo()) {
      assert.ok(this.nowMs < untilMs, `${what}: not within ${withinMs} ms`);
      this.runFor(stepMs);
    }
  }

  /** Loses power now, and is started again after a while. */
  crash(node: NodeId, downMs: number): void {
    const crashed = this.node(node);
    if (!crashed.isRunning) return;
    crashed.crash("power");
    this.testbed.world.scheduler.after(downMs, () => crashed.start());
  }

  /** Asks a running node again and again. @returns a box that holds the answer once it has come */
  ask<Type extends Reply["type"]>(through: NodeId, request: Request, wanted: Type): Asked<Type> {
    const asked: Asked<Type> = { answer: null };
    const again = () => this.testbed.world.scheduler.after(200, attempt);
    const attempt = () => {
      if (!this.node(through).isRunning) return again();
      const reply = (given: Reply) => {
        if (given.type === wanted) asked.answer = given as Extract<Reply, { type: Type }>;
        else again();
      };
      return this.node(through).call(request, 5_000, { reply, watch: () => {}, lost: again });
    };
    attempt();
    return asked;
  }

  /** Every answer that a client had agrees with what these owners hold in the end, who hold the same. */
  compare(owners: readonly NodeId[]): number {
    const { clients, history, world } = this.testbed;
    clients.stop();
    this.runFor(1_500);
    this.#readAll(owners);
    let compared = 0;
    for (const owner of owners) {
      const timeline = readHeld(world, group, this.node(owner));
      compared += checkReplay(timeline, since(history.operations, timeline));
    }
    assert.equal(checkKeys(group, history.operations).undecided, 0);
    return compared;
  }

  /** Whether every row on every disk lies where it may, `owners` being those of the group. Everybody is down afterwards. */
  checkScope(owners: readonly NodeId[]): void {
    const { world } = this.testbed;
    // The end of a process brings to the disk what waited in memory to be written with the next sync.
    for (const node of world.nodes) if (node.isRunning) node.crash("process");
    checkScope(world, new Map([[group, owners]]));
  }

  /** Of each key, as an operation of the history: whatever was acknowledged for the key must show. */
  #readAll(through: readonly NodeId[]): void {
    const { history, options } = this.testbed;
    for (const node of through) {
      for (let number = 1; number <= options.workload.keysPerGroup; number++) {
        const request: GroupRequest = { type: "get", group, key: bytesOf(`key-${number}`), ...newest };
        const dueMs = this.nowMs + 2_000;
        const operation = history.begin({ client: -1, node, group, request, invokedMs: this.nowMs, dueMs });
        const reply = (given: Reply) => history.answered(operation, given, this.nowMs);
        this.node(node).call(request, 2_000, { reply, watch: () => {}, lost: () => {} });
      }
    }
    this.runFor(1_000);
    const open = history.operations.find(({ client, outcome }) => client === -1 && outcome?.type !== "ok");
    assert.equal(open, undefined, `${open?.node} does not read ${group} in the end`);
  }
}

export interface Asked<Type extends Reply["type"]> {
  answer: Extract<Reply, { type: Type }> | null;
}

export function namesOf(names: string): readonly NodeId[] {
  return names.split(" ").map(toNodeId);
}

/** A few clients that read and write, and nothing else. */
export const calmWorkload = {
  clients: 3,
  thinkMsMean: 40,
  burstProbability: 0.05,
  keysPerGroup: 4,
  valueBytesMax: 32,
  budgetMsMax: 1_000,
  watches: 0,
  variedWatches: false,
  stateWatches: 0,
  transfers: 0,
  leases: 0,
  leaseTtlMsMax: 3_000,
  identities: false,
};

export function calmOptions(seed: number, topology: Topology): SimOptions {
  return {
    seed,
    topology,
    safetyMs: 0,
    livenessMsMax: 0,
    logEntriesKept: 20_000,
    workload: calmWorkload,
    link: calmLink,
    disk: calmDisk,
    gossip: "normal",
    carry: "codec",
    crash: null,
    partition: null,
    lossyPath: null,
    pause: null,
    stall: null,
    clockRate: null,
    wallClock: null,
    diskFailure: null,
    stuckDisk: null,
    churn: null,
    bitRot: null,
    ...withoutAgents,
    core: null,
  };
}
