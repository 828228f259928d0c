// Reads that a manager answers from its lease while it is cut off from all others: nothing old at the very edge of the
// configured bound of clock rates, and old values beyond it, for the bound is all that they rest on.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeId } from "../../proto/ids.ts";
import type { GroupRequest, Reply } from "../../proto/requests.ts";
import { type ClockRates, ratesWithin } from "../../server/simulation/clock-rates.ts";
import { plainBootstrap } from "../../server/simulation/reference-topology.ts";
import { topologyOf } from "../../server/simulation/topology.ts";
import { Violation } from "../../server/simulation/violation.ts";
import { bytesOf } from "../../storage/bytes.ts";
import { group, namesOf, Scene } from "./scene.ts";

const owners = namesOf("n1 n2 n3");
const leaseRead = { clockRateErrorMax: 0.5 };
const cuts = 6;
const everyMs = 4;
const key = bytesOf("key-1");
const read: GroupRequest = { type: "get", group, key, revision: null, consistency: "linearizable" };
const workload = {
  ...{ clients: 1, thinkMsMean: 100, burstProbability: 0, keysPerGroup: 1 },
  ...{
    valueBytesMax: 32,
    budgetMsMax: 500,
    watches: 0,
    variedWatches: false,
    stateWatches: 0,
    transfers: 0,
    leases: 0,
    leaseTtlMsMax: 3_000,
    identities: false,
  },
};

class LeaseScene extends Scene {
  /** Reads that a manager answered while nobody could confirm it. */
  answered = 0;
  #writes = 0;

  constructor(seed: number) {
    const topology = topologyOf({ ...plainBootstrap(owners, [[group, owners]], owners), leaseRead });
    super(seed, { nodes: owners, owners, voters: owners }, { topology, workload });
  }

  /** The manager's clock runs slow and all others fast; then it is cut off until they have had another one for a while. */
  cutOffManager({ rateMin, rateMax }: ClockRates): void {
    const { leader } = this;
    const others = owners.filter((node) => node !== leader);
    for (const node of owners) this.node(node).setClockRate(node === leader ? rateMin : rateMax);
    this.runFor(1_000);
    for (const other of others) this.#cut(leader, other);
    this.#readAndWrite(leader, others, 2_500);
    this.testbed.world.network.connections.unblockAll();
    this.runFor(2_000);
  }

  #cut(left: NodeId, right: NodeId): void {
    const { connections } = this.testbed.world.network;
    connections.block(left, right);
    connections.block(right, left);
  }

  /** An old value shows only to a read that begins right after a write of the next manager. */
  #readAndWrite(cutOff: NodeId, others: readonly NodeId[], durationMs: number): void {
    const untilMs = this.nowMs + durationMs;
    for (let turn = 0; this.nowMs < untilMs; turn++) {
      this.#operate(cutOff, read, () => {
        this.answered += 1;
      });
      const value = bytesOf(`cut-off-${++this.#writes}`);
      const rest = { lease: 0, ifModRevision: null, fence: null, returnPrevious: false };
      const through = others[turn % others.length] as NodeId;
      this.#operate(through, { type: "put", group, key, value, ...rest }, () => {});
      this.runFor(everyMs);
    }
  }

  #operate(node: NodeId, request: GroupRequest, done: () => void): void {
    const { history } = this.testbed;
    const invokedMs = this.nowMs;
    const operation = history.begin({ client: 0, node, group, request, invokedMs, dueMs: invokedMs + 1_000 });
    const reply = (given: Reply) => {
      history.answered(operation, given, this.nowMs);
      if (given.type !== "failed") done();
    };
    const lost = () => {};
    this.node(node).call(request, 300, { reply, watch: () => {}, lost });
  }
}

function play(seed: number, rates: ClockRates): number {
  const scene = new LeaseScene(seed);
  for (let cut = 0; cut < cuts; cut++) scene.cutOffManager(rates);
  scene.compare(owners);
  return scene.answered;
}

for (let seed = 1; seed <= 3; seed++) {
  test(`a manager that is cut off answers from its lease, and nothing old, seed ${seed}`, () => {
    assert.ok(play(seed, ratesWithin(leaseRead)) > 0);
  });
}

test("clocks beyond the bound make a manager that is cut off answer with old values", () => {
  const { rateMin, rateMax } = ratesWithin(leaseRead);
  const isOld = (error: unknown) => error instanceof Violation && error.kind === "correctness";
  assert.throws(() => play(1, { rateMin: rateMin / 2, rateMax }), isOld);
});
